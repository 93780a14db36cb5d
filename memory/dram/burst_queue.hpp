// SPDX-License-Identifier: Apache-2.0
// Bursts in front of a DRAM channel's controller, command by command: a pure discrete-event engine without
// SystemC.
//
// A burst is cut into accesses, which move into the controller's bounded read or write queue in the order of
// the bursts' arrivals as room appears; reads and writes wait apart, as on the two halves of an AXI port.
// Runs of accesses that only follow open rows are served in closed form where that is exact
// (DramCommandScheduler::serve_run).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "memory/dram/address_mapping.hpp"
#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

class DramBurstQueue {
  public:
    struct Burst {
        std::int64_t id = 0;
        MemoryClock arrival = 0;
        std::int64_t address = 0;  // bytes from the start of the channel
        std::int64_t bytes = 0;    // at least 1
        bool write = false;
        MemoryClock last_arrival = 0;  // of written data, which come evenly from `arrival` on
    };
    struct Served {
        std::int64_t id = 0;
        MemoryClock first_data = 0;  // end of the first access to pass the pins
        MemoryClock last_data = 0;
    };
    struct Accepted {
        std::int64_t id = 0;
        MemoryClock clock = 0;
    };

    // `specification` and `mapping` of one channel. `closed_form`: false serves every access by itself, for
    // comparison.
    DramBurstQueue(const DramSpecification& specification, const DramControllerPolicy& policy,
                   const AddressMapping& mapping, bool closed_form = true);

    // A burst will arrive, not before the clock up to which advance() went. In any order.
    void add(Burst burst);
    // All commands of the clocks before `until`.
    void advance(MemoryClock until);

    // Bursts whose last byte has passed, or will pass, the pins; since the last call.
    std::vector<Served> take_served();
    // Written bursts that the queue has taken over completely: they are posted.
    std::vector<Accepted> take_accepted();
    // Nothing that has arrived waits outside the queues; bursts that have been added but have not arrived
    // count as waiting if they are read. Since when?
    std::optional<MemoryClock> room_since() const;

    // No burst can be served or accepted and, if `room` matters, no room appear before this clock; nothing if
    // all is done. It is no bound for what is added later.
    std::optional<MemoryClock> next_event(bool room) const;
    MemoryClock now() const { return scheduler_.now(); }
    DramChannelStatistics statistics() const { return scheduler_.statistics(); }

  private:
    struct Waiting {  // outside the queue
        std::int64_t id = 0;
        std::int64_t next = 0;  // access to come, counted from the start of the channel
        std::int64_t left = 0;
        std::int64_t accesses = 0;  // of the whole burst
        MemoryClock arrival = 0;
        MemoryClock last_arrival = 0;

        // Accesses of those left that are there at a clock, and the clock at which one more is.
        std::int64_t there(MemoryClock clock) const;
        MemoryClock next_arrival(MemoryClock clock) const;
    };
    struct Open {  // neither served nor, if written, accepted and served
        std::int64_t id = 0;
        bool write = false;
        std::int64_t outside = 0;   // accesses that are not in the queue yet
        std::int64_t unserved = 0;  // accesses that wait for their column command
        MemoryClock last_arrival = 0;
        MemoryClock first_data = 0;
        MemoryClock last_data = 0;
    };

    Open& open(std::int64_t id);
    void admit();
    void feed(bool write);
    void enter(bool write, std::int64_t accesses, MemoryClock clock);
    bool run(MemoryClock limit);
    void collect();
    MemoryClock next_arrival(MemoryClock until) const;
    std::int64_t outside(bool write) const;
    std::int64_t accesses(const Burst& burst) const;

    AddressMapping mapping_;
    DramTiming timing_;
    std::int64_t access_bytes_;
    std::int64_t
        run_accesses_;  // within an aligned block of so many only column and bank group change; 0: none
    DramCommandScheduler scheduler_;
    std::vector<Burst> arriving_;          // by arrival
    std::deque<Waiting> waiting_[2];       // reads, writes
    std::int64_t youngest_[2] = {-1, -1};  // access that went into the queue last
    std::vector<Open> open_;
    MemoryClock room_since_ = 0;
    std::vector<Served> served_;
    std::vector<Accepted> accepted_;
};

}  // namespace tilewright::memory
