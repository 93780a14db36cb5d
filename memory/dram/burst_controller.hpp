// SPDX-License-Identifier: Apache-2.0
// A DRAM channel that plans whole bursts as they arrive, in closed form (DramPlanningScheduler).
#pragma once

#include <vector>

#include "memory/burst_extension.hpp"
#include "memory/dram/dram_controller.hpp"
#include "memory/dram/planning_scheduler.hpp"

namespace tilewright::memory {

// Loosely timed: b_transport returns in `delay` when the last data byte of a read has passed the pins, or
// when a write has been accepted, and fills in the payload's BurstExtension: all times of a read, of a write
// last_data alone. The extension tells of a write when it was issued and until when its data come; without
// one, it was issued now, and writes that are all issued in one instant are accepted as fast as they come.
class DramBurstController : public DramController {
  public:
    DramBurstController(sc_core::sc_module_name name, const DramSpecification& specification,
                        const DramControllerPolicy& policy, std::int64_t base_address);

    DramStatistics statistics() const override { return channel_.statistics(); }
    TimeFs settle() override;

  private:
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
    TimeFs read(BurstExtension* burst, TimeFs arrival, std::int64_t address, std::int64_t bytes);
    TimeFs write(TimeFs issued, TimeFs arrival, std::int64_t address, std::int64_t bytes);
    void tell_written();

    DramPlanningScheduler channel_;
    std::vector<DramPlanningScheduler::Written> written_;  // kept for its memory
};

}  // namespace tilewright::memory
