// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/dram_channel.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

constexpr TimeFs cycle = 625'000;

}  // namespace

// In every frame of four clocks the first is for a column command, the second for an activate, the third for
// a precharge.

TEST_CASE("a read of a closed row takes activate, column latency and data") {
    DramChannel channel(ddr4());
    const auto times = channel.read(0, 0, 64);
    // Activate at 1, column at 24: the first of a frame behind RCD.
    CHECK(times.last_data == (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().row_misses == 1);
}

TEST_CASE("a read of an open row takes column latency and data") {
    DramChannel channel(ddr4());
    channel.read(0, 0, 64);
    const TimeFs later = 1000 * cycle;
    CHECK(channel.read(later, 256, 64).last_data == later + (22 + 4) * cycle);
    CHECK(channel.statistics().row_hits == 1);
}

TEST_CASE("another row of the same bank is precharged first") {
    DramChannel channel(ddr4());
    channel.read(0, 0, 64);
    const TimeFs later = 1000 * cycle;
    // Four bank groups of 8 KiB rows side by side; the same bank comes again after four row sets.
    const std::int64_t same_bank = 4 * 4 * 8192;
    // Precharge at 2, activate at 25, column at 48.
    CHECK(channel.read(later, same_bank, 64).last_data == later + (48 + 22 + 4) * cycle);
}

TEST_CASE("a long read moves an access every four clocks") {
    DramChannel channel(ddr4());
    const auto times = channel.read(0, 0, 8192);
    CHECK(times.last_data == (24 + 22 + 128 * 4) * cycle);
    CHECK(times.first_data == (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().row_misses == 4);
    CHECK(channel.statistics().row_hits == 124);
}

TEST_CASE("reads that follow each other keep the pins busy and open their rows early") {
    DramChannel channel(ddr4());
    channel.read(0, 0, 32768);
    const auto second = channel.read(0, 32768, 32768);
    CHECK(second.last_data == (24 + 22 + 1024 * 4) * cycle);
}

TEST_CASE("a read after a write waits for the write to settle") {
    DramChannel channel(ddr4());
    CHECK(channel.write(0, 0, 0, 64) == 0);
    const auto end = channel.settle();
    CHECK(end == (24 + 16 + 4) * cycle);
    CHECK(channel.read(end, 256, 64).last_data == end + (12 + 22 + 4) * cycle);
    CHECK(channel.statistics().turnarounds == 1);
}

TEST_CASE("a refresh inside a burst delays it by its time and the reopening of the row") {
    DramChannel channel(ddr4());
    const TimeFs before = (12480 - 60) * cycle;
    const auto times = channel.read(before, 0, 8192);
    // Columns from 12444 to 12476; 12 clocks behind the last one all banks are precharged, at 12490,
    // refreshed from 12514 to 13074, and activated from 13077 on; columns of the other 119 accesses from
    // 13100 on.
    CHECK(times.last_data == (13100 + 118 * 4 + 22 + 4) * cycle);
    CHECK(channel.statistics().refreshes == 1);
}

TEST_CASE("refreshes while idle close the rows and cost a stall only when they overlap the arrival") {
    DramChannel channel(ddr4());
    channel.read(0, 0, 64);
    const TimeFs long_after = 10 * 12480 * cycle + 6000 * cycle;
    CHECK(channel.read(long_after, 256, 64).last_data == long_after + (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().refreshes == 10);
    const TimeFs during = 11 * 12480 * cycle + 100 * cycle;
    // All banks are precharged 2 clocks behind its due clock and refreshed from 26 to 586; activate at 589,
    // column at 612.
    CHECK(channel.read(during, 512, 64).last_data == during + (612 - 100 + 22 + 4) * cycle);
}

TEST_CASE("no traffic beats the peak rate") {
    DramChannel channel(ddr4());
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
