// SPDX-License-Identifier: Apache-2.0
// An episode stands for all clocks at which its refresh might as well have come due, and for no other.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "burst_runs.hpp"
#include "dram_fixtures.hpp"
#include "memory/dram/burst_queue.hpp"
#include "memory/dram/episode_queue.hpp"

using namespace tilewright::memory;
using namespace tilewright::test;

namespace {

using Bursts = std::vector<DramBurstQueue::Burst>;

// The same bursts over and over, and each time the refresh comes due `later` clocks further into them, or
// sooner. `apart`: bytes between one time and the next.
Bursts repeated(const Bursts& pattern, const DramSpecification& dram, MemoryClock due, MemoryClock later,
                int times, std::int64_t apart) {
    Bursts bursts;
    for (int i = 0; i < times; ++i) {
        const auto begin = 2 * (i + 1) * dram.timing.refi - due - i * later;
        for (auto burst : pattern) {
            burst.id = static_cast<std::int64_t>(bursts.size());
            burst.arrival += begin;
            burst.last_arrival += begin;
            burst.address += i * apart;
            bursts.push_back(burst);
        }
    }
    return bursts;
}

DramSpecification random_dram() {
    auto dram = ddr4(std::int64_t{1} << 28);
    dram.organization.bank_groups = *rc::gen::element(2, 4, 4);
    dram.organization.row_bytes = *rc::gen::element(std::int64_t{1024}, std::int64_t{8192});
    dram.timing.rrd_s = *rc::gen::element(4, 4, 6, 9);
    dram.timing.faw = *rc::gen::element(16, 34, 60);
    dram.timing.rtp = *rc::gen::element(3, 4, 12, 20);
    dram.timing.wr = *rc::gen::element(1, 24);
    dram.timing.rcd = *rc::gen::element(5, 22);
    dram.timing.refi = 6000;
    dram.timing.rfc = *rc::gen::element(100, 560);
    return dram;
}

// A few bursts, each behind the one before it or elsewhere.
Bursts random_pattern(std::int64_t alignment) {
    const auto longest = *rc::gen::element(1024, 8192);
    const auto writes = *rc::gen::element(0, 0, 30, 100);
    const auto elsewhere = *rc::gen::element(0, 30);
    const auto bytes_a_clock = *rc::gen::element(8, 100000);
    const auto steps = *rc::gen::nonEmpty(
        rc::gen::resize(4, rc::gen::container<std::vector<std::tuple<int, int, int, int>>>(rc::gen::tuple(
                               rc::gen::element(0, 0, 100, 512, 700, 1024), rc::gen::inRange(0, 100),
                               rc::gen::inRange(0, 100), rc::gen::inRange(0, 100)))));
    Bursts pattern;
    MemoryClock clock = 0;
    auto address = 64 * *rc::gen::inRange<std::int64_t>(0, 2000);
    for (const auto& [pause, kind, length, place] : steps) {
        if (!pattern.empty()) clock += pause;
        if (place < elsewhere) address += alignment + 4096 * place;
        const auto bytes = length < 70 ? longest : 64 * (length - 60);
        pattern.push_back({0, clock, address, bytes, kind < writes, clock + bytes / bytes_a_clock});
        address += bytes;
    }
    return pattern;
}

}  // namespace

TEST_CASE("whenever a refresh comes due, what is taken from another one is what comes of it") {
    CHECK(rc::check("refresh windows", [] {
        const auto dram = random_dram();
        DramControllerPolicy policy;
        policy.read_queue = policy.write_queue = *rc::gen::element(8, 32);
        policy.packet_accesses = 4;
        const AddressMapping mapping("RoBaRaCoBgCh", dram);
        const auto rows = std::int64_t{dram.organization.bank_groups} * dram.organization.row_bytes *
                          dram.organization.banks_per_group;
        const auto bursts =
            repeated(random_pattern(rows), dram, *rc::gen::inRange(-20, 1500), *rc::gen::element(-3, 1, 1, 5),
                     60, *rc::gen::element(std::int64_t{0}, 2 * rows));
        const auto slow = run(DramBurstQueue(dram, policy, mapping, false), bursts, 96, 50, false);
        const auto store = std::make_shared<DramEpisodeStore>();
        for (int times = 0; times < 2; ++times) {
            check_same(run(DramEpisodeQueue(dram, policy, mapping, store), bursts, 96, 50, false), slow);
        }
    }));
}
