// SPDX-License-Identifier: Apache-2.0
// Traces of whole runs, as the program writes them.
#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using nlohmann::json;

namespace {

const std::string main_design = design("lightmamba-vck190-w4a4");

}  // namespace

TEST_CASE("traces can be opened by other programs") {
    const Workspace workspace;
    REQUIRE(workspace.run("run " + main_design + small + "--vcd run.vcd --trace run.json").code == 0);
    const auto trace = json::parse(read_file(workspace.path("run.json")), nullptr, false);
    CHECK_FALSE(trace.is_discarded());
    CHECK(fs::exists(workspace.path("run.vcd.gtkw")));
    if (std::system("command -v vcd2fst >/dev/null") == 0) {
        const auto convert = "vcd2fst '" + workspace.path("run.vcd").string() + "' '" +
                             workspace.path("run.fst").string() + "' >/dev/null 2>&1";
        CHECK(std::system(convert.c_str()) == 0);
        CHECK(fs::file_size(workspace.path("run.fst")) > 1000);
    }
}

TEST_CASE("a run that is made again command by command leaves the traces of that run alone") {
    const Workspace workspace;
    const auto command = "run " + main_design + " --set /network/layers=1 --set /network/vocabulary=500" +
                         " --set /device/memories/ddr4/row_bytes=128 ";
    REQUIRE(workspace.run(command + "--vcd auto.vcd --trace auto.json --report auto_report.json").code == 0);
    REQUIRE(workspace
                .run(command + "--set /memories/ddr4/model=commands --vcd commands.vcd --trace commands.json")
                .code == 0);
    const auto report = json::parse(read_file(workspace.path("auto_report.json")));
    CHECK(report.at("memory").at("ddr4").at("model") == "commands");
    for (const auto* kind : {".vcd", ".json"}) {
        const auto trace = read_file(workspace.path("auto" + std::string(kind)));
        CHECK(trace.size() > 1000);
        CHECK((trace == read_file(workspace.path("commands" + std::string(kind)))));
    }
}
