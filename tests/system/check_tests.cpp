// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

namespace {
const std::string main_design = design("lightmamba-vck190-w4a4");
}

TEST_CASE("check prints every operator and carries the program out") {
    const Workspace workspace;
    const auto result = workspace.run("check " + main_design + small);
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    for (const auto* text :
         {"in_proj", "gated_norm", "block", "accumulator: 32 bits, 13 needed", "1 blocks", " 0 mismatches"}) {
        CHECK_THAT(result.out, Contains(text));
    }
    const auto numerics =
        json::parse(workspace.run("check " + main_design + small + "--layers 0 --json").out);
    CHECK(numerics.at("mismatches") == 0);
    CHECK(numerics.at("operators").size() == 8);
    CHECK(numerics.at("block_sqnr_db") == numerics.at("operators").back().at("sqnr_db"));
    // Both blocks' states and residual stream, and the logits.
    CHECK(numerics.at("values_compared") == 2 * (432 * 4 + 384 * 24) + 192 + 500);
    CHECK_THAT(workspace.run("check " + main_design + small + "--layers 3").err, Contains("allowed: 0 to 2"));
}

TEST_CASE("a functional run reports the same as a timing run, and the comparison") {
    const Workspace workspace;
    const auto carried =
        json::parse(workspace.run("run " + main_design + small + "--fidelity functional --json").out);
    auto timed = json::parse(workspace.run("run " + main_design + small + "--json").out);
    CHECK(carried.at("numerics").at("mismatches") == 0);
    CHECK(timed.at("numerics").at("mismatches").is_null());
    for (const auto* key : {"cycles", "latency_s", "energy", "utilization", "memory", "resources", "bound"}) {
        CAPTURE(key);
        CHECK(carried.at(key) == timed.at(key));
    }
    CHECK(carried.at("numerics").at("operators") == timed.at("numerics").at("operators"));
    CHECK_THAT(workspace.run("run " + main_design + " --fidelity exact").err,
               Contains("allowed: bound, timing, functional"));
}

TEST_CASE("a design that does not fit is not carried out") {
    const Workspace workspace;
    const auto result = workspace.run("check " + main_design + small + "--set /engines/matrix/inputs=4096");
    CHECK(result.code == 3);
    CHECK_THAT(result.err, Contains("does not fit vck190"));
    CHECK_THAT(result.out, Contains("in_proj"));
}

TEST_CASE("a program that reads too early is named by a functional run") {
    const Workspace workspace;
    auto program = json::parse(workspace.run("run " + main_design + small + "--emit program").out);
    // The first residual addition waits for out_proj; without that it would add what is not there.
    bool changed = false;
    for (auto& section : program.at("sections")) {
        if (section.at("name") != "block") continue;
        for (auto& [engine, instructions] : section.at("streams").items()) {
            for (auto& work : instructions) {
                if (changed || work.at("opcode") != "residual_add") continue;
                work.erase("waits");
                changed = true;
            }
        }
    }
    REQUIRE(changed);
    workspace.write("program.json", program.dump());
    const auto result =
        workspace.run("run " + main_design + small + "--program program.json --fidelity functional");
    CHECK(result.code == 1);
    CHECK_THAT(result.err, Contains("program.json#: ") && Contains("residual") &&
                               Contains("out_proj's outputs") && !Contains("E549"));
}

TEST_CASE("check carries a block of a language model out, or all of it") {
    const Workspace workspace;
    const auto codes = design("codes-vck190-w8a8");
    const auto result = workspace.run("check " + codes + " --set /workload/prompt=64");
    CHECK(result.code == 0);
    // The residual stream of four beams, keys and values of 64 tokens and of 129 of each beam.
    const auto values = 4 * 2048 + 2 * 128 * (64 + 4 * 129);
    CHECK_THAT(result.out,
               Contains("1 blocks, " + std::to_string(values) + " values") && Contains(" 0 mismatches"));
    // The whole of a smaller network: logits, keys and values.
    const auto whole =
        json::parse(workspace
                        .run("check " + codes +
                             " --layers 0 --json --set /network/layers=2 --set /network/width=256 --set "
                             "/network/heads=2 --set /network/vocabulary=500 --set /workload/prompt=64 --set "
                             "/mapping/linear_engine=pl")
                        .out);
    CHECK(whole.at("mismatches") == 0);
    CHECK(whole.at("values_compared") == 4 * 500 + 2 * 2 * 128 * (64 + 4 * 129));
}

TEST_CASE("a transformer recipe is checked part by part") {
    const Workspace workspace;
    const auto recipe = source_path("configs/recipes/fpqvar-fp6.json").string();
    const auto steps = json::parse(workspace.run("check " + recipe + " --width 128 --json").out);
    REQUIRE(steps.size() == 4);
    CHECK(steps.front().at("step") == "plain");
    CHECK(steps.at(2).at("step") == "rotation");
    CHECK(steps.at(2).at("sqnr_db").get<double>() > steps.front().at("sqnr_db").get<double>());
    const auto refused = workspace.run("check " + recipe + " --width 100");
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, Contains("multiples of 64"));
    for (const auto& [arguments, words] :
         {std::pair{recipe + " --layers 3", "--layers is of a design"},
          {main_design + " --width 64", "--width is of a transformer recipe"},
          {source_path("configs/recipes/ebsr-int8-fp16.json").string(),
           "#: is a recipe that is checked with a design"},
          {source_path("configs/recipes/lightmamba-w4a4.json").string(),
           "#: is a recipe that is checked with a design"}}) {
        const auto other = workspace.run("check " + arguments);
        CAPTURE(arguments, other.err);
        CHECK(other.code == 2);
        CHECK_THAT(other.err, Contains(words));
    }
    const auto design_with_it = workspace.run("check " + main_design + " --set /recipe=fpqvar-fp6");
    CHECK(design_with_it.code == 2);
    CHECK_THAT(design_with_it.err, Contains("#/recipe"));
}
