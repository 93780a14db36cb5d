// SPDX-License-Identifier: Apache-2.0
// The commands of the arithmetic: formats, convert, multiply, dot, hadamard, quantize.
#include <cmath>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;

namespace {

// Runs a command with `input` on its standard input.
Result pipe(const Workspace& workspace, const std::string& arguments, const std::string& input) {
    workspace.write("input.txt", input);
    const auto path = [&](const char* name) { return " '" + workspace.path(name).string() + "'"; };
    const auto command = "'" + std::string(TILEWRIGHT_PROGRAM) + "' " + arguments + " <" + path("input.txt") +
                         " >" + path("out.txt") + " 2>" + path("err.txt");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            read_file(workspace.path("out.txt")), read_file(workspace.path("err.txt"))};
}

void check_output(const std::string& arguments, const std::string& input, const std::string& output) {
    const Workspace workspace;
    const auto result = pipe(workspace, arguments, input);
    CAPTURE(arguments, input, result.err);
    CHECK(result.code == 0);
    CHECK(result.out == output);
    CHECK(result.err.empty());
}

void check_refused(const std::string& arguments, const std::string& input, const std::string& start) {
    const Workspace workspace;
    const auto result = pipe(workspace, arguments, input);
    CAPTURE(arguments, input, result.err);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("tilewright: " + start) && Contains("allowed: "));
}

}  // namespace

TEST_CASE("convert prints a code and its value") {
    check_output("convert --format e2m1", "0.25\n0.75\n-0.1\n5\n1e9\n-inf\n0x40400000\n0x80000000\n",
                 "0 0\n2 1\n8 -0\n6 4\n7 6\nf -6\n5 3\n8 -0\n");
    check_output("convert --format e2m1 --round half_away", "0.25\n-0.25\n2.5\n", "1 0.5\n9 -0.5\n5 3\n");
    check_output("convert --format e2m1 --round half_up", "0.25\n-0.25\n-2.5\n", "1 0.5\n8 -0\nc -2\n");
    check_output("convert --format e2m1 --round half_down", "0.25\n-0.25\n-2.5\n", "0 0\n9 -0.5\nd -3\n");
    check_output("convert --format e4m3", "464\n465\ninf\nnan\n", "7e 448\n7e 448\n7e 448\n7f nan\n");
    check_output("convert --format e4m3 --overflow ieee", "464\n465\n-inf\n-nan\n",
                 "7e 448\n7f nan\nff nan\nff nan\n");
    check_output("convert --format e5m2 --overflow ieee", "61440\n61439\n-1e6\n",
                 "7c inf\n7b 57344\nfc -inf\n");
    check_output("convert --format int4", " -8 \r\n\n+7.4\n-9\n", "8 -8\n7 7\n8 -8\n");
    check_output("convert --format e8m0", "1\n3.1\nnan\n", "7f 1\n81 4\nff nan\n");
    check_output("convert --format fp16", "0.1\n", "2e66 0.0999755859375\n");
    // Decided on the number itself: f32 would make the first one a tie.
    check_output("convert --format e2m1", "0.2500000001\n0x3e800001\n", "1 0.5\n1 0.5\n");
    check_output("convert --format e2m1", "", "");
}

TEST_CASE("what a multiplier costs is the same as a table and as JSON") {
    const Workspace workspace;
    const auto rows = nlohmann::json::parse(workspace.run("multiply --a e2m1 --b e1m2 --cost --json").out);
    CHECK(rows.size() == 6);
    CHECK(rows.front().at("multiplier") == "e2m1 x e1m2, LUT");
    CHECK(rows.front().at("LUT") == 6);
    CHECK_THAT(workspace.run("multiply --a e2m1 --b e1m2 --cost").out, Catch::Contains("e2m1 x e1m2, LUT"));
}

TEST_CASE("multiply and dot are exact") {
    const Workspace workspace;
    const auto table = workspace.run("multiply --a e1m2 --b e2m1");
    REQUIRE(table.code == 0);
    std::istringstream lines(table.out);
    int count = 0;
    int wrong = 0;
    std::string a;
    std::string b;
    double product = 0;
    const double right[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    while (lines >> a >> b >> product) {
        const auto x = std::stoi(a, nullptr, 16);
        const auto y = std::stoi(b, nullptr, 16);
        wrong += 16 * x + y == count ? 0 : 1;
        const auto magnitude = 0.25 * (x % 8) * right[y % 8];
        wrong += product == (x / 8 != y / 8 ? -magnitude : magnitude) ? 0 : 1;
        ++count;
    }
    CHECK(count == 256);
    CHECK(wrong == 0);
    CHECK(workspace.run("multiply --a e7m0 --b e7m0").code == 0);  // beyond any LUT, still exact
    check_output("dot --a e2m1 --b e2m1", "1,2,f;7,7,1\n1;1\n9;1\n;\n 0 , 7 ; 7 , 7 \n",
                 "6\n0.25\n-0.25\n0\n36\n");
    check_output("dot --a e4m3 --b e4m3", "7e,1;7e,1\n7f;0\n", "200704.000003814697265625\nnan\n");
    check_output("dot --a int16 --b int16", "8000,1;8000,ffff\n", "1073741823\n");
    check_output("dot --a e2m1 --b e2m1", "", "");
}

TEST_CASE("hadamard transforms runs of n numbers") {
    check_output("hadamard --n 4", "1\n2\n3\n4\n", "5\n-1\n-2\n0\n");
    check_output("hadamard --n 2", "1\n0\n", "0.70710678118654746\n0.70710678118654746\n");
    check_output("hadamard --n 2 --integer", "1\n2\n-5\n7\n", "3\n-1\n2\n-12\n");
    check_output("hadamard --n 2 --integer", "", "");
    check_output("hadamard --n 2", "inf\ninf\n", "inf\nnan\n");
    check_refused("hadamard --n 2.0", "1\n", "the argument ('2.0') for option '--n' is invalid");
    const Workspace workspace;
    std::string numbers;
    for (int i = 0; i < 2560; ++i) numbers += std::to_string(i * i % 255 - 127) + "\n";
    const auto forward = pipe(workspace, "hadamard --n 2560 --integer", numbers);
    REQUIRE(forward.code == 0);
    const auto back = pipe(workspace, "hadamard --n 2560 --integer --inverse", forward.out);
    std::istringstream lines(back.out);
    long long value = 0;
    int wrong = 0;
    for (int i = 0; i < 2560; ++i) wrong += lines >> value && value == 2560LL * (i * i % 255 - 127) ? 0 : 1;
    CHECK(wrong == 0);
    const auto real = pipe(workspace, "hadamard --n 2560", numbers);
    const auto inverse = pipe(workspace, "hadamard --n 2560 --inverse", real.out);
    std::istringstream real_lines(inverse.out);
    double number = 0;
    for (int i = 0; i < 2560; ++i) {
        wrong += real_lines >> number && std::abs(number - (i * i % 255 - 127)) < 1e-11 ? 0 : 1;
    }
    CHECK(wrong == 0);
}

TEST_CASE("quantize prints a scale and codes for every group") {
    check_output("quantize --format e2m1 --group 4 --scale absmax", "1\n2\n3\n-12\n0.6\n0\n",
                 "2 1 2 3 f\n0.1 7 0\n");
    check_output("quantize --format int8 --group 2 --scale pot", "1\n127.5\n", "2 0 40\n");
    check_output("quantize --format e2m1 --group 4 --scale mx", "1\n2\n3\n-7\n0\n0\n", "7f 2 4 5 f\n0 0 0\n");
    check_output("quantize --format e2m1 --group 4 --scale mx --mx-mode ceil", "1\n2\n3\n-7\n",
                 "80 1 2 3 e\n");
    check_output("quantize --format e2m1 --group 4 --scale absmax --round half_up", "6\n0.25\n-0.25\n2.5\n",
                 "1 7 1 8 5\n");
    check_output("quantize --format e2m1 --group 4 --scale absmax", "", "");
    const Workspace workspace;
    const auto special =
        pipe(workspace, "quantize --format e2m1 --group 4 --scale absmax", "nan\n6\n-inf\nnan\n");
    CHECK(special.code == 0);
    CHECK(special.out == "1 0 7 f 0\n");
    CHECK_THAT(special.err, Contains("2 of 4 numbers are NaN") && Contains("1 of 4 numbers is infinite"));
    const auto block = pipe(workspace, "quantize --format e2m1 --group 2 --scale mx", "nan\n6\n1\n");
    CHECK(block.out == "ff 0 0\n7d 6\n");
    CHECK_THAT(block.err, Contains("1 of 3 numbers is NaN"));
}

TEST_CASE("formats prints the same rows as a table and as JSON") {
    const Workspace workspace;
    const auto all = json::parse(workspace.run("formats --json").out);
    const auto text = workspace.run("formats").out;
    CHECK(std::count(text.begin(), text.end(), '\n') == static_cast<long>(all.size()) + 2);
    for (const auto& row : all) CHECK_THAT(text, Contains(row.at("format").get<std::string>() + " "));
    const auto e5m2 = json::parse(workspace.run("formats e5m2 --json").out);
    REQUIRE(e5m2.size() == 256);
    CHECK(e5m2.at(0x7b).at("value") == 57344);
    CHECK(e5m2.at(0x7c).at("value") == "inf");
    CHECK(e5m2.at(0xff).at("value") == "nan");
    CHECK_THAT(workspace.run("formats e2m1").out, Contains("1111     -6"));
    CHECK(workspace.run("formats e9m9").code == 2);
}

TEST_CASE("bad lines are refused by number, and nothing is printed") {
    check_refused("convert --format e2m1", "1\n\nx\n", "stdin#3: \"x\" is not a number");
    check_refused("convert --format e2m1", "1 2\n", "stdin#1: \"1 2\"");
    check_refused("convert --format e2m1", "0x123\n", "stdin#1: \"0x123\" is not the bits of an f32");
    check_refused("convert --format e2m1", "0x-1234567\n", "stdin#1:");
    check_refused("convert --format e2m1", "+-1\n", "stdin#1:");
    check_refused("convert --format e2m1", "1\nnan\n", "stdin#2: \"nan\" has no code in e2m1");
    check_refused("convert --format e8m0", "0\n", "stdin#1: \"0\" has no code in e8m0");
    check_refused("convert --format e2m1", std::string(100000, '7') + "x\n", "stdin#1:");
    check_refused("convert --format e2m1", std::string("1\0", 2) + "\n", "stdin#1:");
    check_refused("dot --a e2m1 --b e2m1", "1;1\n1,2;1\n", "stdin#2: 2 codes and 1 codes");
    check_refused("dot --a e2m1 --b e2m1", "10;1\n", "stdin#1: \"10\" is not a code of e2m1");
    check_refused("dot --a e2m1 --b e2m1", "1,;1,1\n", "stdin#1: \"\" is not a code");
    check_refused("dot --a e2m1 --b e2m1", "-1;1\n", "stdin#1:");
    check_refused("dot --a e2m1 --b e2m1", "1\n", "stdin#1: the line is not two lists");
    check_refused("dot --a e2m1 --b e2m1", "1;1;1\n", "stdin#1: the line is not two lists");
    check_refused("hadamard --n 4", "1\n2\n3\n", "stdin#3: the input ends after 3 of 4 numbers");
    check_refused("hadamard --n 2 --integer", "1\n1.5\n", "stdin#2: \"1.5\" is not an integer");
    check_refused("hadamard --n 2 --integer", "9000000000000000000\n1\n", "stdin#2: the transform");
    check_refused("hadamard --n 2 --integer", "9223372036854775808\n1\n", "stdin#1:");
    check_refused("quantize --format e2m1 --group 4 --scale mx", "1\n1e39\n",
                  "stdin#2: \"1e39\" is beyond f32");
}

TEST_CASE("bad options of the arithmetic are refused") {
    check_refused("convert", "1\n", "--format is missing");
    check_refused("convert --format e2m2x", "1\n", "--format \"e2m2x\" is unknown, did you mean \"e2m2\"?");
    check_refused("convert --format fp32", "1\n", "--format \"fp32\" has too many bits");
    check_refused("convert --format e2m1 --round up", "1\n", "--round \"up\" is unknown");
    check_refused("convert --format e2m1 --overflow wrap", "1\n", "--overflow \"wrap\" is unknown");
    check_refused("multiply --a e2m1", "", "--b is missing");
    check_refused("multiply --a fp16 --b e2m1", "", "--a \"fp16\" has too many bits");
    check_refused("hadamard --n 6", "", "--n 6: there is no such transform");
    check_refused("hadamard --n 0", "", "--n 0 is too small");
    check_refused("hadamard --n=-4", "", "--n -4 is too small");
    check_refused("quantize --format e2m1 --group 0", "1\n", "--group 0 is too small");
    check_refused("quantize --format e2m1 --scale max", "1\n", "--scale \"max\" is unknown");
    check_refused("quantize --format e8m0", "1\n", "--format \"e8m0\" is for scales");
    check_refused("quantize --format e2m1 --scale mx --mx-mode round", "1\n",
                  "--mx-mode \"round\" is unknown");
    check_refused("quantize --format e2m1 --mx-mode ceil", "1\n", "--mx-mode is of --scale mx");
    check_refused("multiply --a e2m1 --b e2m1 --json", "", "--json is of --cost");
    const Workspace workspace;
    for (const auto* command : {"formats", "convert", "multiply", "dot", "hadamard", "quantize"}) {
        const auto help = workspace.run(std::string(command) + " --help");
        CHECK(help.code == 0);
        CHECK_THAT(help.out, StartsWith("Usage: tilewright " + std::string(command)));
    }
}
