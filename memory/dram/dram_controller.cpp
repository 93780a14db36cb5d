// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/dram_controller.hpp"

#include <cstddef>
#include <span>

#include "memory/burst_extension.hpp"

namespace tilewright::memory {

DramController::DramController(sc_core::sc_module_name name, const DramSpecification& specification,
                               std::int64_t base_address)
    : sc_module(name),
      channel_(specification),
      base_address_(base_address),
      channel_bytes_(specification.organization.channel_bytes) {
    socket.register_b_transport(this, &DramController::b_transport);
}

void DramController::move_data(const tlm::tlm_generic_payload& payload) {
    auto* data = reinterpret_cast<std::byte*>(payload.get_data_ptr());
    if (storage_ == nullptr || data == nullptr) return;
    const auto address = static_cast<std::int64_t>(payload.get_address());
    const std::span<std::byte> bytes(data, payload.get_data_length());
    if (payload.is_write()) {
        storage_->write(address, bytes);
    } else {
        storage_->read(address, bytes);
    }
}

void DramController::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const auto address = static_cast<std::int64_t>(payload.get_address()) - base_address_;
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    if (address < 0 || address + bytes > channel_bytes_) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return;
    }
    const auto now = simulation_time();
    const auto times = channel_.serve(now + to_fs(delay), address, bytes, payload.is_write());
    if (auto* burst = payload.get_extension<BurstExtension>(); burst != nullptr) {
        burst->service_begin = times.service_begin;
        burst->first_data = times.first_data;
        burst->last_data = times.last_data;
    }
    if (watcher_) watcher_({now + to_fs(delay), address, bytes, payload.is_write(), times});
    move_data(payload);
    delay = to_sc_time(times.last_data - now);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

}  // namespace tilewright::memory
