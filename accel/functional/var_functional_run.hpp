// SPDX-License-Identifier: Apache-2.0
// A simulation of VAR that carries data, and its comparison with the untiled kernels.
#pragma once

#include "accel/design/design.hpp"
#include "accel/functional/functional_outcome.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/observer.hpp"

namespace tilewright::accel {

// Runs the program on seeded synthetic weights and inputs, and compares the residual stream behind every
// scale and the key/value cache in memory with models::QuantizedVar on the same data.
FunctionalOutcome run_var_functional(const Design& design, const TileProgram& program,
                                     Observer* observer = nullptr);

}  // namespace tilewright::accel
