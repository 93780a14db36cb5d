// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/burst_controller.hpp"

#include "memory/burst_extension.hpp"

namespace tilewright::memory {

DramBurstController::DramBurstController(sc_core::sc_module_name name, const DramSpecification& specification,
                                         const DramControllerPolicy& policy, std::int64_t base_address)
    : DramController(name, specification, base_address), channel_(specification, policy) {}

void DramBurstController::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    if (refuse(payload)) return;
    const auto address = channel_address(payload);
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    const auto now = simulation_time();
    const auto arrival = now + to_fs(delay);
    auto* burst = payload.get_extension<BurstExtension>();
    const auto sent = burst != nullptr ? burst->sent : TimeFs{0};
    const auto times = channel_.serve(arrival, address, bytes, payload.is_write(), sent);
    if (burst != nullptr) {
        burst->service_begin = times.service_begin;
        burst->first_data = times.first_data;
        burst->last_data = times.last_data;
    }
    tell({arrival, address, bytes, payload.is_write(), times.service_begin, times.first_data,
          times.last_data});
    move_data(payload);
    delay = to_sc_time(times.last_data - now);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

}  // namespace tilewright::memory
