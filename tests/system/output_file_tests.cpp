// SPDX-License-Identifier: Apache-2.0
// What a run writes, where it may not, and what is left when it ends early.
#include <csignal>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const std::string main_design = design("lightmamba-vck190-w4a4");

}  // namespace

TEST_CASE("no file that is read is written over") {
    const Workspace workspace;
    const auto folder = source_path("configs/designs/").string();
    workspace.write("d.json", read_file(folder + "lightmamba-vck190-w4a4.json"));
    workspace.write("board.json", read_file(source_path("configs/devices/vck190.json")));
    workspace.write("p.json", workspace.run("run d.json " + small + "--emit program").out);
    const auto kept = [&](const std::string& command, const char* file) {
        const auto before = read_file(workspace.path(file));
        REQUIRE_FALSE(before.empty());
        const auto result = workspace.run(command);
        CAPTURE(command, result.out, result.err);
        CHECK(result.code == 2);
        CHECK_THAT(result.err, Contains("is a file that is read, too") && Contains("allowed: another file"));
        CHECK(read_file(workspace.path(file)) == before);
    };
    kept("run d.json " + small + "--report d.json", "d.json");
    kept("run d.json " + small + "--vcd ./d.json", "d.json");
    kept("run d.json " + small + "--set /device=board.json --trace board.json", "board.json");
    kept("run d.json " + small + "--program p.json --report p.json", "p.json");
    json study = {{"schema_version", 1},
                  {"name", "s"},
                  {"base", "d.json"},
                  {"parameters", {{{"name", "tile"}, {"pointer", "/mapping/tile/outputs"}, {"values", {8}}}}},
                  {"objectives", {{{"name", "t"}, {"metric", "/throughput/value"}, {"goal", "maximize"}}}}};
    workspace.write("s.json", study.dump());
    kept("sweep s.json --csv s.json", "s.json");
    kept("sweep s.json --html d.json", "d.json");
    workspace.write("r.json", read_file(source_path("configs/recipes/lightmamba-w8a8.json")));
    study["parameters"][0] = {{"name", "recipe"}, {"pointer", "/recipe"}, {"values", {"r.json"}}};
    workspace.write("s.json", study.dump());
    kept("sweep s.json --csv r.json", "r.json");
    workspace.write("t.vcd.gtkw", read_file(workspace.path("d.json")));
    kept("run t.vcd.gtkw --vcd t.vcd", "t.vcd.gtkw");
}

TEST_CASE("a run that is ended leaves no part of a trace") {
    const Workspace workspace;
    // Carrying data takes minutes; the traces begin with the simulation.
    const auto status = std::system(
        ("cd '" + workspace.path("").string() + "' && { '" + TILEWRIGHT_PROGRAM + "' run " + main_design +
         " --fidelity functional --vcd t.vcd --trace t.json >out.txt 2>&1 & pid=$!; "
         "n=0; until [ -e t.vcd.part ] && [ -e t.json.part ] || [ $n = 600 ]; do "
         "sleep 0.1; n=$((n+1)); done; ls *.part >parts.txt; kill -TERM $pid; wait $pid; }")
            .c_str());
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 128 + SIGTERM);
    CHECK(read_file(workspace.path("parts.txt")) == "t.json.part\nt.vcd.part\n");
    for (const auto& entry : fs::directory_iterator(workspace.path(""))) {
        CHECK(entry.path().extension() == ".txt");
    }
}

TEST_CASE("outputs that are empty or the same file are refused before any work") {
    const Workspace workspace;
    const auto folder = workspace.run("run " + main_design + " --report " + workspace.path("").string());
    CHECK(folder.code == 2);
    CHECK(folder.out.empty());
    CHECK_THAT(folder.err, Contains("--report ") && Contains("is a folder; allowed: the path of a file"));
    CHECK(workspace.run("run " + main_design + small + "--report ''").code == 2);
    const auto result = workspace.run("run " + main_design + small + "--report x --vcd ./x");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("--vcd and --report write the same file"));
    CHECK_FALSE(fs::exists(workspace.path("x")));
    for (const auto* outputs :
         {"--vcd c.vcd --trace ./c.vcd.gtkw", "--report c.vcd.state.gtkwfilter --vcd c.vcd"}) {
        const auto beside = workspace.run("run " + main_design + small + outputs);
        CHECK(beside.code == 2);
        CHECK_THAT(beside.err, Contains("write the same file"));
    }
}

TEST_CASE("outputs that cannot be written are errors and leave nothing behind") {
    const Workspace workspace;
    for (const auto* option : {"--vcd", "--trace", "--report"}) {
        CAPTURE(option);
        const auto result = workspace.run("run " + main_design + small + option + " missing/folder/file");
        CHECK(result.code == 2);
        CHECK_THAT(result.err, Contains("missing/folder/file") && Contains("No such file or directory"));
        CHECK_FALSE(fs::exists(workspace.path("missing")));
        // What only shows in writing is no mistake of the command line.
        const auto full = workspace.run("run " + main_design + small + option + " /dev/full");
        CHECK(full.code == 1);
        CHECK_THAT(full.err, Contains("cannot write /dev/full"));
    }
}

TEST_CASE("standard output that cannot be written, and input that cannot be read, are told") {
    const Workspace workspace;
    for (const auto& command : std::vector<std::string>{
             "run " + main_design + " " + small, "run " + main_design + " " + small + "--json",
             "compare " + main_design + " " + main_design, "--version"}) {
        const auto result = workspace.run(command + " >/dev/full 2>err.txt #");
        CAPTURE(command);
        CHECK(result.code == 1);
        CHECK_THAT(result.err, Contains("stdout: writing failed"));
    }
    for (const auto& command : std::vector<std::string>{"convert --format e2m1", "quantize --format int4",
                                                        "dram-trace vck190 --memory ddr4"}) {
        const auto result = workspace.run(command + " </tmp >out.txt 2>err.txt #");
        CAPTURE(command);
        CHECK(result.code == 2);
        CHECK_THAT(result.err, Contains("stdin: cannot be read"));
    }
}
