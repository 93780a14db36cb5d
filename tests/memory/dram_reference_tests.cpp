// SPDX-License-Identifier: Apache-2.0
// The event-driven controller beside one that ticks, and the figures of five kinds of traffic.
#include <cmath>

#include <catch2/catch.hpp>

#include "cycle_reference.hpp"
#include "dram_fixtures.hpp"
#include "trace_patterns.hpp"

using namespace tilewright::memory;
using tilewright::test::CycleReference;
using tilewright::test::ddr4;
using tilewright::test::pattern;

namespace {

struct Figures {
    double bandwidth_fraction = 0;
    double mean_latency_clocks = 0;  // of 64-byte accesses
};

Figures figures(const std::string& mapping, const std::vector<DramTraceRequest>& requests) {
    const auto dram = ddr4();
    std::vector<DramTraceRequest> accesses;
    for (const auto& request : requests) {
        for (std::int64_t at = 0; at < request.bytes; at += 64) {
            accesses.push_back({request.clock, request.write, request.address + at, 64});
        }
    }
    const auto result = run_dram_trace(dram, {}, AddressMapping(mapping, dram), accesses);
    return {static_cast<double>(accesses.size()) * 4 / static_cast<double>(result.cycles()),
            static_cast<double>(result.read_latency_sum) / static_cast<double>(result.reads)};
}

// As fast as the controller takes them; the clocks between 64 bytes otherwise.
double saturated(const std::string& mapping, const std::string& kind) {
    return figures(mapping, pattern(kind, kind == "bursts" ? 300 : 20000, 0)).bandwidth_fraction;
}

}  // namespace

TEST_CASE("bandwidth within 5 % and read latency within 10 % of a controller that ticks") {
    for (const auto* mapping : {"RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR", "RoBaRaCoBgCh"}) {
        for (const auto* kind : {"sequential", "random", "bursts", "streams", "mix", "sequential mix"}) {
            for (const double gap : {0.0, 6.0, 9.0, 12.0, 20.0, 60.0}) {
                const bool bursts = std::string(kind) == "bursts";
                const auto requests = pattern(kind, bursts ? 100 : 6000, bursts ? 64 * gap : gap);
                const auto ours = figures(mapping, requests);
                const auto dram = ddr4();
                const auto other = CycleReference(dram).run(AddressMapping(mapping, dram), requests);
                CAPTURE(mapping, kind, gap, ours.bandwidth_fraction, other.bandwidth_fraction,
                        ours.mean_latency_clocks, other.mean_read_latency);
                CHECK(std::abs(ours.bandwidth_fraction / other.bandwidth_fraction - 1) < 0.05);
                CHECK(std::abs(ours.mean_latency_clocks / other.mean_read_latency - 1) < 0.10);
            }
        }
    }
}

TEST_CASE("what each kind of traffic gets of the peak") {
    // Refresh alone leaves 1 - (RTP + RP + RFC + RCD) / REFI = 0.951.
    CHECK(saturated("MOP4CLXOR", "sequential") == Approx(0.953).margin(0.01));
    CHECK(saturated("RoBaRaCoBgCh", "sequential") == Approx(0.953).margin(0.01));
    // One bank group at a time is bound by CCD_L to half the peak; the next row lies in another group, and
    // the 32 accesses that are queued reach into it, so that a quarter of a row's 128 accesses overlap.
    CHECK(saturated("RoBaRaCoCh", "sequential") == Approx(0.617).margin(0.02));
    // Four activates in FAW = 34 clocks, each for four clocks of data: 0.47, less refresh.
    CHECK(saturated("RoBaRaCoCh", "random") == Approx(0.47 * 0.951).margin(0.02));
    CHECK(saturated("MOP4CLXOR", "random") == Approx(0.47 * 0.951).margin(0.02));
    // 4 KiB in one row of one bank, with up to one more burst in the queue.
    CHECK(saturated("RoBaRaCoCh", "bursts") == Approx(0.69).margin(0.03));
    CHECK(saturated("MOP4CLXOR", "bursts") == Approx(0.94).margin(0.02));
    // Two streams meet in the same bank: half the peak by CCD_L, less a conflict every 32 accesses or so.
    CHECK(saturated("RoBaRaCoCh", "streams") == Approx(0.485).margin(0.02));
    CHECK(saturated("MOP4CLXOR", "streams") == Approx(0.90).margin(0.02));
    // Random reads and writes: as random reads, less two turnarounds a batch of 20 writes.
    CHECK(saturated("MOP4CLXOR", "mix") == Approx(0.43).margin(0.02));
}

TEST_CASE("idle latencies are those of the command sequence, plus the chance of a refresh") {
    // One read every 1000 clocks: 5 % of them meet a refresh of about 600 clocks, and wait half of it.
    const auto hit = figures("RoBaRaCoBgCh", pattern("sequential", 5000, 1000)).mean_latency_clocks;
    CHECK(hit == Approx(26 + 0.05 * 300).margin(8));
    const auto conflict = figures("RoBaRaCoCh", pattern("random", 5000, 1000)).mean_latency_clocks;
    // Between two refreshes 12 reads meet 16 banks: 0.71 of them find their bank closed, the others conflict.
    CHECK(conflict == Approx(0.71 * 48 + 0.29 * 70 + 0.05 * 300).margin(8));
}
