// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace tilewright::accel {

// Something in a program cannot be carried out, such as a transfer to where there is no memory.
class SimulationError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The program came to a halt before its end; the message says who waits for whom.
class DeadlockError : public SimulationError {
  public:
    using SimulationError::SimulationError;
};

}  // namespace tilewright::accel
