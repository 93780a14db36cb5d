// SPDX-License-Identifier: Apache-2.0
// A fresh SystemC kernel for every simulation, so that one process can run many, one after the other.
#pragma once

#include <systemc>

namespace tilewright::accel {

// While it lives, SystemC objects and time belong to this simulation. Modules must die before it. Not for
// several threads at once: the kernel's globals are not thread-local. Swapping contexts is not part of IEEE
// 1666; it relies on two globals of the Accellera kernel and is confined to this class.
class SimulationContext {
  public:
    SimulationContext() {
        sc_core::sc_curr_simcontext = context_;
        sc_core::sc_default_global_context = context_;
        sc_core::sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
        sc_core::sc_report_handler::set_actions(sc_core::SC_ERROR, sc_core::SC_THROW);
        sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    }
    ~SimulationContext() {
        delete context_;
        sc_core::sc_curr_simcontext = nullptr;
        sc_core::sc_default_global_context = nullptr;
    }
    SimulationContext(const SimulationContext&) = delete;
    SimulationContext& operator=(const SimulationContext&) = delete;

  private:
    sc_core::sc_simcontext* context_ = new sc_core::sc_simcontext;
};

}  // namespace tilewright::accel
