// SPDX-License-Identifier: Apache-2.0
#include "memory/dma/dma_channel.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "memory/simulation_time.hpp"

namespace tilewright::memory {

DmaChannel::DmaChannel(sc_core::sc_module_name name, const Agenda& agenda, std::int64_t beat_bytes,
                       std::int64_t burst_beats, std::int64_t outstanding_bursts)
    : sc_module(name),
      agenda_(agenda),
      beat_bytes_(beat_bytes),
      burst_bytes_(beat_bytes * burst_beats),
      ends_(static_cast<std::size_t>(outstanding_bursts), 0) {
    payload_.set_extension(&timing_);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    socket.bind(*this);
}

DmaChannel::~DmaChannel() {
    payload_.clear_extension(&timing_);
    for (auto& burst : bursts_in_phases_) burst.clear_extension<BurstExtension>(&burst);
}

TimeFs DmaChannel::transfer(const DmaTransfer& transfer) {
    // Values and scales stand behind each other in memory, so bursts run across the seam.
    auto left = padded(transfer.value_bytes) + padded(transfer.scale_bytes);
    auto address = transfer.address;
    auto* data = transfer.data;
    const auto now = agenda_.now();
    auto done = now;
    while (left > 0) {
        const auto bytes = std::min(left, burst_bytes_);
        done =
            std::max(done, burst(std::min(transfer.wanted, now), now, address, bytes, transfer.write, data));
        address += bytes;
        if (data != nullptr) data += bytes;
        left -= bytes;
    }
    return done;
}

void DmaChannel::request(const DmaTransfer& transfer, TransferWatcher& watcher) {
    if (idle_requests_.empty()) idle_requests_.push_back(&requests_.emplace_back());
    auto& request = *idle_requests_.back();
    idle_requests_.pop_back();
    request.rest = transfer;
    request.left = padded(transfer.value_bytes) + padded(transfer.scale_bytes);
    request.requested = request.end = agenda_.now();
    request.wanted = std::min(transfer.wanted, request.requested);
    request.watcher = &watcher;
    request.next = nullptr;
    (to_issue_ == nullptr ? to_issue_ : last_to_issue_->next) = &request;
    last_to_issue_ = &request;
    issue_allowed();
}

// Bursts that need not wait for a turn go as soon as there may be one more on its way.
inline void DmaChannel::issue_allowed() {
    if (arbiter_ != nullptr) {
        if (to_issue_ != nullptr) arbiter_->wake();
        return;
    }
    while (to_issue_ != nullptr && ends_[oldest_] != unknown) issue_burst();
}

std::int64_t DmaChannel::next_burst_bytes() const {
    return to_issue_ == nullptr ? 0 : std::min(to_issue_->left, burst_bytes_);
}

TimeFs DmaChannel::issue_burst() {
    auto& request = *to_issue_;
    const auto bytes = next_burst_bytes();
    const auto part = request.rest;
    request.rest.address += bytes;
    if (part.data != nullptr) request.rest.data += bytes;
    request.left -= bytes;
    ++request.unanswered;
    if (request.left == 0) to_issue_ = request.next;
    if (phased_) {
        send(request, part.address, bytes, part.write, part.data);
        return 0;
    }
    answered(request, burst(request.wanted, request.requested, part.address, bytes, part.write, part.data));
    return timing_.pins_free;
}

inline void DmaChannel::answered(Request& request, TimeFs end) {
    request.end = std::max(request.end, end);
    if (--request.unanswered > 0 || request.left > 0) return;
    idle_requests_.push_back(&request);
    request.watcher->transferred(request.end);
}

inline std::size_t DmaChannel::take_slot() {
    const auto slot = oldest_;
    oldest_ = oldest_ + 1 == ends_.size() ? 0 : oldest_ + 1;
    return slot;
}

namespace {

void fill(tlm::tlm_generic_payload& payload, std::int64_t address, std::int64_t bytes, bool write,
          std::byte* data) {
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(static_cast<sc_dt::uint64>(address));
    payload.set_data_ptr(reinterpret_cast<unsigned char*>(data));
    payload.set_data_length(static_cast<unsigned>(bytes));
    payload.set_streaming_width(static_cast<unsigned>(bytes));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
}

void check(const tlm::tlm_generic_payload& payload) {
    if (!payload.is_response_error()) return;
    throw std::out_of_range("no memory answers a burst of " + std::to_string(payload.get_data_length()) +
                            " bytes at address " + std::to_string(payload.get_address()));
}

}  // namespace

// `wanted`: since when it has been there to be issued.
inline TimeFs DmaChannel::burst(TimeFs wanted, TimeFs requested, std::int64_t address, std::int64_t bytes,
                                bool write, std::byte* data) {
    const auto kernel_time = simulation_time();
    const auto slot = take_slot();
    timing_.wanted = wanted;
    timing_.allowed = std::max(ends_[slot], requested);
    fill(payload_, address, bytes, write, data);
    auto delay = to_sc_time(std::max(agenda_.now(), timing_.allowed) - kernel_time);
    socket->b_transport(payload_, delay);
    check(payload_);
    ++bursts_;
    ends_[slot] = kernel_time + to_fs(delay);
    return ends_[slot];
}

inline DmaChannel::Burst& DmaChannel::idle_burst() {
    if (idle_bursts_.empty()) {
        auto& fresh = bursts_in_phases_.emplace_back();
        fresh.set_mm(this);
        fresh.set_extension<BurstExtension>(&fresh);
        fresh.set_byte_enable_ptr(nullptr);
        fresh.set_dmi_allowed(false);
        return fresh;
    }
    auto& burst = *idle_bursts_.back();
    idle_bursts_.pop_back();
    return burst;
}

inline void DmaChannel::send(Request& request, std::int64_t address, std::int64_t bytes, bool write,
                             std::byte* data) {
    auto& burst = idle_burst();
    burst.request = &request;
    burst.slot = take_slot();
    burst.wanted = request.wanted;
    burst.allowed = std::max(std::exchange(ends_[burst.slot], unknown), request.requested);
    fill(burst, address, bytes, write, data);
    burst.acquire();
    ++bursts_;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    auto delay = to_sc_time(std::max(agenda_.now(), burst.allowed) - simulation_time());
    if (socket->nb_transport_fw(burst, phase, delay) == tlm::TLM_COMPLETED) check(burst);
}

tlm::tlm_sync_enum DmaChannel::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                               sc_core::sc_time& delay) {
    if (phase != tlm::BEGIN_RESP) return tlm::TLM_ACCEPTED;
    check(payload);
    auto& burst = static_cast<Burst&>(payload);  // as all that are answered here
    ends_[burst.slot] = simulation_time() + to_fs(delay);
    answered(*burst.request, ends_[burst.slot]);
    payload.release();
    issue_allowed();
    return tlm::TLM_COMPLETED;
}

void DmaChannel::free(tlm::tlm_generic_payload* payload) {
    idle_bursts_.push_back(static_cast<Burst*>(payload));
}

}  // namespace tilewright::memory
