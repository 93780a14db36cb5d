// SPDX-License-Identifier: Apache-2.0
// Femtoseconds and SystemC's own time, at the resolution that the simulations set (1 fs).
#pragma once

#include <systemc>

#include "memory/time.hpp"

namespace tilewright::memory {

// The kernel's time now, to which the delays of transactions are relative.
inline TimeFs simulation_time() {
    return static_cast<TimeFs>(sc_core::sc_get_curr_simcontext()->time_stamp().value());
}

inline TimeFs to_fs(const sc_core::sc_time& time) {
    return static_cast<TimeFs>(time.value());
}
inline sc_core::sc_time to_sc_time(TimeFs time) {
    if (time == 0) return {};  // often, and without a call into the library
    return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(time));
}

}  // namespace tilewright::memory
