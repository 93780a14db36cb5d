// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/planning_scheduler.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

constexpr TimeFs cycle = 625'000;

}  // namespace

// In every frame of four clocks the first is for a column command, the second for an activate, the third for
// a precharge.

TEST_CASE("a read of a closed row takes activate, column latency and data") {
    DramPlanningScheduler channel(ddr4());
    const auto times = channel.read(0, 0, 64);
    // Activate at 1, column at 24: the first of a frame behind RCD.
    CHECK(times.last_data == (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().row_misses == 1);
}

TEST_CASE("a read of an open row takes column latency and data") {
    DramPlanningScheduler channel(ddr4());
    channel.read(0, 0, 64);
    const TimeFs later = 1000 * cycle;
    CHECK(channel.read(later, 256, 64).last_data == later + (22 + 4) * cycle);
    CHECK(channel.statistics().row_hits == 1);
}

TEST_CASE("another row of the same bank is precharged first") {
    DramPlanningScheduler channel(ddr4());
    channel.read(0, 0, 64);
    const TimeFs later = 1000 * cycle;
    // Four bank groups of 8 KiB rows side by side; the same bank comes again after four row sets.
    const std::int64_t same_bank = 4 * 4 * 8192;
    // Precharge at 2, activate at 25, column at 48.
    CHECK(channel.read(later, same_bank, 64).last_data == later + (48 + 22 + 4) * cycle);
}

TEST_CASE("a long read moves an access every four clocks") {
    DramPlanningScheduler channel(ddr4());
    const auto times = channel.read(0, 0, 8192);
    CHECK(times.last_data == (24 + 22 + 128 * 4) * cycle);
    CHECK(times.first_data == (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().row_misses == 4);
    CHECK(channel.statistics().row_hits == 124);
}

TEST_CASE("reads that follow each other keep the pins busy and open their rows early") {
    DramPlanningScheduler channel(ddr4());
    channel.read(0, 0, 32768);
    const auto second = channel.read(0, 32768, 32768);
    CHECK(second.last_data == (24 + 22 + 1024 * 4) * cycle);
}

TEST_CASE("a read after a write waits for the write to settle") {
    DramPlanningScheduler channel(ddr4());
    CHECK(channel.write(0, 0, 0, 64) == 0);
    const auto end = channel.settle();
    CHECK(end == (24 + 16 + 4) * cycle);
    CHECK(channel.read(end, 256, 64).last_data == end + (12 + 22 + 4) * cycle);
    CHECK(channel.statistics().turnarounds == 1);
}

TEST_CASE("a refresh inside a burst delays it by its time and the reopening of the row") {
    DramPlanningScheduler channel(ddr4());
    const TimeFs before = (12480 - 60) * cycle;
    const auto times = channel.read(before, 0, 8192);
    // Columns from 12444 to 12476; 12 clocks behind the last one all banks are precharged, at 12490,
    // refreshed from 12514 to 13074, and activated from 13077 on; columns of the other 119 accesses from
    // 13100 on.
    CHECK(times.last_data == (13100 + 118 * 4 + 22 + 4) * cycle);
    CHECK(channel.statistics().refreshes == 1);
}

TEST_CASE("refreshes while idle close the rows and cost a stall only when they overlap the arrival") {
    DramPlanningScheduler channel(ddr4());
    channel.read(0, 0, 64);
    const TimeFs long_after = 10 * 12480 * cycle + 6000 * cycle;
    CHECK(channel.read(long_after, 256, 64).last_data == long_after + (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().refreshes == 10);
    const TimeFs during = 11 * 12480 * cycle + 100 * cycle;
    // All banks are precharged 2 clocks behind its due clock and refreshed from 26 to 586; activate at 589,
    // column at 612.
    CHECK(channel.read(during, 512, 64).last_data == during + (612 - 100 + 22 + 4) * cycle);
}

namespace {

// The rows of two row sets are open; at clock 1000 a read comes that wants another row in bank group 0. Its
// precharge is given at 1002, its activate at 1025, its column at 1048.
struct RowConflict {
    DramPlanningScheduler channel;
    DramPlanningScheduler::BurstTimes older;

    explicit RowConflict(int queue = 32) : channel(ddr4(), policy(queue)) {
        channel.read(0, 0, 256);
        channel.read(0, other_row_set, 256);
        older = channel.read(1000 * cycle, same_bank, 64);
    }
    static DramControllerPolicy policy(int queue) {
        DramControllerPolicy policy;
        policy.read_queue = queue;
        return policy;
    }
    static constexpr std::int64_t other_row_set = 4 * 8192;
    static constexpr std::int64_t same_bank = 4 * 4 * 8192;
};

}  // namespace

TEST_CASE("a read of an open row passes an older one that waits for its row") {
    RowConflict memory;
    CHECK(memory.older.last_data == (1048 + 22 + 4) * cycle);
    const auto before = memory.channel.statistics();
    const auto younger = memory.channel.read(1000 * cycle, 64, 64);
    CHECK(younger.last_data == (1000 + 22 + 4) * cycle);
    CHECK(younger.service_begin >= 1000 * cycle);
    // Its data pass in time that the pins were said to lose.
    const auto& statistics = memory.channel.statistics();
    CHECK(statistics.served() == before.served());
    CHECK(statistics.data_busy == before.data_busy + 4 * cycle);
    CHECK(statistics.conflict_stall == before.conflict_stall - 4 * cycle);
    // A third one, in another bank group, too; the same group has to wait for CCD_L.
    CHECK(memory.channel.read(1000 * cycle, 128, 64).last_data == (1004 + 22 + 4) * cycle);
    CHECK(memory.channel.read(1000 * cycle, 64, 64).last_data == (1008 + 22 + 4) * cycle);
}

TEST_CASE("a younger read never makes an older one wait") {
    RowConflict memory;
    // At 1044 its column would hold up that of the older one, in the same bank group, for CCD_L.
    CHECK(memory.channel.read(1042 * cycle, RowConflict::other_row_set, 64).last_data ==
          (1056 + 22 + 4) * cycle);
    // Another bank group may have that place.
    CHECK(memory.channel.read(1042 * cycle, RowConflict::other_row_set + 64, 64).last_data ==
          (1044 + 22 + 4) * cycle);
    // A write whose data are there at 1020 is done in time for WTR; one of 1042 has to go behind.
    RowConflict early;
    early.channel.write(1020 * cycle, 1020 * cycle, 64, 64);
    CHECK(early.channel.settle() == early.older.last_data);
    RowConflict late;
    late.channel.write(1042 * cycle, 1042 * cycle, 64, 64);
    CHECK(late.channel.settle() == (1060 + 16 + 4) * cycle);
}

TEST_CASE("what has no place in the queue passes nothing") {
    RowConflict memory(1);
    CHECK(memory.channel.read(1000 * cycle, 64, 64).last_data == (1052 + 22 + 4) * cycle);
}

TEST_CASE("no traffic beats the peak rate") {
    DramPlanningScheduler channel(ddr4());
    TimeFs last = 0;
    std::int64_t bytes = 0;
    std::uint64_t random = 12345;
    for (int i = 0; i < 20000; ++i) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        const auto size = 64 + static_cast<std::int64_t>((random >> 40) % 8192);
        const auto address = static_cast<std::int64_t>((random >> 20) % (1U << 28));
        if ((random & 7U) == 0) {
            channel.write(last, last, address, size);
            last = channel.settle();
        } else {
            last = channel.read(0, address, size).last_data;
        }
        bytes += size;
        REQUIRE(seconds(last) >= static_cast<double>(bytes) / 25.6e9);
    }
    CHECK(channel.statistics().read_bytes + channel.statistics().write_bytes == bytes);
}
