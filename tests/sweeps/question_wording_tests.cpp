// SPDX-License-Identifier: Apache-2.0
// Questions that say the same in other words, and designs that would be an answer but do not fit.
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/sweeps/asked_study.hpp"

using namespace tilewright::sweeps;
using nlohmann::json;
using testing::asked;

TEST_CASE("other words for the same question give the same statement", "[questions]") {
    const std::pair<std::string, std::string> same[] = {
        {"DSP below 0.6k", "DSP below 600"},
        {"DSP below 0.0006 million", "DSP below 600"},
        {"at least 20 tok/s", "at least 20 tokens/s"},
        {"throughput at least 20 tps", "at least 20 tokens/s"},
        {"at least 0.02k tokens/s", "at least 20 tokens/s"},
        {"DSP below 1,000", "DSP below 1000"},
        {"DSP below 1,000,000", "DSP below 1000000"},
        {"at least 20 token/s", "at least 20 tokens/s"},
        {"at least 20 token per second", "at least 20 tokens per second"},
        {"throughput greater than or equal to 20", "throughput at least 20"},
        {"energy less than or equal to 0.2 J", "energy at most 0.2 J"},
        {"no fewer than 600 DSP", "at least 600 DSP"},
        {"between 20 and 40 tokens/s", "throughput between 20 and 40 tokens/s"},
        {"W4A4 between 0.1 and 0.2 J", "W4A4 with energy between 0.1 and 0.2 J"},
        {"max throughput", "highest throughput"},
        {"min energy", "lowest energy"},
        {"W4A4 vs W8A8", "W4A4 or W8A8"},
        {"W4A4 versus W8A8", "W4A4 or W8A8"},
        {"more than 20 tokens/s but less than 40 tokens/s",
         "more than 20 tokens/s and less than 40 tokens/s"},
        {"energy 0.2 J or less", "energy at most 0.2 J"},
        {"0.2 J or less and 20 tokens/s or more", "at most 0.2 J and at least 20 tokens/s"},
        {"600 DSP or fewer", "at most 600 DSP"},
        {"600 or more DSP", "at least 600 DSP"},
        {"area 30 % or below, W4A4", "area at most 30 %, W4A4"},
        {"area at least 35 %", "area at least 0.35"},
        {"area below 57 %", "area below 0.57"},
        {"tile 16 or less", "tile at most 16"},
        {"2nd fastest W4A4", "second fastest W4A4"},
        {"tile 16,32", "tile 16 or 32"},
        {"tile 16,32 but not W4A4", "tile 16 or 32, not W4A4"},
    };
    for (const auto& [one, other] : same) {
        CAPTURE(one, other);
        CHECK(asked().sql(one) == asked().sql(other));
    }
    // What is asked of one against the other is asked of each.
    const std::pair<std::string, std::string> each[] = {
        {"average energy of W4A4 vs W8A8", "average energy of W4A4 or W8A8 for each format"},
        {"fastest W4A4 vs W8A8", "fastest W4A4 or W8A8 for each format"},
        {"how many designs, tile 16 vs tile 32", "how many designs, tile 16 or 32, for each tile"},
        {"fastest for each tile, W4A4 compared with W8A8",
         "fastest for each tile and format with W4A4 or W8A8"},
        {"fastest W4A4 vs W8A8 for each format", "fastest W4A4 or W8A8 for each format"},
    };
    for (const auto& [one, other] : each) {
        CAPTURE(one, other);
        CHECK(asked().sql(one) == asked().sql(other));
        CHECK(asked().ask(one).size() > 1);
    }
    // Only whole thousands: the others may be a list.
    CHECK(asked().sql("DSP between 100,600") == asked().sql("DSP between 100 and 600"));
}

TEST_CASE("the second and the third are those behind the first ones", "[questions]") {
    const auto first = [](const std::string& question) { return asked().ask(question); };
    const auto three = first("3 fastest");
    REQUIRE(three.size() == 3);
    CHECK(first("which design is the second fastest?") == json::array({three[1]}));
    CHECK(first("third highest throughput") == json::array({three[2]}));
    const auto two = first("2 lowest energy for each format");
    const auto second = first("second lowest energy for each format");
    REQUIRE(2 * second.size() == two.size());
    for (std::size_t i = 0; i < second.size(); ++i) CHECK(second[i] == two[2 * i + 1]);
    const auto refused = [](const std::string& question) {
        CHECK_THROWS_AS(asked().sql(question), QuestionError);
    };
    refused("fastest not W4A4 vs W8A8");
    refused("fastest W4A4 not W8A8 vs W4A4");
    refused("throughput vs energy");
    refused("second fastest 5");
    refused("5 second fastest");
    refused("the second design");
    refused("or less");
    refused("energy or less");
    refused("1 or less");
    refused("fusion none or less");
}

TEST_CASE("words of one label are those of the others that hold them") {
    std::vector<AskedColumn> columns(2);
    columns[0].name = "layers";
    columns[0].values = {"LUT", "AI Engines, 256 tiles", "out_proj on AI Engines, 32x32", "LUT, 32x32",
                         "DSPs"};
    columns[1].name = "throughput";
    columns[1].metric = "/throughput/value";
    columns[1].numeric = true;
    const auto layers = [&](const std::string& question) {
        const auto query = parse_question(question, columns);
        REQUIRE(query.conditions.size() == 1);
        return query.conditions[0].values;
    };
    const std::vector<std::string> engines = {"AI Engines, 256 tiles", "out_proj on AI Engines, 32x32"};
    CHECK(layers("fastest with AI Engines") == engines);
    CHECK(layers("how many designs without AI Engines") == engines);
    CHECK(layers("256 tiles") == std::vector<std::string>{engines[0]});
    CHECK(layers("32x32") == std::vector<std::string>{engines[1], "LUT, 32x32"});
    // A whole label, and what is a part of others by its comma.
    CHECK(layers("fastest LUT") == std::vector<std::string>{"LUT", "LUT, 32x32"});
}

TEST_CASE("megahertz are no thousandths") {
    std::vector<AskedColumn> columns(1);
    columns[0].name = "clock";
    columns[0].unit = "Hz";
    columns[0].metric = "/config/design/clock_hz";
    columns[0].numeric = true;
    const auto number = [&](const std::string& question) {
        return parse_question(question, columns).conditions.at(0).number;
    };
    CHECK(number("clock above 300 MHz") == 300e6);
    CHECK(number("clock above 0.5 GHz") == 5e8);
    CHECK(number("clock above 300000 kHz") == 3e8);
}

TEST_CASE("designs that are asked for and do not fit are counted", "[questions]") {
    const auto& all = asked();
    const auto misfits = [&](const std::string& question) {
        const auto sql = misfits_sql(parse_question(question, all.columns), all.columns);
        return PointsDatabase(all.table).answer(sql).rows.at(0).cells.at(0).get<std::int64_t>();
    };
    const auto count = [&](const std::string& format) {
        return static_cast<std::int64_t>(all.rows([&](const nlohmann::json& row) {
                                                return row.at("status") == "does_not_fit" &&
                                                       (format.empty() || row.at("format") == format);
                                            })
                                             .size());
    };
    REQUIRE(count("") > 0);
    std::int64_t sum = 0;
    for (const auto* format : {"W4A4", "W8A8", "W16A16"}) {
        CHECK(misfits(std::string("does ") + format + " fit") == count(format));
        CHECK(misfits(std::string("fastest ") + format) == count(format));
        sum += count(format);
    }
    CHECK(sum == count(""));
}
