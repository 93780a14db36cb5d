// SPDX-License-Identifier: Apache-2.0
// The trace writers, fed with events made up here and read back by small readers.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "accel/trace/chrome_trace.hpp"
#include "accel/trace/tee_observer.hpp"
#include "accel/trace/vcd_trace.hpp"
#include "trace_readers.hpp"

using namespace tilewright::accel;
using namespace tilewright::test;

TEST_CASE("a VCD trace reads back as what was told", "[trace]") {
    const Folder folder;
    const auto program = small_program();
    const auto path = folder.file("run.vcd");
    {
        VcdTrace trace(program, 2'500'000, path);
        play(program, trace);
    }
    const auto vcd = read_vcd(path);
    REQUIRE(vcd.timescale.find("1 ps") != std::string::npos);
    REQUIRE(std::is_sorted(vcd.times.begin(), vcd.times.end()));
    REQUIRE(vcd.times.back() == 200'500);

    // Both names of engines turn into the same identifier; the second gets one of its own.
    const std::string dma = "dma_axi_0", matrix = "dma_axi_0_";
    const auto states = filter_names(path + ".state.gtkwfilter");
    const auto state = [&](const std::string& engine, std::int64_t time) {
        return states.at(static_cast<std::size_t>(vcd.at(engine + ".state", time)));
    };
    CHECK(state(dma, 0) == "working");
    CHECK(state(matrix, 0) == "waits_for_dma");
    CHECK(state(matrix, 20'000) == "working");
    CHECK(state(dma, 50'000) == "waits_for_space");
    CHECK(state(matrix, 60'000) == "working");
    CHECK(state(dma, 100'500) == "working");
    CHECK(state(dma, 200'500) == "idle");
    for (const auto& [time, value] : vcd.changes.at(matrix + ".state")) {
        CHECK(states.at(static_cast<std::size_t>(value)) != "waits_for_vector");  // it lasted no time
    }

    const auto operators = filter_names(path + ".operator.gtkwfilter");
    REQUIRE(operators == std::vector<std::string>{program.labels[0], program.labels[1], "-"});
    CHECK(vcd.at(matrix + ".operator", 59'999) == 0);
    CHECK(vcd.at(matrix + ".operator", 60'000) == 1);
    CHECK(vcd.at(matrix + ".operator", 200'500) == 2);
    CHECK(vcd.at(matrix + ".block", 120'499) == 0);
    CHECK(vcd.at(matrix + ".block", 120'500) == 1);
    CHECK(vcd.at("program.block", 100'500) == 1);
    CHECK(filter_names(path + ".section.gtkwfilter").at(0) == "block");

    const auto traffic = filter_names(path + ".traffic.gtkwfilter");
    CHECK(traffic.at(static_cast<std::size_t>(vcd.at(dma + ".traffic", 0))) == "weights");
    CHECK(vcd.at(dma + ".bytes", 19'999) == 1024);
    CHECK(vcd.at(dma + ".bytes", 200'500) == 4 * 1024);
    const std::vector<std::pair<std::int64_t, double>> fills{
        {0, 0}, {0, 2048}, {100'000, 1024}, {100'500, 2048}, {200'500, 1024}};
    CHECK(vcd.changes.at("buffers.weights.fill_bytes") == fills);

    const auto view = contents(path + ".gtkw");
    CHECK(view.find("[dumpfile] \"run.vcd\"") != std::string::npos);
    for (const auto* group : {"-Engines\n", "-Buffers\n", "-Memory\n"})
        CHECK(view.find(group) != std::string::npos);
    CHECK(view.find("^1 run.vcd.state.gtkwfilter\n+{dma_axi_0 state} dma_axi_0.state[3:0]\n") !=
          std::string::npos);
    CHECK(folder.files() == 6);  // the VCD, four filters, the save file: nothing else is left
}

TEST_CASE("VCD times never go back, whatever is told", "[trace]") {
    const Folder folder;
    const auto program = small_program();
    VcdTrace trace(program, 2'500'000, folder.file("run.vcd"));
    trace.buffer_fill(1499, Buffer::state, 1);  // 1 ps
    trace.buffer_fill(1500, Buffer::state, 2);  // 2 ps
    trace.buffer_fill(900, Buffer::state, 3);
    trace.buffer_fill(2499, Buffer::state, 4);
    trace.buffer_fill(3000, Buffer::state, 9);
    trace.buffer_fill(3000, Buffer::state, 4);  // as before: nothing to write
    trace.finish(3000);
    const auto vcd = read_vcd(folder.file("run.vcd"));
    CHECK(std::is_sorted(vcd.times.begin(), vcd.times.end()));
    const std::vector<std::pair<std::int64_t, double>> fills{{0, 0}, {1, 1}, {2, 4}};
    CHECK(vcd.changes.at("buffers.state.fill_bytes") == fills);
}

TEST_CASE("a Chrome trace has nested slices, rows by engine and counters", "[trace]") {
    const Folder folder;
    const auto program = small_program();
    const auto path = folder.file("run.json");
    {
        ChromeTrace trace(program, path);
        play(program, trace);
    }
    const auto trace = nlohmann::json::parse(contents(path));
    std::map<int, std::string> names;
    for (const auto& event : trace.at("traceEvents")) {
        if (event.at("name") == "thread_name") names[event.at("tid")] = event.at("args").at("name");
    }
    REQUIRE(names == std::map<int, std::string>{{1, program.engines[0].name}, {2, program.engines[1].name}});

    const auto rows = read_slices(trace);
    using Entry = std::tuple<std::string, std::string, std::int64_t, std::int64_t>;
    std::vector<Entry> found;
    for (const auto& slice : rows.at(2))
        found.emplace_back(slice.category, slice.name, slice.begin, slice.end);
    const auto& in = program.labels[0];
    const auto& out = program.labels[1];
    // The second repetition starts at 100.5 ns; times are rounded down.
    const std::vector<Entry> expected{{"stall", "waits_for_dma", 0, 20},
                                      {"section", "block 0", 20, 100},
                                      {"operator", in, 20, 60},
                                      {"", in, 20, 40},
                                      {"", in, 40, 60},
                                      {"operator", out, 60, 100},
                                      {"", out, 60, 100},
                                      {"stall", "waits_for_dma", 100, 120},
                                      {"section", "block 1", 120, 200},
                                      {"operator", in, 120, 160},
                                      {"", in, 120, 140},
                                      {"", in, 140, 160},
                                      {"operator", out, 160, 200},
                                      {"", out, 160, 200}};
    CHECK(found == expected);
    CHECK(folder.files() == 1);
}

TEST_CASE("a long Chrome trace survives changes of the block, and its counters are thinned", "[trace]") {
    const Folder folder;
    auto program = small_program();
    const std::int64_t repetitions = 20'000;  // some 13 MB
    program.sections[0].repeat = repetitions;
    const auto path = folder.file("long.json");
    ChromeTrace trace(program, path);
    const auto& tiles = program.sections[0].streams[1];
    TimeFs time = 0;
    for (std::int64_t repetition = 0; repetition < repetitions; ++repetition) {
        for (const auto& tile : tiles) {
            trace.work(time, time + 77 * ns, 1, tile);
            trace.buffer_fill(time, Buffer::state, time / ns);
            time += 77 * ns;
        }
        trace.stall(time, 1, StallCause::waits_for_space);
        time += 3 * ns;
    }
    trace.finish(time);
    REQUIRE(fs::file_size(path) > 8 * TraceFile::block_bytes);
    const auto json = nlohmann::json::parse(contents(path));
    const auto rows = read_slices(json);
    std::int64_t sections = 0, instructions = 0;
    for (const auto& slice : rows.at(2)) {
        if (slice.category == "section") {
            REQUIRE(slice.name == "block " + std::to_string(sections++));
            REQUIRE(slice.end - slice.begin == 3 * 77);
        }
        if (slice.category.empty()) ++instructions;
    }
    CHECK(sections == repetitions);
    CHECK(instructions == 3 * repetitions);
    double last = -1;
    for (const auto& event : json.at("traceEvents")) {
        if (event.at("ph") != "C") continue;
        const auto ts = event.at("ts").get<double>();
        REQUIRE(ts >= last + 1);
        // The last change before the time stamp, not any other: fills are told every 77 or 80 ns.
        const auto age = ts * 1000 - event.at("args").at("bytes").get<double>();
        REQUIRE(age > 0);
        REQUIRE(age <= 80);
        last = ts;
    }
    CHECK(last > 1000);
}

TEST_CASE("a trace that cannot be written says why and leaves nothing", "[trace]") {
    const Folder folder;
    const auto program = small_program();
    using Catch::Matchers::Contains;
    const auto missing = folder.file("missing/run.json");
    CHECK_THROWS_WITH(ChromeTrace(program, missing),
                      Contains(missing) && Contains("No such file or directory"));
    CHECK_THROWS_WITH(VcdTrace(program, 1, missing),
                      Contains(missing) && Contains("No such file or directory"));
    CHECK_THROWS_WITH(TraceFile(folder.path.string()), Contains("Is a directory"));
    CHECK_THROWS_WITH(TraceFile("/dev/null"), Contains("/dev/null: it is no regular file"));
    CHECK_THROWS_AS(TraceFile(""), std::runtime_error);
    CHECK(folder.files() == 0);
}

TEST_CASE("without finish() there is no file, and an older one stays", "[trace]") {
    const Folder folder;
    const auto program = small_program();
    std::ofstream(folder.file("run.vcd")) << "old";
    {
        ChromeTrace chrome(program, folder.file("run.json"));
        VcdTrace vcd(program, 1, folder.file("run.vcd"));
        CHECK(folder.files() == 3);
        TeeObserver both({&chrome, &vcd});
        both.work(0, ns, 1, program.sections[0].streams[1][0]);
        for (int i = 0; i < 1'000'000; ++i) both.buffer_fill(i * ns, Buffer::weights, i);
    }
    CHECK(folder.files() == 1);
    CHECK(contents(folder.file("run.vcd")) == "old");
}

TEST_CASE("a tee passes everything on to all", "[trace]") {
    const Folder folder;
    const auto program = small_program();
    const auto write = [&](const std::string& name) {
        ChromeTrace first(program, folder.file(name + "1"));
        ChromeTrace second(program, folder.file(name + "2"));
        TeeObserver both({&first, &second});
        play(program, both);
    };
    write("tee");
    ChromeTrace alone(program, folder.file("alone"));
    play(program, alone);
    CHECK(contents(folder.file("tee1")) == contents(folder.file("alone")));
    CHECK(contents(folder.file("tee2")) == contents(folder.file("alone")));
}

TEST_CASE("numbers are formatted with all their digits", "[trace]") {
    const auto text = [](auto put, auto value) {
        char buffer[64];
        return std::string(buffer, put(buffer, value));
    };
    for (std::uint64_t value : {0ULL, 7ULL, 10ULL, 99ULL, 100ULL, 101ULL, 9'999ULL, 10'000ULL, 123'456'789ULL,
                                999'999'999'999'999'999ULL, 1'000'000'000'000'000'000ULL, ~0ULL}) {
        CHECK(text(put_unsigned, value) == std::to_string(value));
    }
    CHECK(text(put_integer, std::int64_t{-120}) == "-120");
    CHECK(text(put_integer, std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(text(put_microseconds, std::uint64_t{0}) == "0.000");
    CHECK(text(put_microseconds, std::uint64_t{12'345'067}) == "12345.067");
}
