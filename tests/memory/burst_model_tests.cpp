// SPDX-License-Identifier: Apache-2.0
// The controller that plans (DramPlanningScheduler), which whole tokens are simulated with, beside the one
// that works command by command: how far they are apart on the traffic that accelerators make.
#include <cmath>

#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/dram_trace.hpp"
#include "memory/dram/planning_scheduler.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

struct Deviation {
    double time = 0;          // of the whole run, closed form over commands, less 1
    double read_latency = 0;  // mean over the bursts
};

// A burst every `gap` clocks through both models.
Deviation compare(std::vector<DramTraceRequest> bursts, double gap) {
    const auto dram = ddr4();
    for (std::size_t i = 0; i < bursts.size(); ++i) {
        bursts[i].clock = static_cast<MemoryClock>(static_cast<double>(i) * gap);
    }
    const auto commands = run_dram_trace(dram, {}, AddressMapping("RoBaRaCoBgCh", dram), bursts);
    DramPlanningScheduler channel(dram);
    const auto cycle = period_fs(dram.timing.clock_hz);
    double latency = 0;
    for (const auto& burst : bursts) {
        if (burst.write) {
            channel.write(burst.clock * cycle, burst.clock * cycle, burst.address, burst.bytes);
            continue;
        }
        const auto times = channel.read(burst.clock * cycle, burst.address, burst.bytes);
        latency += static_cast<double>(times.last_data / cycle - burst.clock);
    }
    const auto last = channel.settle();
    Deviation result;
    result.time = static_cast<double>(last / cycle) / static_cast<double>(commands.cycles()) - 1;
    if (commands.reads > 0)
        result.read_latency = latency / static_cast<double>(commands.read_latency_sum) - 1;
    return result;
}

// Bursts of 8 KiB: `streams` sequential ones in turn, some GiB apart, the last one written if `write` says
// so.
std::vector<DramTraceRequest> bursts(int count, const std::vector<int>& turns, int write) {
    std::vector<DramTraceRequest> result;
    std::int64_t next[3] = {0, std::int64_t{3} << 30, std::int64_t{5} << 30};
    for (int i = 0; i < count; ++i) {
        const int stream = turns[static_cast<std::size_t>(i) % turns.size()];
        result.push_back({0, stream == write, next[stream], 8192});
        next[stream] += 8192;
    }
    return result;
}

constexpr double burst_clocks = 512;  // 8 KiB at the peak
constexpr int count = 2000;

}  // namespace

TEST_CASE("one stream of bursts takes the same time in both models, to a thousandth") {
    for (const double gap : {0.0, burst_clocks, 600.0, 2 * burst_clocks, 4 * burst_clocks}) {
        CAPTURE(gap);
        const auto deviation = compare(bursts(count, {0}, -1), gap);
        CHECK(std::abs(deviation.time) < 0.001);
        CHECK(std::abs(deviation.read_latency) < 0.02);
    }
    // At half the peak, as one 256-bit port at 400 MHz draws it, single bursts agree too.
    CHECK(std::abs(compare(bursts(count, {0}, -1), 2 * burst_clocks).read_latency) < 0.003);
}

TEST_CASE("written bursts between read ones cost one percent of time at most") {
    const std::vector<int> one_of_eight = {0, 0, 0, 0, 0, 0, 0, 2};
    const std::vector<int> every_other = {0, 2};
    for (const auto& turns : {one_of_eight, every_other, std::vector<int>{2}}) {
        for (const double gap : {0.0, 600.0, 2 * burst_clocks}) {
            CAPTURE(turns, gap);
            CHECK(std::abs(compare(bursts(count, turns, 2), gap).time) < 0.01);
        }
    }
    CHECK(std::abs(compare(bursts(count, one_of_eight, 2), 2 * burst_clocks).read_latency) < 0.01);
    // Held back writes let reads pass in the other one.
    CHECK(std::abs(compare(bursts(count, every_other, 2), 2 * burst_clocks).read_latency) < 0.05);
}

TEST_CASE("two ports that share a channel: the same below its rate, 4 % slow at it") {
    // Rows of two streams in the same banks: one controller lets hits of a row go before older accesses that
    // want another one, the other does not.
    CHECK(std::abs(compare(bursts(count, {0, 1}, -1), 2 * burst_clocks).time) < 0.001);
    CHECK(std::abs(compare(bursts(count, {0, 1}, -1), 2 * burst_clocks).read_latency) < 0.01);
    const auto saturated = compare(bursts(count, {0, 1}, -1), 0).time;
    CHECK(saturated > 0.03);
    CHECK(saturated < 0.06);
}
