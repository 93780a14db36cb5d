// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "accel/simulation/simulation_error.hpp"

namespace tilewright::accel {

// A program whose instructions read what is not there (not yet, no more, or never), found by carrying it out
// on data. The message says which instruction missed what.
class FunctionalError : public SimulationError {
  public:
    using SimulationError::SimulationError;
};

}  // namespace tilewright::accel
