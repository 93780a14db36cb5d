// SPDX-License-Identifier: Apache-2.0
// DramPlanningScheduler in closed form is the same as its controller access by access, to the clock, and
// gives no command that JEDEC's rules forbid.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "accel/design/config_files.hpp"
#include "dram_fixtures.hpp"
#include "first_ready_reference.hpp"
#include "memory/dram/planning_scheduler.hpp"
#include "memory/interval_union.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;
using tilewright::test::FirstReadyReference;

namespace {

struct Burst {
    MemoryClock announced = 0;  // none that comes later arrives before
    MemoryClock arrival = 0;
    std::int64_t address = 0;
    std::int64_t bytes = 0;
    bool write = false;
    MemoryClock last_arrival = 0;
};

// Memories with other frames, numbers of bank groups and windows of activates than DDR4: as the devices have
// them, and below some that are made up.
DramSpecification of_device(const std::string& device, const std::string& memory) {
    return tilewright::accel::load_device(device).memories.at(memory).dram.channel();
}
DramSpecification hbm2() {
    return of_device("u280", "hbm");
}
DramSpecification lpddr4() {
    return of_device("vck190", "lpddr4");
}

// Two bank groups, whose columns of one group cannot keep the pace of the pins.
DramSpecification slow_groups() {
    auto dram = ddr4();
    dram.organization.bank_groups = 2;
    dram.timing.ccd_l = 11;
    dram.timing.rrd_s = 5;
    return dram;
}

// Columns that are further apart than their data are long.
DramSpecification slow_columns() {
    auto dram = ddr4();
    dram.timing.ccd_s = 7;
    dram.timing.ccd_l = 9;
    dram.timing.cwl = 5;
    return dram;
}

// Rows that are over soon and cannot be opened fast, and groups that turn around slowly: many commands lie
// before those that still matter.
DramSpecification short_rows() {
    auto dram = ddr4();
    dram.organization.row_bytes = 128;
    dram.timing.faw = 120;
    dram.timing.wtr_l = 60;
    return dram;
}

std::vector<Burst> some_bursts(const DramSpecification& dram) {
    const auto row_set = dram.organization.row_bytes * dram.organization.bank_groups;
    std::vector<Burst> bursts;
    const auto count = *rc::gen::inRange(1, *rc::gen::element(20, 20, 20, 20, 20, 80));
    MemoryClock now = 0;
    std::int64_t next = 0;
    for (int i = 0; i < count; ++i) {
        Burst burst;
        now += *rc::gen::element<MemoryClock>(0, 0, 1, 3, 50, 200, 600, 2000, 2 * dram.timing.refi) +
               *rc::gen::inRange<MemoryClock>(0, 30);
        burst.announced = now;
        burst.arrival =
            now + *rc::gen::element<MemoryClock>(0, 0, 0, 7, 40);  // one way is longer than others
        burst.bytes = *rc::gen::element<std::int64_t>(1, 64, 256, 700, 2048, 8192);
        // Where the last one ended, in few banks and rows, or across the end of a row.
        burst.address = *rc::gen::element(
            next, next,
            *rc::gen::inRange<std::int64_t>(0, 10) * row_set + *rc::gen::inRange<std::int64_t>(0, 40) * 64,
            *rc::gen::inRange<std::int64_t>(1, 10) * row_set - std::min<std::int64_t>(row_set, 640));
        burst.write = *rc::gen::inRange(0, 3) == 0;
        burst.last_arrival =
            burst.arrival + (burst.write ? *rc::gen::element<MemoryClock>(0, 10, 500, 1024, 3000) : 0);
        next = burst.address + burst.bytes;
        bursts.push_back(burst);
    }
    return bursts;
}

}  // namespace

// Written bursts go behind what arrives before the last of their data; both sides are told of them then.
struct Sides {
    DramPlanningScheduler channel;
    FirstReadyReference reference;
    TimeFs cycle;
    std::vector<Burst> posted;  // by arrival
    std::vector<FirstReadyReference::Times> expected;
    std::vector<DramPlanningScheduler::Written> written;

    Sides(const DramSpecification& dram, const DramControllerPolicy& policy)
        : channel(dram, policy), reference(dram, policy.read_queue), cycle(period_fs(dram.timing.clock_hz)) {}

    void plan_posted(MemoryClock until) {
        while (!posted.empty() && posted.front().last_arrival <= until) {
            const auto& burst = posted.front();
            expected.push_back(reference.serve(burst.last_arrival, burst.address, burst.bytes, true));
            posted.erase(posted.begin());
        }
    }
    void write(const Burst& burst) {
        plan_posted(burst.announced);
        const auto later = [](const Burst& a, const Burst& b) { return a.last_arrival < b.last_arrival; };
        posted.insert(std::upper_bound(posted.begin(), posted.end(), burst, later), burst);
        const auto accepted =
            channel.write(burst.announced * cycle, burst.last_arrival * cycle, burst.address, burst.bytes);
        RC_ASSERT(accepted >= burst.last_arrival * cycle);
        take_written();
    }
    void read(const Burst& burst) {
        plan_posted(burst.arrival);
        const auto times = channel.read(burst.arrival * cycle, burst.address, burst.bytes);
        const auto right = reference.serve(burst.arrival, burst.address, burst.bytes, false);
        RC_ASSERT(times.first_data == right.first * cycle);
        RC_ASSERT(times.last_data == right.last * cycle);
        take_written();
    }
    void settle() {
        plan_posted(std::numeric_limits<MemoryClock>::max());
        channel.settle();
        take_written();
    }
    void take_written() {
        channel.take_written(written);
        RC_ASSERT(written.size() == expected.size());
        for (std::size_t i = 0; i < written.size(); ++i) {
            RC_ASSERT(written[i].times.first_data == expected[i].first * cycle);
            RC_ASSERT(written[i].times.last_data == expected[i].last * cycle);
        }
        expected.clear();
    }
};

TEST_CASE("the controller that plans is in closed form what it is clock by clock") {
    const auto memories = {ddr4(), hbm2(), lpddr4(), slow_groups(), slow_columns(), short_rows()};
    for (const auto& memory : memories) {
        CHECK(rc::check("same clocks", [&] {
            auto dram = memory;
            dram.timing.refi = *rc::gen::element(dram.timing.refi, 1100, 2500);
            DramControllerPolicy policy;
            policy.read_queue = *rc::gen::element(1, 3, 8, 32, 100);
            Sides sides(dram, policy);
            for (const auto& burst : some_bursts(dram)) burst.write ? sides.write(burst) : sides.read(burst);
            sides.settle();
            const auto& reference = sides.reference;
            const auto& statistics = sides.channel.statistics();
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
            const auto buses = dram.timing.column_spacing() < 3 ? 2 : 1;
            RC_ASSERT(tilewright::test::first_violation(commands, dram, buses) == "");
        }));
    }
}

TEST_CASE("planned: data and stalls add up to the time in which bursts are there") {
    for (const auto& dram : {ddr4(), hbm2(), lpddr4(), slow_groups(), slow_columns(), short_rows()}) {
        CHECK(rc::check("adds up", [&] {
            DramControllerPolicy policy;
            policy.read_queue = *rc::gen::element(1, 5, 32, 64);
            DramPlanningScheduler channel(dram, policy);
            const auto cycle = period_fs(dram.timing.clock_hz);
            // Younger bursts may pass older ones: what counts is that any is there.
            IntervalUnion there;
            std::vector<DramPlanningScheduler::Written> written;
            const auto add = [&](TimeFs arrival, const DramPlanningScheduler::BurstTimes& times) {
                RC_ASSERT(times.service_begin >= arrival);
                RC_ASSERT(times.first_data > times.service_begin);
                RC_ASSERT(times.last_data >= times.first_data);
                there.add(times.service_begin, times.last_data);
            };
            const auto add_written = [&] {
                channel.take_written(written);
                for (const auto& burst : written) add(burst.arrival, burst.times);
            };
            for (const auto& burst : some_bursts(dram)) {
                const auto arrival = burst.arrival * cycle;
                if (burst.write) {
                    channel.write(burst.announced * cycle, burst.last_arrival * cycle, burst.address,
                                  burst.bytes);
                    add_written();
                    continue;
                }
                const auto times = channel.read(arrival, burst.address, burst.bytes);
                add_written();
                add(arrival, times);
            }
            channel.settle();
            add_written();
            RC_ASSERT(channel.statistics().served() == there.covered());
            const auto& s = channel.statistics();
            for (const auto stall : {s.refresh_stall, s.row_stall, s.conflict_stall, s.turnaround_stall,
                                     s.bank_group_stall, s.activate_stall, s.spacing_stall, s.column_stall}) {
                RC_ASSERT(stall >= 0);
            }
            RC_ASSERT(s.contested_stall >= 0);
            RC_ASSERT(s.contested_stall <=
                      s.row_stall + s.conflict_stall + s.turnaround_stall + s.bank_group_stall);
        }));
    }
}

TEST_CASE("planned: a read goes before a written burst whose data are still on their way") {
    DramPlanningScheduler channel(ddr4());
    const auto cycle = period_fs(ddr4().timing.clock_hz);
    // 8 KiB that come until clock 2000; they are accepted then.
    CHECK(channel.write(0, 2000 * cycle, 0, 8192) == 2000 * cycle);
    CHECK(channel.read(400 * cycle, 8192, 64).last_data == (400 + 24 + 22 + 4) * cycle);
    CHECK(channel.statistics().write_bytes == 0);
    // A read that comes behind them waits: group 0 is open, its column is given at 2000, the others are
    // activated from 2001 on and have theirs from 2024 on; the second and the third one of group 0 pass them,
    // at 2008 and 2016, so that the last one is given at 2520, data up to 2540; then WTR_S.
    CHECK(channel.read(2000 * cycle, 16384, 64).last_data == (2540 + 4 + 22 + 4) * cycle);
    CHECK(channel.statistics().write_bytes == 8192);
    // What comes when the pins are busy is accepted when they are done with it.
    CHECK(channel.write(2010 * cycle, 2020 * cycle, 0, 64) == (2540 + 4 + 22 + 4) * cycle);
    CHECK(channel.settle() > (2540 + 4 + 22 + 4) * cycle);
}
