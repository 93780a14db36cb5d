// SPDX-License-Identifier: Apache-2.0
// Questions about the results of a sweep, from the command line.
#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

#include "program.hpp"
#include "small_study.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// Bounds take no time.
std::string study_text() {
    auto study = small_study();
    study["fidelity"] = "bound";
    return study.dump();
}

bool fits(const json& row) {
    return row.at("status") == "ok";
}

}  // namespace

TEST_CASE("a question about a sweep is answered from its store") {
    const Workspace workspace;
    workspace.write("study.json", study_text());
    const auto missing = workspace.run("ask study.json 'fastest design' --store points.db");
    CHECK(missing.code == 2);
    CHECK_THAT(missing.err, Contains("there is no file points.db") && Contains("sweep --store"));
    CHECK_FALSE(fs::exists(workspace.path("points.db")));

    const auto part = json::parse(workspace.run("sweep study.json --json --store points.db --shard 1/2").out);
    REQUIRE(part.size() == 6);
    const auto of_part = workspace.run("ask study.json 'how many designs' --store points.db --json");
    CHECK(of_part.code == 0);
    CHECK_THAT(of_part.err, Contains("6 of 12 points have no result"));
    CHECK(json::parse(of_part.out).at("answer")[0].at("designs") ==
          std::count_if(part.begin(), part.end(), fits));

    const auto rows = json::parse(workspace.run("sweep study.json --json --store points.db").out);
    REQUIRE(rows.size() == 12);
    const auto answered =
        workspace.run("ask study.json 'What is the fastest design with 4 lanes?' --store points.db --json");
    CHECK(answered.code == 0);
    CHECK_THAT(answered.err, Contains("lower bounds") && !Contains("do not fit\n"));
    const auto document = json::parse(answered.out);
    CHECK(document.at("points_with_result") == 12);
    json fastest;
    for (const auto& row : rows) {
        if (row.at("lanes") != 4 || !fits(row)) continue;
        if (fastest.is_null() ||
            row.at("throughput").get<double>() > fastest.at("throughput").get<double>()) {
            fastest = row;
        }
    }
    REQUIRE(document.at("answer").size() == 1);
    for (const auto& [name, cell] : document.at("answer")[0].items()) CHECK(cell == fastest.at(name));

    // Whether they fit is answered with those that do not.
    const auto of_lanes = [&](const json& row) { return row.at("lanes") == 4 && !fits(row); };
    const auto misfits = std::count_if(rows.begin(), rows.end(), of_lanes);
    REQUIRE(misfits > 1);
    CHECK(document.at("others_do_not_fit") == misfits);
    const auto fitting = workspace.run("ask study.json 'do designs with 4 lanes fit?' --store points.db");
    CHECK(fitting.code == 0);
    CHECK_THAT(fitting.err,
               Contains(std::to_string(misfits) + " more with the parameters that are asked for do not fit"));
    // All of them, and where what is asked for are figures, which those that do not fit have none of.
    const auto all_misfits =
        std::count_if(rows.begin(), rows.end(), [](const json& row) { return !fits(row); });
    for (const auto* question :
         {"which designs fit?", "how many designs fit", "throughput above 1000000 tokens/s",
          "how many designs are there", "average energy", "fastest unroll partial vs full"}) {
        const auto run = workspace.run("ask study.json '" + std::string(question) + "' --store points.db");
        CAPTURE(question, run.err);
        CHECK(run.code == 0);
        CHECK_THAT(run.err, Contains(std::to_string(all_misfits) + " more"));
    }

    // The statement itself gives the same answer.
    workspace.write("statement.sql", document.at("sql").get<std::string>());
    const auto same = workspace.run("ask study.json \"$(cat statement.sql)\" --sql --store points.db --json");
    CHECK(json::parse(same.out).at("answer") == document.at("answer"));
    const auto people = workspace.run("ask study.json 'lanes 4 and energy under 0.1 uJ' --store points.db");
    CHECK(people.code == 0);
    CHECK_THAT(people.out, Contains("SELECT \"network\"") && Contains("no design is like that"));
}

TEST_CASE("a question that is not understood says what is") {
    const Workspace workspace;
    workspace.write("study.json", study_text());
    workspace.run("sweep study.json --store points.db");
    const auto refused = [&](const std::string& arguments, const std::string& sentence) {
        CAPTURE(arguments);
        const auto run = workspace.run("ask study.json " + arguments);
        CHECK(run.code == 2);
        CHECK(run.out.empty());
        CHECK_THAT(run.err, Contains(sentence));
    };
    refused("'lowest enrgy' --store points.db", "\"enrgy\" is not understood, did you mean \"energy\"?");
    refused("'lanes 5' --store points.db", "lanes has no value 5; it has 4, 8");
    refused("'fastest'", "--store is missing");
    refused("--store points.db", "QUESTION");
    refused("'DELETE FROM points' --sql --store points.db", "not authorized");
    workspace.write("other.db", "no database");
    refused("'fastest' --store other.db", "not an SQLite database");
}
