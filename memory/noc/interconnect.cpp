// SPDX-License-Identifier: Apache-2.0
#include "memory/noc/interconnect.hpp"

#include <algorithm>

#include "memory/simulation_time.hpp"

namespace tilewright::memory {

std::int64_t beats(const PortSpecification& port, std::int64_t bytes) {
    return (bytes + port.beat_bytes() - 1) / port.beat_bytes();
}

Interconnect::Interconnect(sc_core::sc_module_name name, const InterconnectSpecification& specification,
                           const std::vector<PortSpecification>& ports, int channels,
                           std::int64_t channel_bytes)
    : sc_module(name),
      specification_(specification),
      channel_bytes_(channel_bytes),
      link_period_(period_fs(specification.clock_hz)),
      timelines_(static_cast<std::size_t>(channels)),
      order_(ports.size()) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        Lane lane;
        lane.beat_period = period_fs(ports[i].clock_hz);
        lane.beat_bytes = ports[i].beat_bytes();
        lane.links = ports[i].links;
        const auto switches =
            ports[i].hops.value_or(specification.hops) * specification.switch_latency_cycles;
        lane.request_latency = (specification.request_latency_cycles + switches) * link_period_;
        lane.request_delay = to_sc_time(lane.request_latency);
        lane.response_latency = (specification.response_latency_cycles + switches) * link_period_;
        ports_.push_back(lane);
        auto socket = std::make_unique<PortSocket>(("port" + std::to_string(i)).c_str());
        port_ends_.push_back(std::make_unique<Port>(*this, i));
        socket->bind(*port_ends_.back());
        port_sockets.push_back(std::move(socket));
    }
    for (int i = 0; i < channels; ++i) {
        channel_sockets.push_back(std::make_unique<ChannelSocket>(("channel" + std::to_string(i)).c_str()));
        channel_sockets.back()->bind(channel_end_);
    }
}

// One flit a cycle and, for data that travel with their request, one more for the header of every packet.
TimeFs Interconnect::link_time(const Lane& port, std::int64_t bytes, bool write) const {
    const auto flits = divide_up(bytes, specification_.link_bytes_per_cycle);
    const auto packets = divide_up(bytes, specification_.packet_bytes);
    return (flits + (write ? packets : 0)) * link_period_ / port.links;
}

// The burst's port, with its times for a burst of that length.
inline Interconnect::Lane& Interconnect::port_for(const tlm::tlm_generic_payload& payload,
                                                  const BurstExtension& burst) {
    auto& port = ports_[burst.port];
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    if (bytes != port.burst_bytes) {
        port.burst_bytes = bytes;
        port.move = divide_up(bytes, port.beat_bytes) * port.beat_period;
        port.read_link = link_time(port, bytes, false);
        port.write_link = link_time(port, bytes, true);
    }
    return port;
}

void Interconnect::Timeline::link(TimeFs begin, TimeFs end) {
    if (!ever_linked) active_or_linked = active;
    ever_linked = true;
    active_or_linked.add(begin, end);
    if (ever_limited) active_linked_or_limited.add(begin, end);
}

void Interconnect::Timeline::limit(TimeFs begin, TimeFs end) {
    if (!ever_limited) active_linked_or_limited = moving();
    ever_limited = true;
    active_linked_or_limited.add(begin, end);
}

// Notes which way a burst goes; null if no channel has its address.
inline BurstExtension* Interconnect::route(std::size_t port, tlm::tlm_generic_payload& payload,
                                           const sc_core::sc_time& delay) {
    const auto channel =
        static_cast<std::size_t>(channel_bytes_.down(static_cast<std::int64_t>(payload.get_address())));
    auto* burst = payload.get_extension<BurstExtension>();
    if (channel >= timelines_.size() || burst == nullptr) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return nullptr;
    }
    burst->port = port;
    burst->channel = channel;
    burst->issued = simulation_time() + to_fs(delay);
    burst->answered = false;
    return burst;
}

// The way of data that the memory has read. Data stream: they enter the link when their first bytes are there
// and leave the port no earlier than the last ones. Returns when the port has carried all.
inline TimeFs Interconnect::deliver(const tlm::tlm_generic_payload& payload, const BurstExtension& burst) {
    auto& port = port_for(payload, burst);
    const auto on_link = std::max(burst.first_data, port.link_free);
    port.link_free = std::max(burst.last_data, on_link + port.read_link);
    const auto begin = std::max(on_link + port.response_latency, port.free);
    port.free = std::max(port.link_free + port.response_latency, begin + port.move);
    port.busy += port.move;
    auto& timeline = timelines_[burst.channel];
    if (port.read_link > port.move) {
        timeline.link(port.free - port.read_link, port.free);  // as its data come
    } else {
        timeline.work(port.free - port.move, port.free);
    }
    return port.free;
}

// The way of data that are written. Returns when the first ones reach the memory.
inline TimeFs Interconnect::send(const tlm::tlm_generic_payload& payload, BurstExtension& burst) {
    auto& port = port_for(payload, burst);
    const auto begin = std::max(burst.issued, port.free);
    port.free = begin + port.move;
    port.busy += port.move;
    const auto on_link = std::max(begin, port.link_free);
    port.link_free = std::max(port.free, on_link + port.write_link);
    auto& timeline = timelines_[burst.channel];
    if (port.write_link > port.move) {
        timeline.link(port.link_free - port.write_link, port.link_free);
    } else {
        timeline.work(begin, port.free);
    }
    burst.sent = port.link_free + port.request_latency;
    return on_link + port.request_latency;
}

// When the answer to a write that the memory has is back at its port.
TimeFs Interconnect::acknowledge(const BurstExtension& burst) const {
    return std::max(burst.last_data, burst.sent) + ports_[burst.port].response_latency;
}

inline void Interconnect::account(const BurstExtension& burst, TimeFs done) {
    auto& timeline = timelines_[burst.channel];
    ++timeline.bursts;
    if (burst.allowed <= burst.wanted) return timeline.in_flight.add(burst.issued, done);
    timeline.limit(burst.wanted, burst.allowed);
    // Of transfers in flight others' channels may be left.
    if (burst.allowed >= burst.issued) return timeline.in_flight.add(burst.wanted, done);
    timeline.in_flight.add(burst.wanted, burst.allowed);
    timeline.in_flight.add(burst.issued, done);
}

void Interconnect::Port::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    auto* routed = net.route(index, payload, delay);
    if (routed == nullptr) return;
    auto& burst = *routed;
    const auto now = simulation_time();
    const bool write = payload.is_write();
    if (write) {
        delay = to_sc_time(net.send(payload, burst) - now);
    } else {
        delay += net.ports_[index].request_delay;
    }
    (*net.channel_sockets[burst.channel])->b_transport(payload, delay);
    const auto done = write ? net.acknowledge(burst) : net.deliver(payload, burst);
    if (!write) net.timelines_[burst.channel].work(burst.service_begin, burst.last_data);
    net.account(burst, done);
    delay = to_sc_time(done - now);
}

tlm::tlm_sync_enum Interconnect::Port::nb_transport_fw(tlm::tlm_generic_payload& payload,
                                                       tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase != tlm::BEGIN_REQ) return tlm::TLM_ACCEPTED;
    auto* burst = net.route(index, payload, delay);
    if (burst == nullptr) return tlm::TLM_COMPLETED;
    if (!payload.is_write() && !net.forward(payload, *burst, delay + net.ports_[index].request_delay)) {
        return tlm::TLM_COMPLETED;
    }
    net.order_[index].push_back({&payload, burst});
    if (payload.is_write() || burst->answered) net.advance(index);
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
}

// False if the memory refuses it.
inline bool Interconnect::forward(tlm::tlm_generic_payload& payload, const BurstExtension& burst,
                                  sc_core::sc_time delay) {
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    return (*channel_sockets[burst.channel])->nb_transport_fw(payload, phase, delay) != tlm::TLM_COMPLETED;
}

// Data go through the port in order: those of a read once the memory has answered, those of a write when no
// read is in front of it.
void Interconnect::advance(std::size_t port) {
    auto& order = order_[port];
    while (!order.empty()) {
        auto& payload = *order.front().payload;
        auto& burst = *order.front().burst;
        if (payload.is_write()) {
            order.pop_front();
            const auto now = simulation_time();
            if (!forward(payload, burst, to_sc_time(send(payload, burst) - now)))
                respond(payload, burst, now);
            continue;
        }
        if (!burst.answered) return;
        order.pop_front();
        respond(payload, burst, deliver(payload, burst));
    }
}

inline void Interconnect::respond(tlm::tlm_generic_payload& payload, const BurstExtension& burst,
                                  TimeFs done) {
    account(burst, done);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    auto delay = to_sc_time(std::max(done - simulation_time(), TimeFs{0}));
    (*port_sockets[burst.port])->nb_transport_bw(payload, phase, delay);
}

tlm::tlm_sync_enum Interconnect::Channel::nb_transport_bw(tlm::tlm_generic_payload& payload,
                                                          tlm::tlm_phase& phase,
                                                          sc_core::sc_time& /*delay*/) {
    if (phase != tlm::BEGIN_RESP) return tlm::TLM_ACCEPTED;
    auto& burst = *payload.get_extension<BurstExtension>();
    burst.answered = true;
    if (payload.is_write()) {
        net.respond(payload, burst, net.acknowledge(burst));
    } else {
        net.advance(burst.port);
    }
    return tlm::TLM_COMPLETED;
}

}  // namespace tilewright::memory
