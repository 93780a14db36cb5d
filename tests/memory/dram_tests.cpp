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
    const auto times = channel.serve(0, 0, 64, false);
    // Activate at 1, column at 24: the first of a frame behind RCD.
    CHECK(times.last_data == (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().row_misses == 1);
}

TEST_CASE("a read of an open row takes column latency and data") {
    DramChannel channel(ddr4());
    channel.serve(0, 0, 64, false);
    const TimeFs later = 1000 * cycle;
    CHECK(channel.serve(later, 256, 64, false).last_data == later + (22 + 4) * cycle);
    CHECK(channel.statistics().row_hits == 1);
}

TEST_CASE("another row of the same bank is precharged first") {
    DramChannel channel(ddr4());
    channel.serve(0, 0, 64, false);
    const TimeFs later = 1000 * cycle;
    // Four bank groups of 8 KiB rows side by side; the same bank comes again after four row sets.
    const std::int64_t same_bank = 4 * 4 * 8192;
    // Precharge at 2, activate at 25, column at 48.
    CHECK(channel.serve(later, same_bank, 64, false).last_data == later + (48 + 22 + 4) * cycle);
}

TEST_CASE("a long read moves an access every four clocks") {
    DramChannel channel(ddr4());
    const auto times = channel.serve(0, 0, 8192, false);
    CHECK(times.last_data == (24 + 22 + 128 * 4) * cycle);
    CHECK(times.first_data == (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().row_misses == 4);
    CHECK(channel.statistics().row_hits == 124);
}

TEST_CASE("reads that follow each other keep the pins busy and open their rows early") {
    DramChannel channel(ddr4());
    channel.serve(0, 0, 32768, false);
    const auto second = channel.serve(0, 32768, 32768, false);
    CHECK(second.last_data == (24 + 22 + 1024 * 4) * cycle);
}

TEST_CASE("a read after a write waits for the write to settle") {
    DramChannel channel(ddr4());
    const auto write = channel.serve(0, 0, 64, true);
    CHECK(write.last_data == (24 + 16 + 4) * cycle);
    const auto read = channel.serve(write.last_data, 256, 64, false);
    CHECK(read.last_data == write.last_data + (12 + 22 + 4) * cycle);
    CHECK(channel.statistics().turnarounds == 1);
}

TEST_CASE("a refresh inside a burst delays it by its time and the reopening of the row") {
    DramChannel channel(ddr4());
    const TimeFs before = (12480 - 60) * cycle;
    const auto times = channel.serve(before, 0, 8192, false);
    // Columns from 12444 to 12476; 12 clocks behind the last one all banks are precharged, at 12490,
    // refreshed from 12514 to 13074, and activated from 13077 on; columns of the other 119 accesses from
    // 13100 on.
    CHECK(times.last_data == (13100 + 118 * 4 + 22 + 4) * cycle);
    CHECK(channel.statistics().refreshes == 1);
}

TEST_CASE("refreshes while idle close the rows and cost a stall only when they overlap the arrival") {
    DramChannel channel(ddr4());
    channel.serve(0, 0, 64, false);
    const TimeFs long_after = 10 * 12480 * cycle + 6000 * cycle;
    CHECK(channel.serve(long_after, 256, 64, false).last_data == long_after + (24 + 22 + 4) * cycle);
    CHECK(channel.statistics().refreshes == 10);
    const TimeFs during = 11 * 12480 * cycle + 100 * cycle;
    // All banks are precharged 2 clocks behind its due clock and refreshed from 26 to 586; activate at 589,
    // column at 612.
    CHECK(channel.serve(during, 512, 64, false).last_data == during + (612 - 100 + 22 + 4) * cycle);
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
        last = channel.serve(0, address, size, (random & 7U) == 0).last_data;
        bytes += size;
        REQUIRE(seconds(last) >= static_cast<double>(bytes) / 25.6e9);
    }
    CHECK(channel.statistics().read_bytes + channel.statistics().write_bytes == bytes);
}
