// SPDX-License-Identifier: Apache-2.0
// TLM-2.0 target in front of one DRAM channel: what its two models share.
#pragma once

#include <cstdint>
#include <functional>
#include <systemc>
#include <utility>
#include <vector>

#include <tlm.h>
#include <tlm_utils/simple_target_socket.h>

#include "memory/dram/dram_statistics.hpp"
#include "memory/dram/dram_timing.hpp"
#include "memory/storage/sparse_memory.hpp"
#include "memory/time.hpp"

namespace tilewright::memory {

// An access beyond the channel gets TLM_ADDRESS_ERROR_RESPONSE. With a storage, a payload that points to data
// reads or writes them when it reaches the controller.
class DramController : public sc_core::sc_module {
  public:
    tlm_utils::simple_target_socket<DramController> socket{"socket"};

    // A burst as it was served; addresses from the start of the channel.
    struct Served {
        TimeFs arrival = 0;
        std::int64_t address = 0;
        std::int64_t bytes = 0;
        bool write = false;
        TimeFs service_begin = 0;  // nothing before it holds the pins, or, command by command, its arrival
        TimeFs first_data = 0;     // the pins have carried its first access
        TimeFs last_data = 0;
    };
    // Tells `watcher` of every burst from now on.
    void watch(std::function<void(const Served&)> watcher) { watchers_.push_back(std::move(watcher)); }

    // Tells `watcher` of the time in which bursts were served, piece by piece; of a model that answers in
    // b_transport, only where posted writes were.
    void watch_busy(std::function<void(TimeFs begin, TimeFs end)> watcher) {
        watch_busy_ = std::move(watcher);
    }
    // No other burst will come. Returns when the last data of those that have pass the pins.
    virtual TimeFs settle() = 0;

    // Addresses in `storage` are those of the payloads.
    void attach(SparseMemory* storage) { storage_ = storage; }

    virtual DramStatistics statistics() const = 0;

  protected:
    // Addresses of this channel start at `base_address`.
    DramController(sc_core::sc_module_name name, const DramSpecification& specification,
                   std::int64_t base_address);

    // A model answers one of them; the other one is an error.
    virtual void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    virtual tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                               sc_core::sc_time& delay);

    // From the start of the channel.
    std::int64_t channel_address(const tlm::tlm_generic_payload& payload) const {
        return static_cast<std::int64_t>(payload.get_address()) - base_address_;
    }
    // Answers a payload that reaches beyond the channel.
    bool refuse(tlm::tlm_generic_payload& payload) const;
    void move_data(const tlm::tlm_generic_payload& payload);
    void tell_busy(TimeFs begin, TimeFs end) const {
        if (watch_busy_) watch_busy_(begin, end);
    }
    void tell(const Served& burst) const {
        for (const auto& watcher : watchers_) watcher(burst);
    }

  private:
    SparseMemory* storage_ = nullptr;
    std::int64_t base_address_;
    std::int64_t channel_bytes_;
    std::vector<std::function<void(const Served&)>> watchers_;
    std::function<void(TimeFs, TimeFs)> watch_busy_;
};

}  // namespace tilewright::memory
