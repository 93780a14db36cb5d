// SPDX-License-Identifier: Apache-2.0
// For what the controller that plans says that the data pins wait, each worked out by hand. Of DDR4-3200 a
// frame is 4 clocks; activates are given in its second clock, precharges in its third.
#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/planning_scheduler.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

constexpr std::int64_t row_set = 32768;         // the rows of the next bank of every group begin here
constexpr std::int64_t next_row = 4 * row_set;  // and the next rows of the first ones here

struct Lost {
    MemoryClock latency = 0;
    MemoryClock row = 0;
    MemoryClock conflict = 0;
    MemoryClock refresh = 0;
    MemoryClock activates = 0;
    MemoryClock turnaround = 0;
    MemoryClock bank_group = 0;
    MemoryClock spacing = 0;
};

class Channel {
  public:
    explicit Channel(const DramSpecification& dram = ddr4())
        : channel_(dram), cycle_(period_fs(dram.timing.clock_hz)) {}

    void read(MemoryClock arrival, std::int64_t address, std::int64_t bytes = 64) {
        channel_.read(arrival * cycle_, address, bytes);
    }
    void write(MemoryClock arrival, std::int64_t address) {
        channel_.write(arrival * cycle_, arrival * cycle_, address, 64);
    }
    // Since the last call.
    void check(const Lost& expected) {
        const auto s = channel_.statistics();
        CHECK((s.column_stall - before_.column_stall) / cycle_ == expected.latency);
        CHECK((s.row_stall - before_.row_stall) / cycle_ == expected.row);
        CHECK((s.conflict_stall - before_.conflict_stall) / cycle_ == expected.conflict);
        CHECK((s.refresh_stall - before_.refresh_stall) / cycle_ == expected.refresh);
        CHECK((s.activate_stall - before_.activate_stall) / cycle_ == expected.activates);
        CHECK((s.turnaround_stall - before_.turnaround_stall) / cycle_ == expected.turnaround);
        CHECK((s.bank_group_stall - before_.bank_group_stall) / cycle_ == expected.bank_group);
        CHECK((s.spacing_stall - before_.spacing_stall) / cycle_ == expected.spacing);
        before_ = s;
    }
    MemoryClock contested() const { return channel_.statistics().contested_stall / cycle_; }

  private:
    DramPlanningScheduler channel_;
    TimeFs cycle_;
    DramStatistics before_;
};

}  // namespace

TEST_CASE("pins wait for a row, and for its data") {
    Channel channel;
    channel.read(400, 0);  // activate 401, column 424, data 446; of an open row they would come at 422
    channel.check({.latency = 22, .row = 24});
}

TEST_CASE("pins wait for another row to close") {
    Channel channel;
    channel.read(400, 0);
    channel.check({.latency = 22, .row = 24});
    channel.read(3000, next_row);  // precharge 3002, activate 3025, column 3048, data 3070
    channel.check({.latency = 22, .conflict = 48});
}

TEST_CASE("what a later burst might have used is contested, but for what it does use") {
    Channel channel;
    channel.read(400, 0);
    channel.check({.latency = 22, .row = 24});
    channel.read(3000, next_row);
    CHECK(channel.contested() == 0);  // nobody else is there
    channel.read(3000, next_row + 256);
    CHECK(channel.contested() == 0);  // this one waits for the same row, and for CCD_L
    channel.check({.latency = 22, .conflict = 48, .bank_group = 4});
    // Another bank: activate 3001 passes that of 3025, column 3024, data 3046 to 3050. Its data might have
    // come from 3022 on if it were open, so all that was lost since is contested, 48 and 4, and 4 are used.
    channel.read(3000, row_set);
    CHECK(channel.contested() == 48);
    channel.check({.conflict = -4});
    // Of a turnaround all is from when the data of the burst could be there; here from 2022 to 2046.
    Channel turning;
    turning.read(400, 0, 256);
    turning.write(2000, 256);
    turning.read(2000, 64);
    turning.read(2000, row_set);
    CHECK(turning.contested() == 24);
    // Of a refresh nothing is.
    Channel refreshed;
    refreshed.read(12481, 0);
    refreshed.check({.latency = 25, .row = 20, .refresh = 564});
    refreshed.read(12481, row_set);
    CHECK(refreshed.contested() == 20);
}

TEST_CASE("bursts that come one after the other contest what is left, once") {
    Channel channel;
    channel.read(400, 0, 256);
    channel.read(600, row_set, 256);
    channel.read(3000, next_row);  // data 3070, lost since 3022
    // A hit in another bank: its data might have come at 3032, and do at 3034, to 3038.
    channel.read(3010, row_set + 64);
    CHECK(channel.contested() == 38 - 4);
    // Another one, at 3038 to 3042; all that it might have used is contested already.
    channel.read(3012, row_set + 128);
    CHECK(channel.contested() == 38 - 8);
}

TEST_CASE("pins wait for activates to be apart") {
    Channel channel;
    channel.read(400, 0);        // activate 401, data 446 to 450
    channel.read(400, row_set);  // another bank of the group: RRD_L, activate 409, column 432, data 454
    channel.check({.latency = 22, .row = 24, .activates = 4});
}

TEST_CASE("pins wait for a refresh, and the row that it closed would have cost less without it") {
    Channel channel;
    // Refresh at 12482, 560 clocks; activate 13045, column 13068, data 13090. Without a refresh: activate
    // 12481, column 12504, data 12526; of an open row 12506.
    channel.read(12481, 0);
    channel.check({.latency = 25, .row = 20, .refresh = 564});
}

TEST_CASE("pins wait for a bank group") {
    Channel channel;
    channel.read(400, 0);
    channel.check({.latency = 22, .row = 24});
    channel.read(1000, 256);  // column 1000
    channel.read(1000, 512);  // CCD_L: column 1008
    channel.check({.latency = 22, .bank_group = 4});
}

TEST_CASE("pins wait for writes to turn into reads, in a group longer") {
    auto slow = ddr4();
    slow.timing.wtr_l = 60;
    Channel usual;
    Channel far(slow);
    for (auto* channel : {&usual, &far}) {
        channel->read(400, 0, 256);  // opens the rows of all groups, one a frame
        channel->check({.latency = 22, .row = 24});
        channel->write(2000, 256);  // column 2000, data 2016 to 2020
        channel->read(2000, 64);    // another group: CWL + 4 + WTR_S, column 2024, data 2046
        channel->check({.latency = 16 + 2, .turnaround = 24});
    }
    usual.write(3000, 256);
    usual.read(3000, 512);  // the same group: CWL + 4 + WTR_L, column 3032, data 3054
    usual.check({.latency = 16 + 2, .turnaround = 32});
    far.write(3000, 256);
    far.read(3000, 512);  // column 3080, data 3102
    far.check({.latency = 16 + 2, .turnaround = 80});
}

TEST_CASE(
    "pins wait for columns that are further apart than their data are long, in a burst and between two") {
    auto dram = ddr4();
    dram.timing.ccd_s = 7;
    Channel channel(dram);
    channel.read(700, 0, 256);
    channel.check(
        {.latency = 22, .row = 28, .spacing = 9});  // activate 701, column 728, data 750; three gaps
    channel.read(1400, 256, 128);
    channel.read(1400, 384, 128);
    channel.check({.latency = 22, .spacing = 9});
}
