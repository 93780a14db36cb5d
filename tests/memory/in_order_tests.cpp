// SPDX-License-Identifier: Apache-2.0
// DramChannel in closed form is the same as its controller access by access, to the clock, and gives no
// command that JEDEC's rules forbid.
#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "dram_fixtures.hpp"
#include "in_order_reference.hpp"
#include "memory/dram/dram_channel.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;
using tilewright::test::InOrderReference;

namespace {

struct Burst {
    MemoryClock arrival = 0;
    std::int64_t address = 0;
    std::int64_t bytes = 0;
    bool write = false;
    MemoryClock last_arrival = 0;
};

// Memories with other frames, numbers of bank groups and windows of activates than DDR4.
DramSpecification hbm2() {
    auto dram = ddr4();
    dram.organization.channel_width_bits = 64;
    dram.organization.row_bytes = 1024;
    auto& t = dram.timing;
    t = DramTiming{};
    t.clock_hz = 1e9;
    t.burst_length = 4;
    t.cl = 14;
    t.cwl = 4;
    t.rcd = t.rp = t.rp_all = 13;
    t.ras = 31;
    t.rc = 44;
    t.rtp = 6;
    t.wr = 15;
    t.wtr_s = 6;
    t.wtr_l = 8;
    t.ccd_s = 2;
    t.ccd_l = 4;
    t.rrd_s = 4;
    t.rrd_l = 6;
    t.faw = 27;
    t.rfc = 234;
    t.refi = 3504;
    return dram;
}

DramSpecification lpddr4() {
    auto dram = ddr4();
    dram.organization.channel_width_bits = 32;
    dram.organization.bank_groups = 1;
    dram.organization.banks_per_group = 8;
    dram.organization.row_bytes = 4096;
    auto& t = dram.timing;
    t.burst_length = 16;
    t.ccd_s = t.ccd_l = 8;
    t.rrd_s = t.rrd_l = 16;
    t.wtr_s = t.wtr_l = 16;
    t.faw = 64;
    return dram;
}

// Two bank groups, whose columns of one group cannot keep the pace of the pins.
DramSpecification slow_groups() {
    auto dram = ddr4();
    dram.organization.bank_groups = 2;
    dram.timing.ccd_l = 11;
    dram.timing.rrd_s = 5;
    return dram;
}

std::vector<Burst> some_bursts(const DramSpecification& dram) {
    const auto row_set = dram.organization.row_bytes * dram.organization.bank_groups;
    std::vector<Burst> bursts;
    const auto count = *rc::gen::inRange(1, 30);
    MemoryClock now = 0;
    std::int64_t next = 0;
    for (int i = 0; i < count; ++i) {
        Burst burst;
        now += *rc::gen::element<MemoryClock>(0, 0, 1, 3, 50, 200, 600, 2000, 2 * dram.timing.refi) +
               *rc::gen::inRange<MemoryClock>(0, 30);
        burst.arrival = now;
        burst.bytes = *rc::gen::element<std::int64_t>(1, 64, 256, 700, 2048, 8192);
        // Where the last one ended, in few banks and rows, or across the end of a row.
        burst.address = *rc::gen::element(
            next, next,
            *rc::gen::inRange<std::int64_t>(0, 10) * row_set + *rc::gen::inRange<std::int64_t>(0, 40) * 64,
            *rc::gen::inRange<std::int64_t>(1, 10) * row_set - 640);
        burst.write = *rc::gen::inRange(0, 3) == 0;
        burst.last_arrival = now + (burst.write ? *rc::gen::element<MemoryClock>(0, 10, 500, 1024, 3000) : 0);
        next = burst.address + burst.bytes;
        bursts.push_back(burst);
    }
    return bursts;
}

}  // namespace

TEST_CASE("the controller in order is in closed form what it is clock by clock") {
    const auto memories = {ddr4(), hbm2(), lpddr4(), slow_groups()};
    for (const auto& memory : memories) {
        CHECK(rc::check("same clocks", [&] {
            auto dram = memory;
            dram.timing.refi = *rc::gen::element(dram.timing.refi, 1100, 2500);
            DramControllerPolicy policy;
            policy.read_queue = *rc::gen::element(1, 3, 8, 32);
            policy.packet_accesses = *rc::gen::element(1, 4);
            const auto bursts = some_bursts(dram);
            DramChannel channel(dram, policy);
            InOrderReference reference(dram, policy.read_queue, policy.packet_accesses);
            const auto cycle = period_fs(dram.timing.clock_hz);
            for (const auto& burst : bursts) {
                const auto expected = reference.serve(burst.arrival, burst.address, burst.bytes, burst.write,
                                                      burst.last_arrival);
                const auto times = channel.serve(burst.arrival * cycle, burst.address, burst.bytes,
                                                 burst.write, burst.last_arrival * cycle);
                RC_ASSERT(times.first_data == expected.first * cycle);
                RC_ASSERT(times.last_data == expected.last * cycle);
            }
            const auto& statistics = channel.statistics();
            RC_ASSERT(statistics.row_activations == reference.count('A'));
            RC_ASSERT(statistics.refreshes == reference.count('F'));
            RC_ASSERT(statistics.row_hits + statistics.row_misses ==
                      reference.count('R') + reference.count('W'));
            const auto commands = reference.commands();
            std::int64_t turnarounds = 0;
            bool any = false;
            bool wrote = false;
            for (const auto& command : commands) {
                const bool write = command.kind == DramCommandKind::write;
                if (!write && command.kind != DramCommandKind::read) continue;
                turnarounds += any && write != wrote;
                any = true;
                wrote = write;
            }
            RC_ASSERT(statistics.turnarounds == turnarounds);
            // HBM2 gives a precharge and a column command in one clock, over two buses.
            if (dram.timing.column_spacing() < 3) return;
            RC_ASSERT(tilewright::test::first_violation(commands, dram) == "");
        }));
    }
}

TEST_CASE("in order: data and stalls add up to the time in which bursts are there") {
    CHECK(rc::check("adds up", [] {
        const auto dram = ddr4();
        DramChannel channel(dram);
        const auto cycle = period_fs(dram.timing.clock_hz);
        TimeFs there = 0;
        TimeFs until = 0;
        for (const auto& burst : some_bursts(dram)) {
            // All written data at once, so that the pins never wait for them.
            const auto times = channel.serve(burst.arrival * cycle, burst.address, burst.bytes, burst.write);
            RC_ASSERT(times.service_begin == std::max(burst.arrival * cycle, until));
            there += times.last_data - times.service_begin;
            until = times.last_data;
        }
        RC_ASSERT(channel.statistics().served() == there);
    }));
}
