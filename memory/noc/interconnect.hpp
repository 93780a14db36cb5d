// SPDX-License-Identifier: Apache-2.0
// The network between the fabric's AXI ports and the memory channels: Versal's NoC, or the AXI switch in
// front of the HBM of a U280.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <systemc>
#include <vector>

#include <tlm.h>

#include "memory/burst_extension.hpp"
#include "memory/integer_math.hpp"
#include "memory/interval_union.hpp"
#include "memory/noc/interconnect_specification.hpp"
#include "memory/time.hpp"

namespace tilewright::memory {

// Time of one channel by how far its bursts have come.
struct ChannelOccupancy {
    std::int64_t bursts = 0;
    TimeFs active =
        0;  // a burst is served by the memory or moves through a port that is its way's bottleneck
    TimeFs in_flight = 0;  // a burst has been issued and is not done: active, or on the way
    // Nothing is active, and data go over a link that is slower than their port, and through that.
    TimeFs linked = 0;
    // Neither, and a burst waits because its port has as many on their way as it may.
    TimeFs limited = 0;
};

// Routes by address: channel i owns [i * channel_bytes, (i + 1) * channel_bytes). Every port moves one beat a
// cycle of its clock (reads and writes share it) and every channel one link's worth; both serve requests in
// order. Initiators and memories talk in b_transport, which answers at once, or in the phases BEGIN_REQ and
// BEGIN_RESP of nb_transport, where the memory may be long in answering and out of order; a port still
// carries the data of its bursts in the order in which they were issued.
class Interconnect : public sc_core::sc_module {
  public:
    using PortSocket = tlm::tlm_target_socket<>;
    using ChannelSocket = tlm::tlm_initiator_socket<>;

    std::vector<std::unique_ptr<PortSocket>> port_sockets;
    std::vector<std::unique_ptr<ChannelSocket>> channel_sockets;

    Interconnect(sc_core::sc_module_name name, const InterconnectSpecification& specification,
                 const std::vector<PortSpecification>& ports, int channels, std::int64_t channel_bytes);

    // Time that data moved through a port.
    TimeFs port_busy(std::size_t port) const { return ports_[port].busy; }
    ChannelOccupancy occupancy(std::size_t channel) const {
        const auto& timeline = timelines_[channel];
        return {timeline.bursts, timeline.active.covered(), timeline.in_flight.covered(), timeline.linked(),
                timeline.limited()};
    }
    TimeFs request_latency(std::size_t port) const { return ports_[port].request_latency; }
    // A memory was occupied, perhaps beyond its last answer by posted writes. Reads of b_transport are seen
    // here.
    void served(std::size_t channel, TimeFs begin, TimeFs end) {
        timelines_[channel].work(begin, end);
        timelines_[channel].in_flight.add(begin, end);
    }

  private:
    struct Lane {
        TimeFs free = 0;
        TimeFs busy = 0;
        TimeFs link_free = 0;  // of the link behind the port; a memory controller takes several
        TimeFs beat_period = 0;
        std::int64_t beat_bytes = 1;
        int links = 1;
        TimeFs request_latency = 0;
        sc_core::sc_time request_delay;  // the same
        TimeFs response_latency = 0;
        // Most bursts are as long as the one before.
        std::int64_t burst_bytes = 0;
        TimeFs move = 0;        // of so many bytes through the port
        TimeFs read_link = 0;   // and over the link
        TimeFs write_link = 0;  // with headers
    };

    // A read whose data have not come yet, or a write behind one.
    struct Ordered {
        tlm::tlm_generic_payload* payload = nullptr;
        BurstExtension* burst = nullptr;
    };

    // What the socket of a port, and what that of a channel is bound to.
    struct Port : tlm::tlm_fw_transport_if<> {
        Interconnect& net;
        std::size_t index;

        Port(Interconnect& whole, std::size_t number) : net(whole), index(number) {}
        void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
        tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time& delay) override;
        bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }
        unsigned transport_dbg(tlm::tlm_generic_payload&) override { return 0; }
    };
    struct Channel : tlm::tlm_bw_transport_if<> {
        Interconnect& net;

        explicit Channel(Interconnect& whole) : net(whole) {}
        tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time& delay) override;
        void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
    };

    struct Timeline {
        std::int64_t bursts = 0;
        IntervalUnion active;
        IntervalUnion in_flight;
        // Each the one before it and more, and kept apart only from the first time on that there is more:
        // data on a slow link; a burst that a port's limit holds up.
        IntervalUnion active_or_linked;
        IntervalUnion active_linked_or_limited;
        bool ever_linked = false;
        bool ever_limited = false;

        void work(TimeFs begin, TimeFs end) {
            active.add(begin, end);
            if (ever_linked) active_or_linked.add(begin, end);
            if (ever_limited) active_linked_or_limited.add(begin, end);
        }
        void link(TimeFs begin, TimeFs end);
        void limit(TimeFs begin, TimeFs end);  // a burst waits for one more to be allowed on its way
        const IntervalUnion& moving() const { return ever_linked ? active_or_linked : active; }
        TimeFs linked() const { return moving().covered() - active.covered(); }
        TimeFs limited() const {
            return ever_limited ? active_linked_or_limited.covered() - moving().covered() : TimeFs{0};
        }
    };

    BurstExtension* route(std::size_t port, tlm::tlm_generic_payload& payload, const sc_core::sc_time& delay);
    TimeFs deliver(const tlm::tlm_generic_payload& payload, const BurstExtension& burst);
    TimeFs send(const tlm::tlm_generic_payload& payload, BurstExtension& burst);
    TimeFs acknowledge(const BurstExtension& burst) const;
    void account(const BurstExtension& burst, TimeFs done);
    bool forward(tlm::tlm_generic_payload& payload, const BurstExtension& burst, sc_core::sc_time delay);
    void advance(std::size_t port);
    void respond(tlm::tlm_generic_payload& payload, const BurstExtension& burst, TimeFs done);
    TimeFs link_time(const Lane& port, std::int64_t bytes, bool write) const;
    Lane& port_for(const tlm::tlm_generic_payload& payload, const BurstExtension& burst);

    InterconnectSpecification specification_;
    Divisor channel_bytes_;
    TimeFs link_period_;
    std::vector<std::unique_ptr<Port>> port_ends_;
    Channel channel_end_{*this};
    std::vector<Lane> ports_;
    std::vector<Timeline> timelines_;         // by channel
    std::vector<std::deque<Ordered>> order_;  // by port, in the order of issue
};

}  // namespace tilewright::memory
