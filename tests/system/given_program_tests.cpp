// SPDX-License-Identifier: Apache-2.0
// Tile programs that are dumped, edited and run in place of the schedule's.
#include <string>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const std::string main_design = design("lightmamba-vck190-w4a4");

}  // namespace

TEST_CASE("every stage can be dumped, and a dumped program runs") {
    const Workspace workspace;
    const auto graph = json::parse(workspace.run("run " + main_design + small + "--emit graph").out);
    CHECK(graph.at("operators").size() == 1 + 2 * 16 + 2);
    const auto program = workspace.run("run " + main_design + small + "--emit program").out;
    workspace.write("program.json", program);
    const auto direct = json::parse(workspace.run("run " + main_design + small + "--json").out);
    const auto replayed =
        json::parse(workspace.run("run " + main_design + small + "--program program.json --json").out);
    CHECK(direct.at("cycles") == replayed.at("cycles"));
}

TEST_CASE("a stage is dumped alone") {
    const Workspace workspace;
    for (const auto* option : {"--report", "--vcd", "--trace"}) {
        const auto both = workspace.run("run " + main_design + " --emit graph " + option + " out");
        CAPTURE(option, both.err);
        CHECK(both.code == 2);
        CHECK(both.out.empty());
        CHECK_THAT(both.err, Contains(option));
        CHECK_FALSE(fs::exists(workspace.path("out")));
    }
}

TEST_CASE("a program that deadlocks is refused with who waits for whom") {
    const Workspace workspace;
    auto program = json::parse(workspace.run("run " + main_design + small + "--emit program").out);
    auto& block = program.at("sections").at(1);
    const auto last = block.at("streams").at("matrix").size() - 1;
    block.at("streams").at("dma axi0").at(0)["waits"] = {
        {{"engine", "matrix"}, {"index", last}, {"for", "data"}}};
    workspace.write("program.json", program.dump());
    const auto result = workspace.run("run " + main_design + small + "--program program.json");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("deadlock") && Contains("dma axi0") && Contains("waits for matrix"));
}

TEST_CASE("an edited program must still do the network's work") {
    const Workspace workspace;
    const auto original = json::parse(workspace.run("run " + main_design + small + "--emit program").out);
    const auto complaint = [&](const json& program) {
        workspace.write("program.json", program.dump());
        const auto result = workspace.run("run " + main_design + small + "--program program.json");
        CHECK(result.code == 2);
        return result.err;
    };
    auto program = original;
    program.at("sections").at(1)["repeat"] = 1;
    CHECK_THAT(complaint(program), Contains("program.json#: ") && Contains("repeated 1 times"));
    // A state that is shorter for the clock alone.
    program = original;
    std::size_t changed = 0;
    for (auto& work : program.at("sections").at(1).at("streams").at("ssm")) {
        if (work.at("opcode") != "ssm_fused") continue;
        work.at("size").at(2) = 1;
        ++changed;
    }
    REQUIRE(changed > 0);
    CHECK_THAT(complaint(program),
               Contains("of ssm in section") && Contains("1 from 0 on along its third axis"));
    for (const bool all : {true, false}) {
        program = original;
        auto& section = program.at("sections").at(1);
        if (all) section.at("holds") = json::array();
        for (auto& hold : section.at("holds")) hold.at("bytes") = 0;
        CHECK_THAT(complaint(program), Contains("in the buffer for") && Contains("one use of it needs"));
    }
    program = original;
    program.erase("resident_bytes");
    CHECK_THAT(complaint(program), Contains("keeps 0 bytes in the buffer for activations throughout"));
    program = original;
    program.at("sections").erase(2);
    CHECK_THAT(complaint(program), Contains("other sections"));
    program = original;
    for (auto& load : program.at("sections").at(1).at("streams").at("dma axi0")) load["bytes"] = {0, 0};
    CHECK_THAT(complaint(program), Contains("0 bytes of weights") || Contains("bytes of weights where"));
    program = original;
    program.at("sections").at(1).at("streams").at("matrix").at(0)["opcode"] = "norm";
    CHECK_THAT(complaint(program), Contains("norm instruction cannot carry it out"));
    program = original;
    auto& load = program.at("sections").at(1).at("streams").at("dma axi0").at(0);
    load["address"] = 9000000000000;
    workspace.write("program.json", program.dump());
    const auto result = workspace.run("run " + main_design + small + "--program program.json");
    CHECK(result.code == 1);
    CHECK_THAT(result.err, Contains("program.json#: ") && Contains("no memory answers"));
}
