// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;

namespace {

Result trace(const Workspace& workspace, const std::string& arguments, const std::string& input) {
    workspace.write("trace.txt", input);
    const auto path = [&](const char* name) { return " '" + workspace.path(name).string() + "'"; };
    const auto command = "'" + std::string(TILEWRIGHT_PROGRAM) + "' dram-trace " + arguments + " <" +
                         path("trace.txt") + " >" + path("out.txt") + " 2>" + path("err.txt");
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            read_file(workspace.path("out.txt")), read_file(workspace.path("err.txt"))};
}

json traced(const std::string& arguments, const std::string& input) {
    const Workspace workspace;
    const auto result = trace(workspace, arguments, input);
    CAPTURE(arguments, result.err);
    REQUIRE(result.code == 0);
    CHECK(result.err.empty());
    return json::parse(result.out);
}

void check_refused(const std::string& arguments, const std::string& input, const std::string& start) {
    const Workspace workspace;
    const auto result = trace(workspace, arguments, input);
    CAPTURE(arguments, input, result.err);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("tilewright: " + start) && Contains("allowed: "));
}

const std::string ddr4 = "vck190 --memory ddr4";

}  // namespace

TEST_CASE("dram-trace: a read takes activate, column latency and data") {
    const auto result = traced(ddr4, "100 R 4096 64\n");
    CHECK(result.at("cycles") == 48);
    CHECK(result.at("mean_read_latency_ns").get<double>() == Approx(30));
    CHECK(result.at("bandwidth_bytes_per_s").get<double>() == Approx(64 / 30e-9));
    CHECK(result.at("row_misses") == 1);
    CHECK(result.at("row_hits") == 0);
    CHECK(result.at("row_conflicts") == 0);
    // Of the time that is counted.
    CHECK(traced(ddr4, "1000000000 R 4096 64\n").at("refreshes") == 0);
    CHECK(traced(ddr4, "100 R 4096 64\n13000 R 4096 64\n").at("refreshes") == 1);
    const auto closed = traced(ddr4 + " --page closed --json", "0 R 0 64\n1000 R 64 64\n");
    CHECK(closed.at("row_misses") == 2);
    CHECK(closed.at("mean_read_latency_ns").get<double>() == Approx(30));
}

TEST_CASE("dram-trace: requests are split and their bytes counted as requested") {
    const auto unaligned = traced(ddr4, "0 R 60 8\n");
    CHECK(unaligned.at("accesses") == 2);
    CHECK(unaligned.at("read_bytes") == 8);
    CHECK(unaligned.at("moved_bytes") == 128);
    CHECK(unaligned.at("cycles") == 22 + 22 + 8 + 4);
    const auto large = traced(ddr4 + " --address-mapping RoBaRaCoBgCh", "0 R 0 4096\n");
    CHECK(large.at("accesses") == 64);
    CHECK(large.at("cycles") == 22 + 22 + 64 * 4);
    const auto channels = traced("u280 --memory hbm", "0 R 0 1024\n");
    CHECK(channels.at("accesses") == 32);
    CHECK(channels.at("row_misses") == 32);  // one in every channel
}

TEST_CASE("dram-trace: the account of a run adds up to it") {
    std::string input;
    for (int i = 0; i < 2000; ++i) {
        input += std::to_string(7 * i) + (i % 3 == 0 ? " W " : " R ") +
                 std::to_string((i * 7919LL % 4096) * 65536) + " 200\n";
    }
    for (const auto* arguments : {"vck190 --memory ddr4", "vck190 --memory lpddr4", "u280 --memory hbm",
                                  "vck190 --memory ddr4 --page closed --address-mapping MOP4CLXOR"}) {
        const auto result = traced(arguments, input);
        double sum = 0;
        for (const auto& [name, fraction] : result.at("account").items()) {
            CHECK(fraction.get<double>() >= 0);
            sum += fraction.get<double>();
        }
        CAPTURE(arguments);
        CHECK(sum == Approx(1));
        CHECK(result.at("bandwidth_bytes_per_s") <= result.at("peak_bytes_per_s"));
        CHECK(result.at("row_hits").get<int>() + result.at("row_misses").get<int>() +
                  result.at("row_conflicts").get<int>() ==
              result.at("accesses").get<int>());
    }
}

TEST_CASE("dram-trace: nothing requested is a result too") {
    const auto result = traced(ddr4, "\n");
    CHECK(result.at("cycles") == 0);
    CHECK(result.at("bandwidth_bytes_per_s") == 0);
    CHECK(result.at("mean_read_latency_ns").is_null());
    // Nor does a pause of a month cost time.
    CHECK(traced(ddr4, "0 R 0 64\n4000000000000000 R 0 64\n").at("cycles") > 4000000000000000);
    CHECK(traced(ddr4, "5 W 0 64").at("mean_read_latency_ns").is_null());
}

TEST_CASE("dram-trace: lines that are no requests are refused by number") {
    check_refused(ddr4, "0 R 0 64\n0 X 0 64\n", "stdin#2: ");
    check_refused(ddr4, "0 R 0\n", "stdin#1: ");
    check_refused(ddr4, "0 R 0 64 9\n", "stdin#1: ");
    check_refused(ddr4, "-1 R 0 64\n", "stdin#1: ");
    check_refused(ddr4, "1.5 R 0 64\n", "stdin#1: ");
    check_refused(ddr4, "0 R 0x40 64\n", "stdin#1: ");
    check_refused(ddr4, "0 R 0 0\n", "stdin#1: ");
    check_refused(ddr4, "0 r 0 64\n", "stdin#1: ");
    check_refused(ddr4, "10 R 0 64\n\n9 R 0 64\n", "stdin#3: ");
    check_refused(ddr4, "0 R 8589934592 64\n", "stdin#1: ");
    check_refused(ddr4, "0 R 8589934591 2\n", "stdin#1: ");
    check_refused(ddr4, "0 R 99999999999999999999 1\n", "stdin#1: ");
    check_refused(ddr4, "99999999999999999999 R 0 1\n", "stdin#1: ");
}

TEST_CASE("dram-trace: unknown devices, memories, mappings and policies are refused with the allowed ones") {
    check_refused("vck191 --memory ddr4", "", "there is no device \"vck191\", did you mean");
    check_refused("vck190 --memory ddr5", "",
                  "--memory: vck190 has no memory \"ddr5\", did you mean \"ddr4\"");
    check_refused("vck190", "", "--memory is missing");
    check_refused(ddr4 + " --address-mapping RoBaCo", "", "--address-mapping: \"RoBaCo\"");
    check_refused(ddr4 + " --page ajar", "", "--page \"ajar\"");
    const Workspace workspace;
    CHECK(trace(workspace, "", "").code == 2);
    CHECK(trace(workspace, "vck190 u280 --memory ddr4", "").code == 2);
    const auto help = trace(workspace, "--help", "");
    CHECK(help.code == 0);
    CHECK_THAT(help.out, Contains("Usage: tilewright dram-trace") && Contains("--address-mapping"));
}

TEST_CASE("devices whose DRAM cannot be are refused where the contradiction stands") {
    const Workspace workspace;
    const auto original = json::parse(read_file(source_path("configs/devices/vck190.json")));
    const std::vector<std::pair<std::string, json>> wrong = {
        {"bank_groups", 0},
        {"bank_groups", 3},
        {"banks_per_group", 6},
        {"row_bytes", 6000},
        {"channel_bytes", 6000000000},
        {"channel_width_bits", 48},
        {"ranks", 3},
        {"timing/ras", 20},
        {"timing/rc", 60},
        {"timing/ccd_s", 3},
        {"timing/ccd_l", 2},
        {"timing/wtr_l", 2},
        {"timing/rrd_l", 2},
        {"timing/faw", 2},
        {"timing/refi", 560},
        {"timing/burst_length", 6},
        {"timing/cl", 0},
        {"timing/cl", 15},
        {"timing/rcd", -1},
        {"controller/read_queue", 0},
        {"controller/write_low_watermark", 0.9},
    };
    for (const auto& [key, value] : wrong) {
        CAPTURE(key, value.dump());
        auto device = original;
        device[json::json_pointer("/memories/ddr4/" + key)] = value;
        workspace.write("board.json", device.dump());
        const auto result =
            trace(workspace, "'" + workspace.path("board.json").string() + "' --memory ddr4", "0 R 0 64\n");
        CHECK(result.code == 2);
        CHECK(result.out.empty());
        CHECK_THAT(result.err, Contains("board.json#/memories/ddr4/" + key + ": "));
        // Whichever design names it.
        const auto design = source_path("configs/designs/mamba2-vck190-aie.json").string();
        const auto run =
            workspace.run("run '" + design + "' --set /device=" + workspace.path("board.json").string());
        CHECK(run.code == 2);
        CHECK_THAT(run.err, Contains("board.json#/memories/ddr4/" + key + ": "));
    }
    auto device = original;
    device[json::json_pointer("/aie/reserved_memory_bytes/value")] = 32768;
    workspace.write("board.json", device.dump());
    CHECK_THAT(trace(workspace, "'" + workspace.path("board.json").string() + "' --memory ddr4", "").err,
               Contains("board.json#/aie/reserved_memory_bytes/value: 32768") &&
                   Contains("less than data_memory_bytes"));
    // What a design itself sets is its own.
    const auto design = source_path("configs/designs/mamba2-vck190-aie.json").string();
    CHECK_THAT(workspace.run("run '" + design + "' --set /device/memories/ddr4/timing/ras=20").err,
               Contains("mamba2-vck190-aie.json#/device/memories/ddr4/timing/ras: "));
}
