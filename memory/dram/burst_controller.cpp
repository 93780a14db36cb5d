// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/burst_controller.hpp"

#include "memory/simulation_time.hpp"

namespace tilewright::memory {

DramBurstController::DramBurstController(sc_core::sc_module_name name, const DramSpecification& specification,
                                         const DramControllerPolicy& policy, std::int64_t base_address)
    : DramController(name, specification, base_address), channel_(specification, policy) {}

// Returns when the burst is accepted.
TimeFs DramBurstController::write(TimeFs issued, TimeFs arrival, std::int64_t address, std::int64_t bytes) {
    const auto accepted = channel_.write(issued, arrival, address, bytes);
    tell_written();
    return accepted;
}

// Returns when the last data pass the pins.
TimeFs DramBurstController::read(BurstExtension* burst, TimeFs arrival, std::int64_t address,
                                 std::int64_t bytes) {
    const auto times = channel_.read(arrival, address, bytes);
    tell_written();  // they were served before it
    tell({arrival, address, bytes, false, times.service_begin, times.first_data, times.last_data});
    if (burst != nullptr) {
        burst->service_begin = times.service_begin;
        burst->first_data = times.first_data;
    }
    return times.last_data;
}

void DramBurstController::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    if (refuse(payload)) return;
    const auto address = channel_address(payload);
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    const auto now = simulation_time();
    const auto arrival = now + to_fs(delay);
    auto* burst = payload.get_extension<BurstExtension>();
    const bool timed = burst != nullptr;
    const auto done = payload.is_write()
                          ? write(timed ? burst->issued : now, timed ? burst->sent : arrival, address, bytes)
                          : read(burst, arrival, address, bytes);
    if (timed) {
        burst->last_data = done;
        burst->pins_free = channel_.pins_free();
    }
    move_data(payload);
    delay = to_sc_time(done - now);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void DramBurstController::tell_written() {
    channel_.take_written(written_);
    for (const auto& burst : written_) {
        const auto& times = burst.times;
        tell({burst.arrival, burst.address, burst.bytes, true, times.service_begin, times.first_data,
              times.last_data});
        tell_busy(times.service_begin, times.last_data);
    }
}

TimeFs DramBurstController::settle() {
    const auto end = channel_.settle();
    tell_written();
    return end;
}

}  // namespace tilewright::memory
