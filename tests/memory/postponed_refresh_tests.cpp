// SPDX-License-Identifier: Apache-2.0
// Refreshes that wait for what is in the queues.
#include <vector>

#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/command_scheduler.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

TEST_CASE("a refresh is put off while accesses wait, for so many REFI, and given when none waits") {
    DramControllerPolicy policy;
    policy.refreshes_postponed = 2;
    const auto refi = ddr4().timing.refi;
    // Columns of one bank group follow each other every CCD_L, so that one always waits.
    const auto busy = [&](MemoryClock until) {
        DramCommandScheduler scheduler(ddr4(), policy);
        std::vector<DramCommand> log;
        scheduler.record(log);
        std::int64_t id = 0;
        for (MemoryClock clock = 0; clock < until; clock = scheduler.advance_until_accepts(false)) {
            scheduler.enqueue(clock, id, false, {0, 0, 0, 0, 1, id % 128});
            ++id;
        }
        const auto last = scheduler.now();
        scheduler.drain();
        scheduler.advance(last + 2000);
        std::vector<MemoryClock> refreshes;
        for (const auto& command : log) {
            if (command.kind == DramCommandKind::refresh) refreshes.push_back(command.clock);
        }
        return refreshes;
    };
    // The one that was due at REFI waits up to three REFI, and so on.
    const auto refreshes = busy(5 * refi + refi / 2);
    REQUIRE(refreshes.size() == 5);
    for (int i = 0; i < 3; ++i) {
        CHECK(refreshes[static_cast<std::size_t>(i)] >= (i + 3) * refi);
        CHECK(refreshes[static_cast<std::size_t>(i)] < (i + 3) * refi + 100);
    }
    // The others, as soon as nothing waits, one behind the other.
    CHECK(refreshes[4] - refreshes[3] == ddr4().timing.rfc);
    CHECK(refreshes[3] > 5 * refi + refi / 2);
    CHECK(refreshes[3] < 5 * refi + refi / 2 + 32 * 8 + 200);
    policy.refreshes_postponed = 0;
    const auto in_time = busy(2 * refi + refi / 2);
    REQUIRE(in_time.size() >= 2);
    CHECK(in_time[0] < refi + 100);
    CHECK(in_time[1] < 2 * refi + 100);
}
