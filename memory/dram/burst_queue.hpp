// SPDX-License-Identifier: Apache-2.0
// Bursts in front of a DRAM channel's controller, command by command: a pure discrete-event engine without
// SystemC.
//
// A burst is cut into accesses, which move into the controller's bounded read or write queue in the order of
// the bursts' arrivals as room appears; reads and writes wait apart, as on the two halves of an AXI port.
// Runs of accesses that only follow open rows are served in closed form where that is exact
// (DramCommandScheduler::serve_run).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "memory/dram/address_mapping.hpp"
#include "memory/dram/command_scheduler.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::memory {

class DramBurstQueue {
  public:
    struct Burst {
        std::int64_t id = 0;
        MemoryClock arrival = 0;
        std::int64_t address = 0;  // bytes from the start of the channel
        std::int64_t bytes = 0;    // at least 1
        bool write = false;
        MemoryClock last_arrival = 0;  // of written data, which come packet by packet from `arrival` on
    };
    struct Served {
        std::int64_t id = 0;
        MemoryClock first_data = 0;  // end of the first access to pass the pins
        MemoryClock last_data = 0;
    };
    struct Accepted {
        std::int64_t id = 0;
        MemoryClock clock = 0;
        bool write = false;
    };

    // `specification` and `mapping` of one channel. `closed_form`: false serves every access by itself, for
    // comparison.
    DramBurstQueue(const DramSpecification& specification, const DramControllerPolicy& policy,
                   const AddressMapping& mapping, bool closed_form = true);

    // A burst will arrive, not before the clock up to which advance() went. In any order.
    void add(Burst burst);
    // All commands of the clocks before `until`.
    void advance(MemoryClock until);
    // The same, but no further than to where all bursts have been served.
    void advance_served(MemoryClock until);

    // Bursts whose last byte has passed, or will pass, the pins; since the last call.
    void take_served(std::vector<Served>& taken);
    // Bursts that the queue has taken over completely: written ones are posted by then.
    void take_accepted(std::vector<Accepted>& taken);
    // Whether a burst that arrives now finds room: there are fewer accesses than a queue takes, of the reads
    // that have been added and not been served; and of the writes, where those count whose data have come or
    // will while the pins could serve a queue of them.
    bool has_room() const;

    // No burst can be served or accepted before this clock; nothing if all is done. It is no bound for what
    // is added later.
    std::optional<MemoryClock> next_event() const;
    // No news of a burst that has not arrived yet before this clock. `forwards`: it may be answered from a
    // write in the queue.
    MemoryClock earliest_news(const Burst& burst, bool forwards) const;
    // No room can appear before this clock; nothing if there is some.
    std::optional<MemoryClock> next_room() const;
    // A read and a write of one place: they wait for each other, or the read is answered from the queue.
    bool meet(const Burst& one, const Burst& other) const;
    // All bursts have been served.
    bool empty() const { return open_.empty(); }
    // From now on it is noted when no access waits for the first time; at once if none is there yet.
    void watch_idle();
    // Goes on until the channel rests, if no other burst arrives. Returns the clock that was noted; of what
    // came at once, the one before.
    MemoryClock advance_to_rest();
    // From a column command to the end of its data.
    MemoryClock latency(bool write) const { return timing_.column_to_data_end(write); }
    // The channel without its bursts.
    DramCommandScheduler& scheduler() { return scheduler_; }
    const DramCommandScheduler& scheduler() const { return scheduler_; }

    // Something waits to be taken by take_served() or take_accepted().
    bool has_news() const { return !served_.empty() || !accepted_.empty(); }
    void take_busy(std::vector<DramCommandScheduler::Busy>& taken) { scheduler_.take_busy(taken); }
    MemoryClock now() const { return scheduler_.now(); }
    DramCommandStatistics statistics() const { return scheduler_.statistics(); }

  private:
    // How many accesses of a burst have come at a clock.
    std::int64_t come(const Burst& burst, std::int64_t accesses, MemoryClock clock) const;
    struct Waiting {  // outside the queue
        Burst burst;
        std::int64_t next = 0;  // access to come, counted from the start of the channel
        std::int64_t left = 0;
        std::int64_t accesses = 0;  // of the whole burst
    };
    // Accesses of those left that are there at a clock, and the clock at which more are.
    std::int64_t there(const Waiting& waiting, MemoryClock clock) const;
    MemoryClock more_there(const Waiting& waiting, MemoryClock clock) const;
    struct Open {  // neither served nor, if written, accepted and served
        Burst burst;
        std::int64_t outside = 0;   // accesses that are not in the queue yet
        std::int64_t unserved = 0;  // accesses that wait for their column command
        MemoryClock first_data = 0;
        MemoryClock last_data = 0;
    };

    Open& open(std::int64_t id);
    void work(MemoryClock until);
    bool admit();
    void feed_both();
    void feed(bool write);
    void enqueue(bool write, std::int64_t first, std::int64_t accesses, MemoryClock clock);
    void enter(bool write, std::int64_t accesses, MemoryClock clock);
    bool run(MemoryClock until);
    void collect();
    MemoryClock next_arrival(MemoryClock until, bool of_run) const;
    std::int64_t unserved_reads() const;
    std::int64_t unserved_writes() const;
    bool may_forward() const;
    std::int64_t leave_before(const Burst& burst) const;
    std::int64_t reads_before_writes() const;
    MemoryClock next_news(const Open& open, bool forwards) const;
    // Counted from the start of the channel.
    std::int64_t first_access(const Burst& burst) const { return access_bytes_.down(burst.address); }
    std::int64_t last_access(const Burst& burst) const {
        return access_bytes_.down(burst.address + burst.bytes - 1);
    }
    std::int64_t accesses(const Burst& burst) const;

    AddressMapping mapping_;
    DramTiming timing_;
    DramControllerPolicy policy_;
    Divisor access_bytes_;
    MemoryClock closest_columns_;  // of one kind, over all ranks
    std::int64_t run_accesses_;    // of an aligned block that a run may cover; 0: no runs
    DramCommandScheduler scheduler_;
    std::vector<Burst> arriving_;                   // by arrival
    std::array<std::deque<Waiting>, 2> waiting_;    // reads, writes
    std::array<std::int64_t, 2> youngest_{-1, -1};  // access that went into the queue last
    std::vector<Open> open_;
    MemoryClock first_idle_ = 0;
    std::vector<DramCommandScheduler::Completion> completions_;  // for collect()
    std::vector<Served> served_;
    std::vector<Accepted> accepted_;
};

}  // namespace tilewright::memory
