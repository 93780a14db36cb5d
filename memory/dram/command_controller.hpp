// SPDX-License-Identifier: Apache-2.0
// A DRAM channel command by command (DramBurstQueue): FR-FCFS over bounded queues, open or closed page, any
// address mapping, posted writes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <systemc>
#include <utility>
#include <vector>

#include <tlm.h>

#include "memory/agenda.hpp"
#include "memory/dram/address_mapping.hpp"
#include "memory/dram/command_scheduler.hpp"
#include "memory/dram/dram_controller.hpp"
#include "memory/dram/episode_queue.hpp"

namespace tilewright::memory {

// Approximately timed, in two phases: BEGIN_REQ announces a burst that reaches the controller after `delay`
// and is answered with END_REQ; BEGIN_RESP tells, as soon as it is known, after which `delay` the burst is
// done: read when its last byte has passed the pins, written when the queue has taken all of it. The
// BurstExtension of a read tells of the first byte, too.
//
// When a burst is done depends on those that come later. No burst may therefore reach the controller earlier
// than `lookahead` after its announcement, and the controller works as far ahead of the simulation's time.
class DramCommandController : public DramController, private Agenda::Member {
  public:
    // `channel`: the specification of one channel, which `mapping` and `store` are made for.
    DramCommandController(sc_core::sc_module_name name, Agenda& agenda, const DramSpecification& channel,
                          const DramControllerPolicy& policy, const AddressMapping& mapping,
                          std::int64_t base_address, TimeFs lookahead,
                          std::shared_ptr<DramEpisodeStore> store = std::make_shared<DramEpisodeStore>());

    DramStatistics statistics() const override;
    // The simulation does not end before they have.
    TimeFs settle() override { return last_written_; }

    // Whether a burst that is announced now finds room in the queue when it arrives. If not, `told`, if it
    // has been set, is called when one will.
    bool has_room();
    void tell_room(std::function<void()> told) { told_room_ = std::move(told); }

  private:
    struct Burst {
        std::int64_t id = 0;
        Served served;
        tlm::tlm_generic_payload* payload = nullptr;  // null once it has been answered
    };

    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void called() override;
    Burst& burst(std::int64_t id);
    void answer(tlm::tlm_generic_payload& payload, TimeFs done);
    void wake_for_next();
    void advance();
    void answer_all();
    void tell_busy_pieces();
    TimeFs time(MemoryClock clock) const { return clock * period_; }

    DramEpisodeQueue queue_;
    std::int64_t access_bytes_;
    TimeFs period_;
    TimeFs access_time_;  // of the pins
    TimeFs lookahead_;
    std::int64_t next_id_ = 0;
    std::vector<Burst> bursts_;  // not served yet
    std::int64_t read_bytes_ = 0;
    std::int64_t write_bytes_ = 0;
    TimeFs last_written_ = 0;  // posted data have passed the pins
    TimeFs busy_ = 0;          // accesses were there or their data on their way
    std::function<void()> told_room_;
    bool room_awaited_ = false;
    // Kept for their memory.
    std::vector<std::pair<tlm::tlm_generic_payload*, TimeFs>> answers_;
    std::vector<DramEpisodeQueue::Served> served_;
    std::vector<DramEpisodeQueue::Accepted> accepted_;
    std::vector<DramCommandScheduler::Busy> busy_pieces_;
};

}  // namespace tilewright::memory
