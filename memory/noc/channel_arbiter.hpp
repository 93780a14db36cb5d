// SPDX-License-Identifier: Apache-2.0
// Arbitration between the ports that share one memory channel: weighted round robin, burst by burst.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "memory/agenda.hpp"
#include "memory/noc/weighted_round_robin.hpp"
#include "memory/time.hpp"

namespace tilewright::memory {

// A port's queue of bursts for the channel.
class BurstSource {
  public:
    virtual ~BurstSource() = default;

    // Bytes of the next burst; 0 if none waits.
    virtual std::int64_t next_burst_bytes() const = 0;
    // When the next burst may be issued: a port has only so many on their way.
    virtual TimeFs next_burst_allowed() const = 0;
    // Issues it now. Returns when the memory's pins are done with what it has planned by then, if the memory
    // answers at once.
    virtual TimeFs issue_burst() = 0;
    // Its next burst was ready for so long before its turn came.
    virtual void waited(TimeFs time) = 0;
};

// A burst is chosen as late as the memory allows: when what has been chosen before fills the controller's
// queue no more, so that its row can still be opened behind the data in front of it. Channels with one port
// need no arbiter.
class ChannelArbiter : private Agenda::Member {
  public:
    // `lookahead`: how long the memory needs for as many accesses as the controller's queue holds.
    ChannelArbiter(Agenda& agenda, TimeFs lookahead);

    // `weight`: share of the port among those that wait. `quantum_bytes`: the longest burst of any of them.
    // `request_latency`: from the port to the channel.
    void add(BurstSource& source, std::int64_t weight, std::int64_t quantum_bytes, TimeFs request_latency);

    // The memory says itself whether a burst may be issued now, and wakes the arbiter when one may.
    void ask_for_room(std::function<bool()> has_room) { has_room_ = std::move(has_room); }

    // A source has work. Takes effect when all sources of this instant have said so.
    void wake() { notify(0); }

  private:
    void called() override;

    WeightedRoundRobin order_;
    std::vector<BurstSource*> sources_;
    std::vector<TimeFs> request_latency_;
    std::vector<TimeFs> waiting_since_;  // never: has no burst that may be issued
    std::vector<std::int64_t> waiting_bytes_;
    TimeFs lookahead_;
    TimeFs room_at_ = 0;  // from here on the controller's queue has room
    std::function<bool()> has_room_;
};

}  // namespace tilewright::memory
