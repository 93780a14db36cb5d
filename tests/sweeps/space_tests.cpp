// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <catch2/catch.hpp>

#include "sweeps/space.hpp"
#include "sweeps/study.hpp"
#include "tests/sweeps/fake_study.hpp"

using namespace tilewright::sweeps;
using nlohmann::json;

namespace {

std::string labels(const Point& point) {
    std::string text;
    for (const auto& [name, label] : point.labels) text += (text.empty() ? "" : " ") + label;
    return text;
}

std::string error_of(const json& document) {
    try {
        parse_study(document);
    } catch (const StudyError& error) {
        return error.pointer() + ": " + error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("the last parameter of a space varies fastest and exclusions close up", "[sweeps]") {
    const Space space(parse_study(testing::study_document()));
    REQUIRE(space.size() == 3 * 4 * 2 - 2);
    CHECK(labels(space.point(0)) == "W4A4 8 256");
    CHECK(labels(space.point(1)) == "W4A4 8 512");
    CHECK(labels(space.point(2)) == "W4A4 16 256");
    CHECK(labels(space.point(8)) == "W8A8 8 256");
    CHECK(labels(space.point(21)) == "W16A16 32 512");
    for (std::size_t i = 0; i < space.size(); ++i) {
        const Point point = space.point(i);
        CHECK(point.index == i);
        const bool excluded = point.labels[0].second == "W16A16" && point.labels[1].second == "64";
        CHECK_FALSE(excluded);
    }
    CHECK_THROWS_AS(space.point(22), SpaceError);
}

TEST_CASE("a point carries all assignments of its values", "[sweeps]") {
    const Point point = Space(parse_study(testing::study_document())).point(9);
    std::map<std::string, json> set;
    for (const Assignment& assignment : point.assignments) set[assignment.pointer] = assignment.value;
    CHECK(set == std::map<std::string, json>{{"/recipe/weights/format", "int8"},
                                             {"/recipe/activations/format", "int8"},
                                             {"/mapping/tile/outputs", 8},
                                             {"/memory_ports/0/width_bits", 512}});
}

TEST_CASE("shards are disjoint and together the whole space", "[sweeps]") {
    const Space space(parse_study(testing::study_document()));
    for (const std::size_t count : {1U, 2U, 3U, 7U, 22U, 40U}) {
        std::set<std::size_t> seen;
        std::size_t total = 0;
        for (std::size_t index = 1; index <= count; ++index) {
            const Shard shard{index, count};
            for (const std::size_t i : space.indices(shard)) {
                CHECK(shard.contains(i));
                CHECK(i % count == index - 1);
                seen.insert(i);
                ++total;
            }
        }
        CHECK(total == space.size());
        CHECK(seen.size() == space.size());
    }
}

TEST_CASE("shards are written I/N", "[sweeps]") {
    CHECK(parse_shard("2/8").index == 2);
    CHECK(parse_shard("2/8").count == 8);
    for (const char* wrong : {"", "2", "0/3", "4/3", "1/0", "a/3", "1/3x", "-1/3", "1/", "/3", "1 /3"})
        CHECK_THROWS_AS(parse_shard(wrong), SpaceError);
}

TEST_CASE("points can only compete within parameters that there are", "[sweeps]") {
    json document = testing::study_document();
    document["compare_within"] = {"port", "tyle"};
    CHECK_THAT(error_of(document), Catch::Matchers::StartsWith("/compare_within/1: there is no parameter "
                                                               "\"tyle\"; there are format, tile, port"));
    document["compare_within"] = {"port"};
    CHECK(parse_study(document).compare_within == std::vector<std::size_t>{2});
}

TEST_CASE("a space without points or with too many is refused", "[sweeps]") {
    json document = testing::study_document();
    document["exclude"] = {{{"port", 256}}, {{"port", 512}}};
    CHECK_THROWS_AS(Space(parse_study(document)), SpaceError);

    document = testing::study_document();
    for (int i = 0; i < 30; ++i)
        document["parameters"].push_back({{"name", fmt::format("p{}", i)},
                                          {"pointer", fmt::format("/p{}", i)},
                                          {"values", {0, 1, 2, 3, 4}}});
    CHECK_THROWS_AS(Space(parse_study(document)), SpaceError);
}

TEST_CASE("labels of plain values are their compact JSON", "[sweeps]") {
    CHECK(label_of(8) == "8");
    CHECK(label_of("mnk") == "mnk");
    CHECK(label_of(true) == "true");
    CHECK(label_of(0.5) == "0.5");
    CHECK(label_of(json{1, 2}) == "[1,2]");
}

TEST_CASE("a study's mistakes are named with their place", "[sweeps]") {
    using Catch::Matchers::Contains;
    json document = testing::study_document();
    document["exclude"][0] = {{"formt", "W4A4"}};
    CHECK_THAT(error_of(document),
               Contains("/exclude/0") && Contains("formt") && Contains("format, tile, port"));

    document = testing::study_document();
    document["exclude"][0] = {{"tile", 65}};
    CHECK_THAT(error_of(document), Contains("/exclude/0") && Contains("\"65\"") && Contains("8, 16, 32, 64"));

    document = testing::study_document();
    document["parameters"][1].erase("pointer");
    CHECK_THAT(error_of(document), Contains("/parameters/1/values/0") && Contains("pointer"));

    document = testing::study_document();
    document["parameters"][1]["pointer"] = "mapping";
    CHECK_THAT(error_of(document), Contains("/parameters/1/pointer"));

    document = testing::study_document();
    document["parameters"][1]["values"] = {8, 16, 8};
    CHECK_THAT(error_of(document), Contains("/parameters/1/values/2") && Contains("twice"));

    document = testing::study_document();
    document["parameters"][2]["pointer"] = "/mapping/tile/outputs";
    CHECK_THAT(error_of(document), Contains("both set /mapping/tile/outputs"));

    // A part of what another one sets as a whole: void if that comes later.
    const auto whole = [](const json& value) {
        return json{{"label", value.dump()}, {"set", {{"/mapping", value}}}};
    };
    document = testing::study_document();
    document["parameters"].push_back(
        {{"name", "mapping"},
         {"values", {whole({{"tile", {{"outputs", 8}}}}), whole({{"unroll", "full"}})}}});
    CHECK_THAT(error_of(document), Contains("parameter \"mapping\" sets all of /mapping") &&
                                       Contains("allowed: parameter \"mapping\" before it"));
    std::rotate(document["parameters"].begin(), document["parameters"].end() - 1,
                document["parameters"].end());
    CHECK_NOTHROW(parse_study(document));

    document = testing::study_document();
    document["columns"][0]["name"] = "energy";
    CHECK_THAT(error_of(document), Contains("/columns/0/name") && Contains("energy"));

    document = testing::study_document();
    document.erase("base");
    CHECK_THAT(error_of(document), Contains("base"));
}
