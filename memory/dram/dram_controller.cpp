// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/dram_controller.hpp"

#include <cstddef>
#include <span>

namespace tilewright::memory {

DramController::DramController(sc_core::sc_module_name name, const DramSpecification& specification,
                               std::int64_t base_address)
    : sc_module(name), base_address_(base_address), channel_bytes_(specification.organization.channel_bytes) {
    socket.register_b_transport(this, &DramController::b_transport);
    socket.register_nb_transport_fw(this, &DramController::nb_transport_fw);
}

void DramController::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& /*delay*/) {
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
}

tlm::tlm_sync_enum DramController::nb_transport_fw(tlm::tlm_generic_payload& payload,
                                                   tlm::tlm_phase& /*phase*/, sc_core::sc_time& /*delay*/) {
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    return tlm::TLM_COMPLETED;
}

bool DramController::refuse(tlm::tlm_generic_payload& payload) const {
    const auto address = channel_address(payload);
    if (address >= 0 && address + static_cast<std::int64_t>(payload.get_data_length()) <= channel_bytes_) {
        return false;
    }
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return true;
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

}  // namespace tilewright::memory
