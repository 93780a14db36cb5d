// SPDX-License-Identifier: Apache-2.0
#include "memory/noc/interconnect.hpp"

#include <algorithm>

#include "memory/burst_extension.hpp"

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
      links_(ports.size()) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        Lane lane;
        lane.beat_period = period_fs(ports[i].clock_hz);
        lane.beat_bytes = ports[i].beat_bytes();
        lane.links = ports[i].links;
        const auto switches =
            ports[i].hops.value_or(specification.hops) * specification.switch_latency_cycles;
        lane.request_latency = (specification.request_latency_cycles + switches) * link_period_;
        lane.response_latency = (specification.response_latency_cycles + switches) * link_period_;
        ports_.push_back(lane);
        auto socket = std::make_unique<PortSocket>(("port" + std::to_string(i)).c_str());
        socket->register_b_transport(this, &Interconnect::b_transport, static_cast<int>(i));
        port_sockets.push_back(std::move(socket));
    }
    for (int i = 0; i < channels; ++i) {
        channel_sockets.push_back(std::make_unique<ChannelSocket>(("channel" + std::to_string(i)).c_str()));
    }
}

// One flit a cycle and, for data that travel with their request, one more for the header of every packet.
TimeFs Interconnect::link_time(const Lane& port, std::int64_t bytes, bool write) const {
    const auto flits =
        (bytes + specification_.link_bytes_per_cycle - 1) / specification_.link_bytes_per_cycle;
    const auto packets = (bytes + specification_.packet_bytes - 1) / specification_.packet_bytes;
    return (flits + (write ? packets : 0)) * link_period_ / port.links;
}

void Interconnect::Timeline::work(TimeFs begin, TimeFs end) {
    active.add(begin, end);
    if (ever_limited) active_or_limited.add(begin, end);
}

void Interconnect::Timeline::limit(TimeFs begin, TimeFs end) {
    if (!ever_limited) active_or_limited = active;
    ever_limited = true;
    active_or_limited.add(begin, end);
}

TimeFs Interconnect::read(Lane& port, Lane& link, TimeFs issue, tlm::tlm_generic_payload& payload,
                          std::size_t channel) {
    const auto now = to_fs(sc_core::sc_time_stamp());
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    auto delay = to_sc_time(issue + port.request_latency - now);
    (*channel_sockets[channel])->b_transport(payload, delay);
    const auto& burst = *payload.get_extension<BurstExtension>();
    // Data streams: it enters the link when its first bytes are there and leaves the port no earlier than its
    // last.
    const auto on_link = std::max(burst.first_data, link.free);
    link.free = std::max(burst.last_data, on_link + link_time(port, bytes, false));
    link.busy += link_time(port, bytes, false);
    const auto move = (bytes + port.beat_bytes - 1) / port.beat_bytes * port.beat_period;
    const auto begin = std::max(on_link + port.response_latency, port.free);
    port.free = std::max(link.free + port.response_latency, begin + move);
    port.busy += move;
    timelines_[channel].work(port.free - move, port.free);
    return port.free;
}

TimeFs Interconnect::write(Lane& port, Lane& link, TimeFs issue, tlm::tlm_generic_payload& payload,
                           std::size_t channel) {
    const auto now = to_fs(sc_core::sc_time_stamp());
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    const auto move = (bytes + port.beat_bytes - 1) / port.beat_bytes * port.beat_period;
    const auto begin = std::max(issue, port.free);
    port.free = begin + move;
    port.busy += move;
    timelines_[channel].work(begin, port.free);
    const auto on_link = std::max(begin, link.free);
    link.free = std::max(port.free, on_link + link_time(port, bytes, true));
    link.busy += link_time(port, bytes, true);
    auto delay = to_sc_time(on_link + port.request_latency - now);
    (*channel_sockets[channel])->b_transport(payload, delay);
    const auto stored =
        std::max(payload.get_extension<BurstExtension>()->last_data, link.free + port.request_latency);
    return stored + port.response_latency;
}

void Interconnect::b_transport(int port, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const auto channel =
        static_cast<std::size_t>(static_cast<std::int64_t>(payload.get_address()) / channel_bytes_);
    if (channel >= timelines_.size() || payload.get_extension<BurstExtension>() == nullptr) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return;
    }
    const auto now = to_fs(sc_core::sc_time_stamp());
    const auto issue = now + to_fs(delay);
    auto& lane = ports_[static_cast<std::size_t>(port)];
    auto& link = links_[static_cast<std::size_t>(port)];
    auto& timeline = timelines_[channel];
    const auto done = payload.is_write() ? write(lane, link, issue, payload, channel)
                                         : read(lane, link, issue, payload, channel);
    const auto& burst = *payload.get_extension<BurstExtension>();
    ++timeline.bursts;
    timeline.work(burst.service_begin, burst.last_data);
    timeline.in_flight.add(issue, done);
    if (burst.allowed > burst.wanted) timeline.limit(burst.wanted, burst.allowed);
    delay = to_sc_time(done - now);
}

}  // namespace tilewright::memory
