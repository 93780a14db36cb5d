// SPDX-License-Identifier: Apache-2.0
// What planned commands leave to others does not depend on how much of the past is remembered.
#include <algorithm>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "dram_fixtures.hpp"
#include "memory/dram/planned_commands.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

// Groups that turn around slowly, and windows of activates that reach far.
DramTiming far_reaching() {
    auto timing = ddr4().timing;
    timing.wtr_l = 60;
    timing.faw = 120;
    return timing;
}

constexpr std::int64_t groups = 4;
constexpr int steps = 200;  // far more than are kept

}  // namespace

TEST_CASE("column commands of the past are forgotten once they bind no place any more") {
    const auto timing = far_reaching();
    CHECK(rc::check("with and without the past", [&] {
        PlannedColumns short_memory(timing, groups);
        PlannedColumns long_memory(timing, groups);
        const auto queue = *rc::gen::inRange<std::int64_t>(1, 20);
        MemoryClock now = 0;
        std::int64_t planned = 0;
        for (int step = 0; step < steps; ++step) {
            now += *rc::gen::element<MemoryClock>(0, 1, 4, 20);
            short_memory.forget(now, queue);
            const bool write = *rc::gen::arbitrary<bool>();
            const auto group = *rc::gen::inRange<std::size_t>(0, groups);
            const auto from = now + *rc::gen::element<MemoryClock>(0, 0, 30, 200);
            const auto place = long_memory.earliest(from, write, group);
            RC_ASSERT(short_memory.earliest(from, write, group) == place);
            if (place < long_memory.end()) {
                RC_ASSERT(short_memory.insert(place, write, group) ==
                          long_memory.insert(place, write, group));
                ++planned;
            } else {
                const auto count = *rc::gen::inRange<std::int64_t>(1, 9);
                RC_ASSERT(short_memory.append(place, write, group, count) ==
                          long_memory.append(place, write, group, count));
                planned += count;
            }
            const auto last = std::min(queue, planned);
            RC_ASSERT(short_memory.last_but(last) == long_memory.last_but(last));
        }
    }));
}

TEST_CASE("activates of the past are forgotten once they bind no place any more") {
    const auto timing = far_reaching();
    CHECK(rc::check("with and without the past", [&] {
        PlannedActivates short_memory(timing, groups, 1);
        PlannedActivates long_memory(timing, groups, 1);
        MemoryClock now = 0;
        for (int step = 0; step < steps; ++step) {
            now += *rc::gen::element<MemoryClock>(0, 4, 12, 40);
            short_memory.forget(now);
            const auto group = *rc::gen::inRange<std::size_t>(0, groups);
            const auto from = now + *rc::gen::element<MemoryClock>(0, 0, 50, 300);
            const auto place = long_memory.earliest(from, group);
            RC_ASSERT(short_memory.earliest(from, group) == place);
            short_memory.add(place, group);
            long_memory.add(place, group);
        }
    }));
}
