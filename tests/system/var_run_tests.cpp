// SPDX-License-Identifier: Apache-2.0
// Designs for VAR from the command line.
#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("a design for VAR runs, says images, and its program runs again from its dump") {
    const Workspace workspace;
    const auto var = design("fpqvar-vck190-fp4") + " --set /network=var-small";
    const auto result =
        workspace.run("run " + var + " --report var.json --vcd var.vcd --trace var_trace.json");
    REQUIRE(result.code == 0);
    CHECK_THAT(result.out, Catch::Contains("images/s") && Catch::Contains("energy per image"));
    const auto report = json::parse(read_file(workspace.path("var.json")));
    CHECK(report.at("throughput").at("unit") == "images_per_s");
    CHECK(report.at("latency_s").get<double>() >= report.at("bound").at("latency_s").get<double>());
    const auto dumped = workspace.run("run " + var + " --emit program");
    REQUIRE(dumped.code == 0);
    workspace.write("program.json", dumped.out);
    const auto again = workspace.run("run " + var + " --program program.json --report again.json");
    REQUIRE(again.code == 0);
    CHECK(json::parse(read_file(workspace.path("again.json"))).at("cycles") == report.at("cycles"));
}

TEST_CASE("a functional run of a whole VAR finds no difference") {
    const Workspace workspace;
    const auto result =
        workspace.run("run " + design("fpqvar-vck190-fp4") +
                      " --set /network=var-small --set /workload/adaln=\"device\" --fidelity functional");
    CHECK(result.code == 0);
    CHECK_THAT(result.out, Catch::Contains("32512 values compared with the kernels, 0 mismatches"));
}
