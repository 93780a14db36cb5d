// SPDX-License-Identifier: Apache-2.0
// A simulation of GPT-BigCode that carries data, and its comparison with the untiled kernels.
#pragma once

#include "accel/design/design.hpp"
#include "accel/functional/functional_outcome.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/observer.hpp"

namespace tilewright::accel {

// Runs the program on seeded synthetic weights and inputs, of a decode step behind a synthetic context, and
// compares the residual stream behind every step and the keys and values in memory with models::QuantizedGpt
// on the same data.
FunctionalOutcome run_gpt_functional(const Design& design, const TileProgram& program,
                                     Observer* observer = nullptr);

}  // namespace tilewright::accel
