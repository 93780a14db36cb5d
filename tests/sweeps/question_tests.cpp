// SPDX-License-Identifier: Apache-2.0
// Questions in plain English: answers against the rows themselves, and what is refused.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "tests/sweeps/asked_study.hpp"

using namespace tilewright::sweeps;
using Catch::Contains;
using nlohmann::json;
using testing::asked;

namespace {

bool ok(const json& row) {
    return row.at("status") == "ok";
}

// Of each answer the cells that the row has.
bool same_points(const json& answer, const std::vector<json>& rows) {
    if (answer.size() != rows.size()) return false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (const auto& [name, cell] : answer[i].items()) {
            // The database stores text that is a number as one.
            const auto text =
                rows[i].at(name).is_string() ? rows[i].at(name).get<std::string>() : rows[i].at(name).dump();
            if (cell != rows[i].at(name) && label_of(cell) != text) return false;
        }
    }
    return true;
}

std::string refusal(const std::string& question) {
    try {
        return "understood: " + asked().sql(question);
    } catch (const QuestionError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("a question chooses the points that it describes", "[questions]") {
    const auto& all = asked();
    const auto check = [&](const std::string& question, const std::function<bool(const json&)>& chosen) {
        CAPTURE(question, all.sql(question));
        const auto rows = all.rows(chosen);
        CHECK(!rows.empty());
        CHECK(rows.size() < all.table.rows.size());
        CHECK(same_points(all.ask(question), rows));
    };
    check("Which W4A4 designs are there?",
          [](const json& row) { return ok(row) && row.at("format") == "W4A4"; });
    check("show W4A4 and w8a8 with tile 16 or 32", [](const json& row) {
        return ok(row) && row.at("format") != "W16A16" && (row.at("tile") == 16 || row.at("tile") == 32);
    });
    check("designs with energy under 200 mJ per token",
          [](const json& row) { return ok(row) && row.at("energy").get<double>() < 0.2; });
    check("at least 20 tokens/s and energy not above 0.15 J", [](const json& row) {
        return ok(row) && row.at("throughput").get<double>() >= 20 && row.at("energy").get<double>() <= 0.15;
    });
    check("faster than 30 tokens per second",
          [](const json& row) { return ok(row) && row.at("throughput").get<double>() > 30; });
    check("energy between 0.1 and 0.2 J", [](const json& row) {
        return ok(row) && row.at("energy").get<double>() >= 0.1 && row.at("energy").get<double>() <= 0.2;
    });
    check("luts <= 20% but not W4A4", [](const json& row) {
        return ok(row) && row.at("luts").get<double>() <= 0.2 && row.at("format") != "W4A4";
    });
    check("less than 600 DSP without fusion", [](const json& row) {
        return ok(row) && row.at("DSP").get<double>() < 600 && row.at("fusion") == "none";
    });
    check("with fusion, port = 512", [](const json& row) {
        return ok(row) && row.at("fusion") == "fine_grained" && row.at("port") == 512;
    });
    check("fine-grained fusion and 64 vector lanes", [](const json& row) {
        return ok(row) && row.at("fusion") == "fine_grained" && row.at("vector lanes") == "64";
    });
    check("vector lanes above 32", [](const json& row) { return ok(row) && row.at("vector lanes") == "64"; });
    // Parts of a label: both hold if they can.
    check("32x64 unit", [](const json& row) {
        return ok(row) && (row.at("unit") == "DSP, 32x64" || row.at("unit") == "LUT, 32x64");
    });
    check("32x64 LUT unit", [](const json& row) { return ok(row) && row.at("unit") == "LUT, 32x64"; });
    check("less than 20 % of area",
          [](const json& row) { return ok(row) && row.at("area").get<double>() < 0.2; });
    check("luts between 10 and 15 %", [](const json& row) {
        return ok(row) && row.at("luts").get<double>() >= 0.1 && row.at("luts").get<double>() <= 0.15;
    });
    check("all but those on the Pareto front",
          [](const json& row) { return ok(row) && !row.at("pareto").get<bool>(); });
    // What is said of the first of a list is said of the others.
    const auto w16a16 = [](const json& row) { return ok(row) && row.at("format") == "W16A16"; };
    check("except W4A4 and W8A8", w16a16);
    check("no W4A4 or W8A8", w16a16);
    check("excluding tile 8 and tile 16, W4A4", [](const json& row) {
        return ok(row) && row.at("format") == "W4A4" && row.at("tile").get<int>() > 16;
    });
    check("tile 8, 16 or 64", [](const json& row) { return ok(row) && row.at("tile") != 32; });
    check("not under 0.15 J and tile 8", [](const json& row) {
        return ok(row) && row.at("energy").get<double>() >= 0.15 && row.at("tile") == 8;
    });
    check("energy above 100 and below 200 mJ", [](const json& row) {
        return ok(row) && row.at("energy").get<double>() > 0.1 && row.at("energy").get<double>() < 0.2;
    });
    check("energy between 100 mJ and 200", [](const json& row) {
        return ok(row) && row.at("energy").get<double>() >= 0.1 && row.at("energy").get<double>() <= 0.2;
    });
    check("not W4A4 and with tile 8",
          [](const json& row) { return ok(row) && row.at("format") != "W4A4" && row.at("tile") == 8; });
    check("format not W4A4 and tile 8",
          [](const json& row) { return ok(row) && row.at("format") != "W4A4" && row.at("tile") == 8; });
    check("designs (W4A4 or W8A8) with tile (8)",
          [](const json& row) { return ok(row) && row.at("format") != "W16A16" && row.at("tile") == 8; });
    check("not W4A4 and not tile 8",
          [](const json& row) { return ok(row) && row.at("format") != "W4A4" && row.at("tile") != 8; });
    check("without fusion for W4A4", [](const json& row) {
        return ok(row) && row.at("fusion") == "none" && row.at("format") == "W4A4";
    });
    check("excluding W4A4 and with tile 8",
          [](const json& row) { return ok(row) && row.at("format") != "W4A4" && row.at("tile") == 8; });
    check("not W4A4, tile 8",
          [](const json& row) { return ok(row) && row.at("format") != "W4A4" && row.at("tile") == 8; });
    check("energy between 100 and 200 mJ", [](const json& row) {
        return ok(row) && row.at("energy").get<double>() >= 0.1 && row.at("energy").get<double>() <= 0.2;
    });
    check("luts over 10 % and under 20 % and at least 20 tokens/s", [](const json& row) {
        return ok(row) && row.at("luts").get<double>() > 0.1 && row.at("luts").get<double>() < 0.2 &&
               row.at("throughput").get<double>() >= 20;
    });
    check("format != W4A4", [](const json& row) { return ok(row) && row.at("format") != "W4A4"; });
    check("W4A4 designs that use fusion", [](const json& row) {
        return ok(row) && row.at("format") == "W4A4" && row.at("fusion") != "none";
    });
    check("which do not use fusion?", [](const json& row) { return ok(row) && row.at("fusion") == "none"; });
    check("not under 0.15 J",
          [](const json& row) { return ok(row) && row.at("energy").get<double>() >= 0.15; });
    // A word of every question is a value behind its parameter only.
    check("link on", [](const json& row) { return ok(row) && row.at("link") == "on"; });
    check("W4A4 on the Pareto front", [](const json& row) {
        return ok(row) && row.at("format") == "W4A4" && row.at("pareto").get<bool>();
    });
    check("unit none", [](const json& row) { return ok(row) && row.at("unit") == "none"; });
    check("Which points do not fit?", [](const json& row) { return row.at("status") == "does_not_fit"; });
    check("which are Pareto-optimal?",
          [](const json& row) { return ok(row) && row.at("pareto").get<bool>(); });
    check("W8A8 but not on the Pareto front", [](const json& row) {
        return ok(row) && row.at("format") == "W8A8" && !row.at("pareto").get<bool>();
    });
}

TEST_CASE("a question puts points in order", "[questions]") {
    const auto& all = asked();
    const auto check = [&](const std::string& question, std::size_t count, const char* by, bool descending,
                           const std::function<bool(const json&)>& chosen) {
        CAPTURE(question, all.sql(question));
        auto rows = all.rows(chosen);
        // Of equal ones those first that are better in the objectives.
        std::stable_sort(rows.begin(), rows.end(), [&](const json& a, const json& b) {
            const auto rank = [&](const json& row) {
                return std::vector<double>{(descending ? -1 : 1) * row.at(by).get<double>(),
                                           -row.at("throughput").get<double>(),
                                           row.at("energy").get<double>(), row.at("luts").get<double>()};
            };
            return rank(a) < rank(b);
        });
        REQUIRE(rows.size() > count);
        if (count > 0) rows.resize(count);
        CHECK(same_points(all.ask(question), rows));
    };
    const auto w8a8 = [](const json& row) { return ok(row) && row.at("format") == "W8A8"; };
    check("What is the fastest design?", 1, "throughput", true, ok);
    check("the slowest W8A8 design", 1, "throughput", false, w8a8);
    check("Which design has the lowest energy per token?", 1, "energy", false, ok);
    check("the 7 most efficient", 7, "energy", false, ok);
    check("three best W8A8 designs in energy", 3, "energy", false, w8a8);
    check("worst throughput", 1, "throughput", true, [](const json& row) {
        // The rows above are sorted: the worst is the last one of them.
        return ok(row) && row.at("throughput") == asked().ask("slowest")[0].at("throughput");
    });
    check("energy lowest", 1, "energy", false, ok);
    check("energy above -5 J, energy lowest", 1, "energy", false, ok);
    check("3 best designs by energy", 3, "energy", false, ok);
    check("W8A8, tile 16, fastest", 1, "throughput", true,
          [&](const json& row) { return w8a8(row) && row.at("tile") == 16; });
    check("fastest 32 tile design", 1, "throughput", true,
          [](const json& row) { return ok(row) && row.at("tile") == 32; });
    check("what’s the fastest?", 1, "throughput", true, ok);
    check("designs in order of energy", 0, "energy", false, ok);
    check("top 5 by luts", 5, "luts", false, ok);
    check("top 4 throughput", 4, "throughput", true, ok);
    check("W8A8 sorted by energy, descending", 0, "energy", true, w8a8);
    check("fewest DSP", 1, "DSP", false, ok);
    check("how many DSP has the fastest design?", 1, "throughput", true, ok);
    check("which has the most tokens per second", 1, "throughput", true, ok);
}

TEST_CASE("a question counts, averages and looks at groups", "[questions]") {
    const auto& all = asked();
    CHECK(all.ask("how many designs?")[0].at("designs") == all.rows(ok).size());
    CHECK(
        all.ask("number of W4A4 designs with tile 8")[0].at("designs") ==
        all.rows([](const json& row) { return ok(row) && row.at("format") == "W4A4" && row.at("tile") == 8; })
            .size());

    std::map<std::pair<std::string, int>, std::vector<json>> groups;
    for (const auto& row : all.rows(ok)) groups[{row.at("format"), row.at("tile")}].push_back(row);
    const auto averages = all.ask("average energy for each format and tile");
    REQUIRE(averages.size() == groups.size());
    for (const auto& answer : averages) {
        const auto& rows = groups.at({answer.at("format"), answer.at("tile")});
        double sum = 0;
        for (const auto& row : rows) sum += row.at("energy").get<double>();
        CHECK(answer.at("designs") == rows.size());
        CHECK(answer.at("average energy").get<double>() ==
              Approx(sum / static_cast<double>(rows.size())).epsilon(1e-12));
    }
    const auto fastest = all.ask("two fastest for each format and tile");
    REQUIRE(fastest.size() == 2 * groups.size());
    for (std::size_t i = 0; i < fastest.size(); i += 2) {
        auto rows = groups.at({fastest[i].at("format"), fastest[i].at("tile")});
        std::stable_sort(rows.begin(), rows.end(), [](const json& a, const json& b) {
            return a.at("throughput").get<double>() > b.at("throughput").get<double>();
        });
        CHECK(same_points(json{fastest[i], fastest[i + 1]}, {rows[0], rows[1]}));
    }
    const auto unfused = all.ask("fastest for each format, fusion none");
    REQUIRE(unfused.size() == 3);
    for (const auto& row : unfused) CHECK(row.at("fusion") == "none");
    const auto tiled = all.ask("fastest for each format, tile 16");
    REQUIRE(tiled.size() == 3);
    for (const auto& row : tiled) CHECK(row.at("tile") == 16);
    // Groups come in the order of the table, not of the alphabet.
    CHECK(averages.front().at("format") == "W4A4");
    CHECK(averages.back().at("format") == "W16A16");
    const auto lowest = all.ask("Which format has the lowest average energy?");
    REQUIRE(lowest.size() == 1);
    CHECK(lowest[0].at("format") == "W4A4");
    const auto misfits = all.ask("how many do not fit, by format");
    REQUIRE(misfits.size() == 2);
    CHECK(misfits[0].at("designs").get<std::size_t>() + misfits[1].at("designs").get<std::size_t>() ==
          all.rows([](const json& row) { return row.at("status") == "does_not_fit"; }).size());
}

TEST_CASE("a name may be a value, too", "[questions]") {
    const auto& all = asked();
    const auto units = [&](const std::string& question) {
        std::set<std::string> found;
        for (const auto& row : all.ask(question)) found.insert(row.at("unit"));
        return found;
    };
    const std::set<std::string> of_dsp = {"DSP, 32x32", "DSP, 32x64"};
    CHECK(units("unit DSP") == of_dsp);
    CHECK(units("DSP unit") == of_dsp);
    CHECK(units("W4A4 with DSP unit and DSP under 500") == of_dsp);
    CHECK(units("without DSP unit") == std::set<std::string>{"LUT, 32x64", "none", "odd,, -"});
    CHECK(units("DSP under 500").size() == 5);
    CHECK_THAT(refusal("fastest W4A4 on DSP"), Contains("say \"unit dsp\""));
    CHECK_THAT(refusal("W4A4 on DSP"), Contains("say \"unit dsp\""));
    // The number of designs is asked for, whatever is said of them.
    const auto few = all.rows([](const json& row) { return ok(row) && row.at("DSP").get<double>() < 500; });
    CHECK(all.ask("how many designs have DSP under 500?")[0].at("designs") == few.size());
    CHECK(all.ask("number of designs with less than 500 DSP")[0].at("designs") == few.size());
}

TEST_CASE("points that do not compete are looked at apart", "[questions]") {
    auto study = asked().study;
    study.compare_within = {2};  // port
    const auto columns = asked_columns(study, asked().table);
    const auto answer = [&](const std::string& question) {
        return table_to_json(
            PointsDatabase(asked().table).answer(to_sql(parse_question(question, columns), columns)));
    };
    const auto fastest = answer("fastest");
    REQUIRE(fastest.size() == 2);
    CHECK(fastest[0].at("port") == 256);
    CHECK(fastest[1].at("port") == 512);
    CHECK(fastest[1].at("throughput") == asked().ask("fastest")[0].at("throughput"));
    CHECK(fastest[0].at("throughput") == asked().ask("fastest with port 256")[0].at("throughput"));
    CHECK(answer("fastest with port 256").size() == 1);
    CHECK(answer("average energy").size() == 2);
    // Unless it is asked which of them.
    CHECK(json(answer("which port is the fastest")) == asked().ask("fastest"));
    CHECK_THROWS_AS(answer("which format has the lowest average energy"), QuestionError);
    CHECK(answer("sorted by energy").size() == asked().rows(ok).size());
}

TEST_CASE("what a question leaves open is asked back", "[questions]") {
    CHECK_THAT(refusal("which dsign is fastest"), Contains("\"dsign\" is not understood"));
    CHECK_THAT(refusal("best"), Contains("\"best\" in what?") && Contains("throughput, energy, luts, DSP"));
    CHECK_THAT(refusal("none"), Contains("\"fusion none\" or \"unit none\""));
    CHECK_THAT(refusal("tile 12"), Contains("tile has no value 12; it has 8, 16, 32, 64"));
    CHECK_THAT(refusal("energy under 5 tokens/s"), Contains("not in the unit of energy, which is J/token"));
    CHECK_THAT(refusal("under 5"), Contains("of what?"));
    CHECK_THAT(refusal("energy under"), Contains("compared with no number"));
    CHECK_THAT(refusal("format under 5"), Contains("format is no number; it is one of W4A4, W8A8, W16A16"));
    CHECK_THAT(refusal("highest throughput and lowest energy"), Contains("on the Pareto front"));
    CHECK_THAT(refusal("best DSP"), Contains("does not say which DSP is better"));
    CHECK_THAT(refusal("throughput by format"), Contains("what for each format?"));
    CHECK_THAT(refusal("fastest for each energy"), Contains("allowed: a parameter"));
    CHECK_THAT(refusal("W4A4 or energy under 1"), Contains("\"or\" is understood between values"));
    CHECK_THAT(refusal("without format"), Contains("format cannot be none"));
    CHECK_THAT(refusal("top 0 by energy"), Contains("no number of designs"));
    CHECK_THAT(refusal("top 5"), Contains("\"top\" in what?"));
    for (const auto* question :
         {"top 3 and lowest 2 throughput", "top 2 and slowest 3", "top 5 lowest 2 energy"}) {
        CHECK_THAT(refusal(question), Contains("only one number at a time"));
    }
    CHECK_THAT(refusal("average"), Contains("\"average\" of what?"));
    CHECK_THAT(refusal("excluding W4A4 and tile 8"), Contains("\"tile\" behind what is excluded") &&
                                                         Contains("\"and not\" or \"and with\" before it"));
    for (const auto* question :
         {"designs that are not W4A4 or tile 8", "without fusion and unit none",
          "excluding W4A4 designs and tile 8 designs", "excluding all W4A4 and all tile 8",
          "excluding W4A4, tile 8 and unit none", "except W4A4 with tile 8",
          "average energy without W4A4 and tile 8", "not W4A4 tile 8",
          "excluding energy above 0.1 J and DSP above 200", "excluding energy above 0.1 J and W4A4",
          "fastest excluding W4A4, tile 8 and energy above 0.1 J", "excluding W4A4 and energy above 0.1 J",
          "excluding W4A4 designs above 0.1 J", "without W4A4 above 0.1 J",
          "excluding W4A4 and the Pareto front", "excluding the Pareto front and W4A4",
          "excluding energy above 0.1 J with tile 8", "excluding W4A4 and those that do not fit",
          "excluding designs that are W4A4 and have tile 8"}) {
        CAPTURE(question);
        CHECK_THAT(refusal(question), Contains("behind what is excluded"));
    }
    CHECK_THAT(refusal("throughput with and without fusion"), Contains("\"with and\" is not understood"));
    CHECK_THAT(refusal("energy between 2 and 1 J"), Contains("the smaller energy first"));
    CHECK_THAT(refusal("not (W4A4 with tile 8)"), Contains("\"not (\" is not understood"));
    CHECK_THAT(refusal("W4A4, excluding (tile 8 and tile 16)"),
               Contains("\"excluding (\" is not understood"));
    // What a part of a question would be lost of.
    for (const auto* question : {"all designs but W4A4",
                                 "not only W4A4",
                                 "top 10 % by throughput",
                                 "10 % fastest",
                                 "average energy and throughput by format",
                                 "average energy and highest throughput for each format",
                                 "Which format has the lowest average energy for each tile",
                                 "What are the 2 fastest formats?",
                                 "How many formats are there?",
                                 "average throughput over 5 tokens/s by format",
                                 "W4A4 with tile 16 or W8A8 with tile 64",
                                 "What is the energy of the best design?",
                                 "throughput of the smallest design",
                                 "The best and the worst W4A4 designs in energy",
                                 "How many fit and how many do not fit?",
                                 "sorted by energy and throughput",
                                 "how many W4A4 designs and how many W8A8 designs",
                                 "Pareto front of throughput and energy",
                                 "energy under 1 MJ",
                                 "designs whose energy is too large",
                                 "lowest energy per image",
                                 "32x32 LUT unit",
                                 "32x64 LUT or none unit",
                                 "tile 16 fastest",
                                 "less than 30 % DSP",
                                 "under 10 %",
                                 "within 5 % of the highest throughput",
                                 "all but the 5 fastest designs",
                                 "without the 3 slowest",
                                 "5 lowest energy designs, descending",
                                 "5 fastest sorted by throughput ascending",
                                 "DSP and luts under 10 %",
                                 "under 10 % luts and DSP",
                                 "maximum of 200 DSP",
                                 "at the most 200 DSP",
                                 "luts within 10 % of the lowest luts",
                                 "sorted by energy for each format",
                                 "W4A4 designs, fastest first",
                                 "3 fastest W4A4 and 5 fastest W8A8",
                                 "W8A8 or the fastest W4A4",
                                 "designs that fit and designs that do not fit",
                                 "lowest energy and luts",
                                 "average throughput of the 5 fastest designs for each format",
                                 "top 3 W4A4 designs and their luts",
                                 "DSP unit 32x64 and 32x32",
                                 "How many DSP designs are there",
                                 "energy and luts Pareto front",
                                 "on the Pareto front of the energy and luts",
                                 "which do not fit in luts"}) {
        CAPTURE(question);
        CHECK_THAT(refusal(question), !Contains("understood: SELECT"));
    }
    CHECK_THAT(refusal("Pareto optimal in energy and DSP"), Contains("throughput, energy, luts together"));
    CHECK_THAT(refusal("tile under 50 %"), Contains("50 % is not in the unit of tile"));
    CHECK_THAT(refusal("fastest without energy"), Contains("allowed: \"without\" and a parameter"));
    CHECK_THAT(refusal("reach 8 tokens per second"), Contains("at least 8 tokens per second"));
    CHECK_THAT(refusal("not fastest"), Contains("\"not fastest\" is not understood"));
    CHECK_THAT(refusal("energy under 0.2 J, W4A4, lowest"), Contains("\"lowest\" in what?"));
    CHECK_THAT(refusal("area under 30"), Contains("area is a fraction, up to 1; allowed: 30 %"));
    CHECK_THAT(refusal("DSP under 1,500"), Contains("500 of what?"));
    CHECK_THAT(refusal("energy under and 5"), Contains("compared with no number"));
    CHECK_THAT(refusal("not"), Contains("\"not\" what?"));
    CHECK_THAT(refusal("what is the"), Contains("names nothing of the study"));
    CHECK_THAT(refusal(""), Contains("names nothing of the study"));
}
