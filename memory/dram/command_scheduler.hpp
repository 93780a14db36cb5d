// SPDX-License-Identifier: Apache-2.0
// The controller of one DRAM channel, command by command: a pure discrete-event engine without SystemC.
//
// Accesses of one burst each wait in a read and a write queue. Every memory clock may carry one command; it
// goes to (FR-FCFS: Rixner et al., ISCA 2000)
//   1. a refresh that is due (all-bank, every REFI, ranks closed first; or postponed up to a number of them
//      while accesses wait), behind the accesses whose rows were already opened for them,
//   2. the oldest access whose row was opened for it and whose column may be given; it left its queue with
//      the activate,
//   3. the oldest access of the queue that is served whose next command (column, activate or precharge) may
//      be given. A row that was opened for an access stays open until that access has been served; otherwise
//      a row may be closed although a younger access hits it.
// That order is the one of Ramulator 2 (Luo et al., IEEE CAL 2023); docs/memory.md compares.
// Writes are posted: they wait until their queue is fuller than the high watermark or no read waits, and are
// then drained until it is emptier than the low watermark and a read waits. A read of an address that a
// posted write holds is answered from the queue in one clock; a write waits for older reads of its address.
//
// Time jumps from event to event. Clocks in which the data pins could have been given an access and were not
// are counted by cause (DramLoss); data and losses add up to the whole time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "memory/dram/access_queue.hpp"
#include "memory/dram/address_mapping.hpp"
#include "memory/dram/controller_policy.hpp"
#include "memory/dram/dram_command.hpp"
#include "memory/dram/timing_constraints.hpp"

namespace tilewright::memory {

struct DramCommandStatistics {
    std::int64_t reads = 0;  // accesses that moved data over the pins
    std::int64_t writes = 0;
    std::int64_t forwarded_reads = 0;  // answered from the write queue
    // By the first command that was given for an access: a column command, an activate, a precharge.
    std::int64_t row_hits = 0;
    std::int64_t row_misses = 0;
    std::int64_t row_conflicts = 0;
    std::int64_t activates = 0;
    std::int64_t refreshes = 0;    // begun from first_arrival on
    std::int64_t turnarounds = 0;  // changes between reading and writing
    MemoryClock first_arrival = 0;
    MemoryClock last_data = 0;  // end of the last access
    // first_arrival to last_data is data plus losses.
    MemoryClock data = 0;
    std::array<MemoryClock, dram_losses> losses{};

    // Adds every count and time of `part`, `times` times; the two clocks stay.
    void add(const DramCommandStatistics& part, std::int64_t times = 1);
};

struct DramBankState {
    std::int64_t open_row = -1;
    bool conflict = false;                  // closed to open another row
    DramLoss opening = DramLoss::row_miss;  // what its last activate had to wait for
    bool claimed = false;                   // opened for an access that has not been served yet
};

class DramCommandScheduler {
  public:
    // One access, or several of the same id.
    struct Completion {
        std::int64_t id = 0;
        MemoryClock first = 0;  // end of the last data beat of the first one
        MemoryClock last = 0;   // and of the last one
        std::int64_t accesses = 1;
    };

    DramCommandScheduler(const DramSpecification& specification, const DramControllerPolicy& policy);

    // Accesses that a queue still takes.
    std::int64_t room(bool write) const {
        return (write ? policy_.write_queue - static_cast<std::int64_t>(writes_.size())
                      : policy_.read_queue - static_cast<std::int64_t>(reads_.size()));
    }
    bool accepts(bool write) const { return room(write) > 0; }
    // An access arrives at `clock`, which must not be before what advance() has reached. The queue must
    // accept it.
    void enqueue(MemoryClock clock, std::int64_t id, bool write, const DramAddress& address) {
        enqueue(clock, id, write, address, 1);
    }
    // So many accesses to the same row and bank of one group after the other, and on in the next columns.
    void enqueue(MemoryClock clock, std::int64_t id, bool write, const DramAddress& address,
                 std::int64_t accesses);
    // Gives all commands of the clocks before `until`.
    void advance(MemoryClock until);
    // Gives one command, or lets time pass towards the next one; none of a clock from `until` on.
    void step(MemoryClock until);
    // Goes on until the queue accepts an access, and returns the clock.
    MemoryClock advance_until_accepts(bool write);
    // A run of accesses to open rows, one bank group after the other, in closed form: what steps before
    // `until` would do, at once. It is one of reads or of writes, up to where the controller turns to the
    // other kind. `following` accesses of request `id` wait outside for room and go on behind the youngest in
    // the queue, in the same row and bank of the next groups; `more`: others wait behind them.
    struct Run {
        std::int64_t accesses =
            0;                    // served, of the queue and then of `following`; 0: there is no such run now
        std::int64_t queued = 0;  // in the queue before
        MemoryClock begin = 0;    // first column command; they are column_spacing() clocks apart
    };
    // False where a run cannot be, or none before a clock; serve_run() is for where it may.
    bool may_run() const;
    bool runs_before(MemoryClock until) const;
    bool runs_would_write() const { return reads_.empty() || (draining_writes_ && !writes_.empty()); }
    Run serve_run(MemoryClock until, std::int64_t id, std::int64_t following, bool more);
    // Goes on until both queues are empty.
    void drain();

    bool idle() const { return reads_.empty() && writes_.empty() && opened_.empty(); }
    // Accesses that wait for their column, in the queue or with their row opened for them.
    std::int64_t unserved(bool write) const;
    // Time, since the last call, in which an access was there or its data were on their way: up to now, or,
    // idle, the end of the last data. In order and disjoint.
    struct Busy {
        MemoryClock begin = 0;
        MemoryClock end = 0;
    };
    void take_busy(std::vector<Busy>& taken);
    MemoryClock now() const { return now_; }
    // Figures up to the last access; complete after drain().
    DramCommandStatistics statistics() const;
    // What has been completed since the last call, in the order of the commands.
    void take_completions(std::vector<Completion>& taken);
    bool has_completions() const { return !completions_.empty(); }

    // At rest nothing waits, and what has been given so far binds no command from `clock` on; only a refresh
    // may still run. `clock` is not before now().
    bool rests(MemoryClock clock) const;
    // The soonest clock at which the channel may rest, if nothing else arrives.
    MemoryClock quiet() const { return quiet_; }
    MemoryClock refresh_due(int rank) const { return next_refresh_[static_cast<std::size_t>(rank)]; }
    MemoryClock refresh_end(int rank) const { return refresh_end_[static_cast<std::size_t>(rank)]; }
    // A refresh that runs lets no column be given before.
    MemoryClock columns_from() const { return *std::min_element(refresh_end_.begin(), refresh_end_.end()); }
    // Writes wait until no read of the queue does, unless others come.
    bool reads_go_first() const;
    std::int64_t banks() const { return static_cast<std::int64_t>(banks_.size()); }
    const DramBankState& bank(int bank) const { return banks_[static_cast<std::size_t>(bank)]; }
    int open_banks(int rank) const { return open_banks_[static_cast<std::size_t>(rank)]; }
    bool draining_writes() const { return draining_writes_; }
    bool last_was_write() const { return last_was_write_; }

    // The clocks `after` < clock <= `until`.
    struct ClockWindow {
        MemoryClock after = 0;
        MemoryClock until = 0;
    };
    // What has come of a channel between two rests, but for its banks. Clocks from the first rest on.
    struct Course {
        struct Refreshes {
            std::int64_t count = 0;
            MemoryClock end = 0;  // of the last one
        };
        MemoryClock rest = 0;
        MemoryClock slot_free = 0;
        DramCommandStatistics statistics;  // what has been added; last_data is a clock
        bool draining_writes = false;
        bool last_was_write = false;
        std::vector<Busy> busy;
        std::vector<Refreshes> refreshes;  // by rank
        // The first refresh of rank 0 could have come due at any of these clocks: the same commands.
        ClockWindow refresh_due;
    };
    // The channel rests up to `clock`, from now() on.
    void rest(MemoryClock clock);
    // The course since rest(); the channel rests again.
    Course course();
    // Takes a course without giving its commands. The first access came at `arrival` and had to wait for a
    // refresh up to the course's begin. Banks are as they were, or closed by a refresh, until they are set.
    void follow(const Course& course, MemoryClock arrival, MemoryClock begin);
    void set_bank(int rank, int bank, const DramBankState& state);
    // From now on every command is appended to `log`, which must outlive the scheduler.
    void record(std::vector<DramCommand>& log) { log_ = &log; }

  private:
    static constexpr MemoryClock never = std::numeric_limits<MemoryClock>::max();
    struct Choice {
        DramAccessQueue* queue = nullptr;  // null: none found
        std::size_t leader = 0;
        MemoryClock ready = never;
        DramLoss loss = DramLoss::idle;
        bool column = false;
    };

    // From here on a rank's refresh goes before what waits.
    MemoryClock refresh_forced(int rank) const {
        return next_refresh_[static_cast<std::size_t>(rank)] + postponed_;
    }
    bool refresh_step(MemoryClock& horizon);
    bool skip_refreshes(MemoryClock until);
    std::int64_t before_turn(bool write, std::int64_t accesses, std::int64_t following) const;
    MemoryClock run_begin(bool write) const;
    bool runs_on(const DramAccessQueue& queue, DramCommandKind kind, MemoryClock begin) const;
    void issue_run(const DramAccessQueue& queue, DramCommandKind kind, MemoryClock begin,
                   std::int64_t accesses);
    void complete(std::int64_t id, MemoryClock first, MemoryClock last, std::int64_t accesses);
    void arrive(MemoryClock clock);
    void enqueue(DramAccess access);
    bool is_queued(bool write, const DramAccess& access) const;
    DramAccessQueue& served_queue();
    Choice soonest(DramAccessQueue& queue, MemoryClock before = never) const;
    DramCommandKind next_command(std::int64_t open_row, std::int64_t row, bool write) const;
    void issue(DramCommandKind kind, int rank, int group, int bank, std::int64_t row);
    void end_work(MemoryClock clock);
    void bind(DramCommandKind kind, MemoryClock clock);
    void issue_for(DramAccessQueue& queue, std::size_t leader);
    void complete(DramAccessQueue& queue, std::size_t leader);
    void lose(MemoryClock until, DramLoss loss);
    bool delays_refresh(int rank, DramCommandKind kind, MemoryClock clock) const;
    void note_refresh_due(MemoryClock until);

    DramSpecification specification_;
    DramControllerPolicy policy_;
    CommandTimer timer_;
    DramGroupTurns turns_;
    std::array<MemoryClock, 2> column_to_precharge_all_;   // of a read, a write
    std::array<MemoryClock, dram_command_kinds> bound_{};  // see bind()
    MemoryClock postponed_;                                // a refresh, at most
    std::int64_t drain_above_;                             // writes in their queue: they are drained
    std::int64_t drained_below_;                           // or not any more
    DramAccessQueue reads_;
    DramAccessQueue writes_;
    DramAccessQueue opened_;                 // taken from the queues when their rows were opened
    std::vector<DramBankState> banks_;       // over all ranks
    std::vector<int> open_banks_;            // by rank
    std::vector<int> claims_;                // by rank: accesses in opened_
    std::vector<MemoryClock> next_refresh_;  // by rank
    std::vector<MemoryClock> refresh_end_;   // by rank
    MemoryClock quiet_ = 0;                  // no command but a refresh binds those from here on
    MemoryClock now_ = 0;
    MemoryClock slot_free_ = 0;   // from here on the data pins are neither spoken for nor said to be lost
    MemoryClock pins_taken_ = 0;  // up to here by an access
    bool started_ = false;
    MemoryClock busy_from_ = 0;  // not told yet
    std::vector<Busy> busy_;
    bool draining_writes_ = false;
    bool last_was_write_ = false;
    std::vector<Completion> completions_;
    DramCommandStatistics statistics_;
    struct Rest {
        MemoryClock begin = 0;
        DramCommandStatistics statistics;
        std::vector<MemoryClock> next_refresh;
        std::optional<ClockWindow> refresh_due;
    };
    Rest rest_;                     // of which course() tells
    MemoryClock last_command_ = 0;  // clocks
    MemoryClock last_enqueued_ = 0;
    bool refresh_aside_ = false;  // the one that is due is not considered
    std::vector<DramCommand>* log_ = nullptr;
};

}  // namespace tilewright::memory
