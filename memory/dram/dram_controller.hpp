// SPDX-License-Identifier: Apache-2.0
// TLM-2.0 target in front of one DRAM channel.
#pragma once

#include <cstdint>
#include <functional>
#include <systemc>
#include <utility>

#include <tlm.h>
#include <tlm_utils/simple_target_socket.h>

#include "memory/dram/dram_channel.hpp"
#include "memory/storage/sparse_memory.hpp"

namespace tilewright::memory {

// Loosely timed: b_transport returns in `delay` when the last data byte has passed the pins, and fills in the
// payload's BurstExtension. Calls must come in the order of their start times. An access beyond the channel
// gets TLM_ADDRESS_ERROR_RESPONSE. With a storage, a payload that points to data reads or writes them.
class DramController : public sc_core::sc_module {
  public:
    tlm_utils::simple_target_socket<DramController> socket{"socket"};

    // Addresses of this channel start at `base_address`.
    DramController(sc_core::sc_module_name name, const DramSpecification& specification,
                   std::int64_t base_address);

    // A burst as it was served; addresses from the start of the channel.
    struct Served {
        TimeFs arrival = 0;
        std::int64_t address = 0;
        std::int64_t bytes = 0;
        bool write = false;
        DramChannel::BurstTimes times;
    };
    // Tells `watcher` of every burst from now on.
    void watch(std::function<void(const Served&)> watcher) { watcher_ = std::move(watcher); }

    // Addresses in `storage` are those of the payloads.
    void attach(SparseMemory* storage) { storage_ = storage; }

    const DramStatistics& statistics() const { return channel_.statistics(); }

  private:
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);

    void move_data(const tlm::tlm_generic_payload& payload);

    DramChannel channel_;
    SparseMemory* storage_ = nullptr;
    std::int64_t base_address_;
    std::int64_t channel_bytes_;
    std::function<void(const Served&)> watcher_;
};

}  // namespace tilewright::memory
