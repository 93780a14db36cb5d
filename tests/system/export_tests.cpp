// SPDX-License-Identifier: Apache-2.0
// Exported modules, linted and simulated as their README says.
#include <algorithm>
#include <map>
#include <vector>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

// Runs a command line of a README in the exported folder; both streams.
Result run_in(const fs::path& folder, const std::string& command) {
    const auto log = (folder / "log.txt").string();
    const int status =
        std::system(("cd '" + folder.string() + "' && { " + command + " ; } >'" + log + "' 2>&1").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(log), ""};
}

// The README's command lines that begin so.
std::vector<std::string> command_lines(const fs::path& folder, const std::string& tool) {
    std::vector<std::string> lines;
    std::istringstream readme(read_file(folder / "README.md"));
    for (std::string line; std::getline(readme, line);) {
        if (line.starts_with("    " + tool + " ")) lines.push_back(line.substr(4));
    }
    return lines;
}

// Lints and simulates all modules; how many there are.
std::size_t check_modules(const fs::path& folder) {
    const auto lints = command_lines(folder, "verilator");
    const auto simulations = command_lines(folder, "iverilog");
    CHECK(lints.size() == simulations.size());
    for (const auto& line : lints) {
        CAPTURE(line);
        const auto result = run_in(folder, line);
        CHECK(result.code == 0);
        CHECK(result.out.empty());  // not a single warning
    }
    for (const auto& line : simulations) {
        CAPTURE(line);
        const auto result = run_in(folder, line);
        CHECK(result.code == 0);
        CHECK_THAT(result.out, StartsWith("PASS "));
        CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
    }
    return simulations.size();
}

std::size_t check_export(const std::string& name, const std::string& settings) {
    const Workspace workspace;
    CAPTURE(name, settings);
    const auto result = workspace.run("export " + design(name) + " --rtl rtl" + settings);
    REQUIRE(result.code == 0);
    CHECK(result.err.empty());
    return check_modules(workspace.path("rtl"));
}

void replace_in(const fs::path& path, const std::string& from, const std::string& to) {
    auto text = read_file(path);
    const auto place = text.find(from);
    REQUIRE(place != std::string::npos);
    text.replace(place, from.size(), to);
    std::ofstream(path) << text;
}

std::map<std::string, std::string> contents(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        files[entry.path().filename().string()] = read_file(entry.path());
    }
    return files;
}

}  // namespace

TEST_CASE("modules of the shipped designs lint without a warning and make the kernels' bits") {
    CHECK(check_export("fpqvar-vck190-fp4", " --set /engines/matrix/inputs=37") == 6);
    CHECK(check_export("fpqvar-vck190-fp6", " --set /engines/matrix/inputs=12") == 6);
    CHECK(check_export("fpqvar-vck190-int6", "") == 3);
    CHECK(check_export("lightmamba-vck190-w4a4", "") == 3);
    CHECK(check_export("ebsr-vck190-light-x4", " --set /engines/matrix/inputs=9") == 5);
    // A neighbourhood of six cycles, whose taps straddle them.
    CHECK(check_export("ebsr-vck190-light-x4",
                       " --set /engines/binary/inputs=96 --set /engines/matrix/inputs=1") == 5);
}

TEST_CASE("modules of other formats and rules of rounding") {
    const auto check = [](const std::string& weights, const std::string& inputs, const std::string& rule,
                          const std::string& multiplier) {
        CHECK(check_export("lightmamba-vck190-w4a4",
                           " --set /recipe/weights/format=" + weights + " --set /recipe/activations/format=" +
                               inputs + " --set /recipe/rounding=" + rule +
                               " --set /engines/matrix/inputs=3 --set /engines/matrix/products_per_dsp=1"
                               " --set /engines/matrix/multiplier=" +
                               multiplier) == 3);
    };
    check("e3m2", "e2m1", "rne", "lut");
    check("e2m1", "e3m0", "half_down", "lut");
    check("e4m3", "int6", "half_away", "dsp");
    check("int4", "e5m2", "rne", "lut");
    check("int2", "int4", "half_down", "lut");
}

TEST_CASE("a testbench notices what is wrong in its module") {
    const Workspace workspace;
    REQUIRE(workspace.run("export " + design("ebsr-vck190-light-x4") + " --rtl rtl").code == 0);
    REQUIRE(
        workspace.run("export " + design("fpqvar-vck190-fp4") + " --rtl rtl --set /engines/matrix/inputs=5")
            .code == 0);
    const auto folder = workspace.path("rtl");
    const auto simulate = [&](const std::string& module) {
        const auto files = module + "_tb.sv " + module + ".sv" +
                           (module.starts_with("dot") ? " multiply_e2m1_e2m1.sv" : "") +
                           (module.starts_with("binary") ? " agreement_count_64.sv" : "");
        return run_in(folder, "iverilog -g2012 -o t.vvp " + files + " && vvp -n t.vvp");
    };
    const auto refused = [&](const std::string& module, const std::string& from, const std::string& to) {
        CAPTURE(module, from);
        CHECK(simulate(module).code == 0);
        replace_in(folder / (module + ".sv"), from, to);
        const auto result = simulate(module);
        CHECK(result.code != 0);
        CHECK_THAT(result.out, Contains("FAIL " + module) && !Contains("PASS"));
        replace_in(folder / (module + ".sv"), to, from);
    };
    refused("multiply_e2m1_e2m1", "6'b101_110: magnitude = 8'd48", "6'b101_110: magnitude = 8'd49");
    refused("quantize_e2m1_from_fixed12", "threshold_0 = 12'd640", "threshold_0 = 12'd641");
    refused("dot_lane_e2m1_e2m1_5", "carry_0[2 * i + 1]", "carry_0[2 * i + 0]");
    refused("agreement_count_64", "6'b111111: count_6 = 3'd6", "6'b111111: count_6 = 3'd7");
    refused("binary_lane_576", "if (mask[i])", "if (mask[0])");
    // Vectors that are not there.
    fs::remove(folder / "multiply_e2m1_e2m1_tb.hex");
    CHECK(simulate("multiply_e2m1_e2m1").code != 0);
}

TEST_CASE("the same design gives the same files, over those of another one too") {
    const Workspace workspace;
    const auto command = "export " + design("fpqvar-vck190-fp4") + " --set /engines/matrix/inputs=5 --rtl ";
    REQUIRE(workspace.run(command + "deep/first --json").code == 0);
    const auto table = nlohmann::json::parse(read_file(workspace.path("out.txt")));
    const auto files = contents(workspace.path("deep/first"));
    CHECK(files.size() == 3 * table.size() + 1);
    REQUIRE(workspace.run(command + "second").code == 0);
    CHECK(contents(workspace.path("second")) == files);
    REQUIRE(workspace.run(command + "second").code == 0);
    CHECK(contents(workspace.path("second")) == files);
}

TEST_CASE("export refuses what it cannot write") {
    const Workspace workspace;
    workspace.write("file", "");
    const auto refused = [&](const std::string& arguments, const std::string& message, int code = 2) {
        const auto result = workspace.run("export " + arguments);
        CAPTURE(arguments, result.err);
        CHECK(result.code == code);
        CHECK(result.out.empty());
        CHECK_THAT(result.err, StartsWith("tilewright: ") && Contains(message));
    };
    const auto main_design = design("lightmamba-vck190-w4a4");
    refused(main_design, "--rtl is missing");
    refused(main_design + " --rtl file", "--rtl file: Not a directory; allowed: ");
    refused(main_design + " --rtl file/below", "--rtl file/below: Not a directory; allowed: ");
    refused(main_design + " --rtl ''", "--rtl : the name is empty");
    refused(main_design + " --rtl /proc/new", "--rtl /proc/new: No such file or directory; allowed: ");
    refused(main_design + " --rtl /proc", "cannot write /proc/", 1);
    refused(main_design +
                " --rtl rtl --set /recipe/activations/format=fp16 --set /engines/matrix/products_per_dsp=1",
            "#/recipe/activations/format: fp16 has 16 bits, too many for tables; allowed: ");
    refused(main_design +
                " --rtl rtl --set /recipe/weights/format=e5m2 --set /recipe/activations/format=e5m2"
                " --set /engines/matrix/products_per_dsp=1",
            "#/recipe/activations/format: products of e5m2 and e5m2 have more than 62 bits; allowed: ");
    CHECK_FALSE(fs::exists(workspace.path("rtl")));
}
