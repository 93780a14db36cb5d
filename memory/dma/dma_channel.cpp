// SPDX-License-Identifier: Apache-2.0
#include "memory/dma/dma_channel.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace tilewright::memory {

DmaChannel::DmaChannel(sc_core::sc_module_name name, std::int64_t beat_bytes, std::int64_t burst_beats,
                       std::int64_t outstanding_bursts)
    : sc_module(name),
      beat_bytes_(beat_bytes),
      burst_bytes_(beat_bytes * burst_beats),
      on_their_way_(static_cast<std::size_t>(outstanding_bursts), 0) {
    payload_.set_extension(&timing_);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
}

DmaChannel::~DmaChannel() {
    payload_.clear_extension(&timing_);
}

TimeFs DmaChannel::transfer(const DmaTransfer& transfer) {
    // Values and scales stand behind each other in memory, so bursts run across the seam.
    auto left = padded(transfer.value_bytes) + padded(transfer.scale_bytes);
    auto address = transfer.address;
    auto* data = transfer.data;
    const auto now = to_fs(sc_core::sc_time_stamp());
    auto done = now;
    while (left > 0) {
        const auto bytes = std::min(left, burst_bytes_);
        done = std::max(done, burst(now, address, bytes, transfer.write, data));
        address += bytes;
        if (data != nullptr) data += bytes;
        left -= bytes;
    }
    return done;
}

void DmaChannel::request(const DmaTransfer& transfer, std::function<void(TimeFs)> done) {
    const auto now = to_fs(sc_core::sc_time_stamp());
    requests_.push_back(
        {transfer, padded(transfer.value_bytes) + padded(transfer.scale_bytes), now, now, std::move(done)});
    arbiter_->wake();
}

std::int64_t DmaChannel::next_burst_bytes() const {
    return requests_.empty() ? 0 : std::min(requests_.front().left, burst_bytes_);
}

TimeFs DmaChannel::issue_burst() {
    auto& request = requests_.front();
    auto& rest = request.rest;
    const auto bytes = next_burst_bytes();
    request.end = std::max(request.end, burst(request.requested, rest.address, bytes, rest.write, rest.data));
    rest.address += bytes;
    if (rest.data != nullptr) rest.data += bytes;
    request.left -= bytes;
    if (request.left == 0) {
        const auto done = std::move(request.done);
        const auto end = request.end;
        requests_.pop_front();
        done(end);
    }
    return timing_.last_data;
}

// `wanted`: since when it has been there to be issued.
TimeFs DmaChannel::burst(TimeFs wanted, std::int64_t address, std::int64_t bytes, bool write,
                         std::byte* data) {
    const auto now = to_fs(sc_core::sc_time_stamp());
    const auto issue = std::max(now, on_their_way_[oldest_]);
    payload_.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload_.set_address(static_cast<sc_dt::uint64>(address));
    payload_.set_data_ptr(reinterpret_cast<unsigned char*>(data));
    payload_.set_data_length(static_cast<unsigned>(bytes));
    payload_.set_streaming_width(static_cast<unsigned>(bytes));
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    timing_.wanted = wanted;
    timing_.allowed = on_their_way_[oldest_];
    auto delay = to_sc_time(issue - now);
    socket->b_transport(payload_, delay);
    if (payload_.is_response_error()) {
        throw std::out_of_range("no memory answers a burst of " + std::to_string(bytes) +
                                " bytes at address " + std::to_string(address));
    }
    ++bursts_;
    const auto end = now + to_fs(delay);
    on_their_way_[oldest_] = end;
    oldest_ = oldest_ + 1 == on_their_way_.size() ? 0 : oldest_ + 1;
    return end;
}

}  // namespace tilewright::memory
