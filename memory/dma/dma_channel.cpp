// SPDX-License-Identifier: Apache-2.0
#include "memory/dma/dma_channel.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace tilewright::memory {

DmaChannel::DmaChannel(sc_core::sc_module_name name, std::int64_t beat_bytes, std::int64_t burst_beats)
    : sc_module(name), beat_bytes_(beat_bytes), burst_bytes_(beat_bytes * burst_beats) {
    payload_.set_extension(&timing_);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
}

DmaChannel::~DmaChannel() {
    payload_.clear_extension(&timing_);
}

TimeFs DmaChannel::transfer(std::int64_t address, std::int64_t value_bytes, std::int64_t scale_bytes,
                            bool write, std::byte* data) {
    // Values and scales stand behind each other in memory, so bursts run across the seam.
    auto left = padded(value_bytes) + padded(scale_bytes);
    auto done = to_fs(sc_core::sc_time_stamp());
    while (left > 0) {
        const auto bytes = std::min(left, burst_bytes_);
        done = std::max(done, burst(address, bytes, write, data));
        address += bytes;
        if (data != nullptr) data += bytes;
        left -= bytes;
    }
    return done;
}

TimeFs DmaChannel::burst(std::int64_t address, std::int64_t bytes, bool write, std::byte* data) {
    payload_.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload_.set_address(static_cast<sc_dt::uint64>(address));
    payload_.set_data_ptr(reinterpret_cast<unsigned char*>(data));
    payload_.set_data_length(static_cast<unsigned>(bytes));
    payload_.set_streaming_width(static_cast<unsigned>(bytes));
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    auto delay = sc_core::SC_ZERO_TIME;
    socket->b_transport(payload_, delay);
    if (payload_.is_response_error()) {
        throw std::out_of_range("no memory answers a burst of " + std::to_string(bytes) +
                                " bytes at address " + std::to_string(address));
    }
    ++bursts_;
    return to_fs(sc_core::sc_time_stamp()) + to_fs(delay);
}

}  // namespace tilewright::memory
