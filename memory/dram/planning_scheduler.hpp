// SPDX-License-Identifier: Apache-2.0
// One DRAM channel with a first-ready controller that plans: a pure state machine without SystemC, and in
// closed form, exact to the clock of every command.
//
// The controller has a clock of its own, a frame of column_spacing() memory clocks. In every frame it can
// give one column command, one activate and one precharge, each in its place in the frame, as the soft DDR4
// controller of Versal does at 4:1 (AMD PG353). Accesses enter a bounded queue in the order in which their
// bursts arrive, written ones when all of their data have; one enters when there is room for it. Each of its
// commands (a precharge if another row of the bank is open, an activate if none is, the column command) goes
// into the first place in which it is ready, by all timing rules, and which no older access needs. So the
// oldest one that is ready goes first: a younger access passes older ones that wait for their rows. But it
// never makes one wait, as FR-FCFS would (Rixner et al., ISCA 2000). Since nothing that comes later changes
// what has been planned, an access is planned for good when it is known.
//
// All banks are refreshed every REFI, before the first access whose column would be given at or after that
// clock (PG313: accesses to the rank are blocked, all its banks precharged, the refresh is given).
//
// Addresses from the bottom: column access, bank group, rest of the column, bank, row (RoBaRaCoBgCh). The
// accesses of a burst therefore take turns over the bank groups, and all but the first ones of a row find it
// open. Where no younger one could pass an older one, they follow at the pace of the frames, which is what
// the closed form leaves out.
//
// DramCommandScheduler is FR-FCFS: younger hits of an open row hold up an older access to another row there.
// It also holds writes back, follows any mapping and knows ranks; tests say how far the two are apart.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "memory/dram/controller_policy.hpp"
#include "memory/dram/dram_command.hpp"
#include "memory/dram/dram_statistics.hpp"
#include "memory/dram/dram_timing.hpp"
#include "memory/dram/planned_commands.hpp"
#include "memory/integer_math.hpp"
#include "memory/time.hpp"

namespace tilewright::memory {

class DramPlanningScheduler {
  public:
    // When the data pins carry the first and finish the last byte of a burst.
    struct BurstTimes {
        // The burst is there, and the data pins are done with older ones or it passes them.
        TimeFs service_begin = 0;
        TimeFs first_data = 0;
        TimeFs last_data = 0;
    };

    struct Written {
        TimeFs arrival = 0;  // of the last of its data
        std::int64_t address = 0;
        std::int64_t bytes = 0;
        BurstTimes times;
    };

    // `specification`: of one channel, with one rank. Of the policy, `read_queue` alone counts: how many
    // accesses of both kinds the queue holds.
    explicit DramPlanningScheduler(const DramSpecification& specification,
                                   const DramControllerPolicy& policy = {});

    // Calls come in the order in which bursts are announced. Addresses count from the start of the channel.
    // A burst that reaches the controller at `arrival` goes behind all that have arrived before, of those
    // that have been announced.
    BurstTimes read(TimeFs arrival, std::int64_t address, std::int64_t bytes);
    // A burst whose last data come at `arrival`. It is posted: returns when they are there and the pins are
    // done with what has been planned. Planned itself once it is certain what arrives before: no burst that
    // is announced later does before `announced`. How much may be posted at a time is up to those who write.
    TimeFs write(TimeFs announced, TimeFs arrival, std::int64_t address, std::int64_t bytes);
    // No other burst will arrive: plans all that are left. Returns when the last data pass the pins.
    TimeFs settle();
    // Written bursts that have been planned since the last call.
    void take_written(std::vector<Written>& taken);

    // When the pins will be done with what has been planned.
    TimeFs pins_free() const { return time(pins_free_); }
    // Of what has been planned.
    const DramStatistics& statistics() const { return statistics_; }

  private:
    static constexpr std::size_t no_run = static_cast<std::size_t>(-1);
    static constexpr std::size_t few = 16;  // past ones, not worth to be forgotten

    struct Bank {
        std::int64_t open_row = -1;
        MemoryClock column_from = long_ago;
        MemoryClock precharge_from = long_ago;
        MemoryClock activate_from = long_ago;
    };
    // One access to be planned.
    struct Access {
        MemoryClock arrival = 0;
        std::size_t group = 0;
        std::size_t bank = 0;  // over all groups
        std::int64_t row = 0;  // over all bank sets
        bool write = false;
    };
    // Its commands; long_ago for those that it does not need.
    struct Plan {
        MemoryClock precharge = long_ago;
        // The bank is closed: from here on a refresh or other activates alone hold this one up.
        MemoryClock closed = long_ago;
        MemoryClock activate = long_ago;
        MemoryClock column = 0;
        bool passes = false;  // the column goes before one that has been planned
    };
    struct DataClocks {  // of a burst: ends of the data of the first and of the last access
        MemoryClock first = std::numeric_limits<MemoryClock>::max();
        MemoryClock last = 0;
        void add(MemoryClock begin, MemoryClock end) {
            first = std::min(first, begin);
            last = std::max(last, end);
        }
    };
    // Time in which the pins wait for data, which younger accesses may use.
    struct Stall {
        MemoryClock begin = 0;
        MemoryClock end = 0;
        TimeFs DramStatistics::*cause = nullptr;
        std::int64_t row = 0;       // of the access that waits
        MemoryClock contested = 0;  // from here on a later burst is there
    };

    MemoryClock place(MemoryClock clock, MemoryClock in_frame) const;
    std::size_t group_of(std::int64_t access) const {
        return static_cast<std::size_t>(access - groups_.down(access) * groups_.value());
    }
    void enter(MemoryClock arrival);
    MemoryClock free_precharge(MemoryClock from) const;
    Plan plan(const Access& access) const;
    void serve_one(const Access& access, DataClocks& data);
    // The last access was the last one of such a run in the same rows, of a turn of all groups or more.
    bool goes_on(const Access& next) const {
        return run_banks_ == next.bank - next.group && columns_.last_writes() == next.write &&
               next.group == group_of(static_cast<std::int64_t>(last_group_) + 1);
    }
    bool runs_from(const Access& next, MemoryClock first, std::int64_t accesses) const;
    std::int64_t run_on(const Access& next, std::int64_t accesses, DataClocks& data);
    void pass(const Access& access, MemoryClock column, DataClocks& data);
    void move(const Access& access, MemoryClock column, std::int64_t accesses, DataClocks& data);
    BurstTimes serve(MemoryClock arrival, std::int64_t address, std::int64_t bytes, bool write);
    void plan_posted(MemoryClock until);
    void give_rows(const Access& access, const Plan& plan);
    void keep_open(const Access& access, MemoryClock column);
    void refresh();
    void count_stall(const Access& access, const Plan& plan, MemoryClock from, MemoryClock begin);
    void stall(const Access& access, MemoryClock begin, MemoryClock end, TimeFs DramStatistics::*cause);
    void contest_stalls(const Access& first);
    void use_stall(MemoryClock begin, MemoryClock end);
    TimeFs time(MemoryClock clock) const { return clock * period_; }
    MemoryClock latency(bool write) const { return write ? timing_.cwl : timing_.cl; }

    DramTiming timing_;
    std::int64_t queue_;  // accesses
    TimeFs period_;
    Divisor frame_;
    Divisor access_bytes_;
    Divisor groups_;
    Divisor row_set_accesses_;  // of the same row in all bank groups
    Divisor bank_sets_;
    // In a frame; a column command is at its begin. A memory whose frame has two clocks (HBM2) has a command
    // bus for rows and one for columns, so that a precharge and a column command may share a clock.
    MemoryClock precharge_place_;                     // and that of a refresh
    std::array<MemoryClock, 2> column_to_precharge_;  // of a read, a write
    bool keeps_pace_;  // columns of one group may follow each other after a turn of all

    std::vector<Bank> banks_;  // by bank set and group
    PlannedColumns columns_;
    PlannedActivates activates_;
    std::vector<MemoryClock> precharges_;
    MemoryClock precharge_from_ = 0;      // behind all planned
    MemoryClock precharge_all_from_ = 0;  // of all banks
    MemoryClock refresh_from_ = 0;
    bool any_open_ = false;
    MemoryClock next_refresh_;
    MemoryClock refresh_end_ = 0;
    MemoryClock entry_ = 0;  // of the access that is planned, into the queue
    std::int64_t accesses_ = 0;
    MemoryClock pins_free_ = 0;
    std::vector<Stall> stalls_;
    MemoryClock stalled_until_ = 0;   // the last end of one
    std::size_t run_banks_ = no_run;  // that the last accesses were a run in
    std::size_t last_group_ = 0;      // of that run
    std::vector<Written> posted_;     // by arrival
    std::vector<Written> written_;
    DramStatistics statistics_;
};

}  // namespace tilewright::memory
