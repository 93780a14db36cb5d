// SPDX-License-Identifier: Apache-2.0
// A simulation of super-resolution that carries data, and its comparison with the untiled kernels.
#pragma once

#include "accel/design/design.hpp"
#include "accel/functional/functional_outcome.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/observer.hpp"

namespace tilewright::accel {

// Runs the program on seeded synthetic weights and an image, and compares the head's map in memory, the
// pixels behind the last unit if they lie there, what the tail makes and the image in memory with
// models::QuantizedSuperResolution on the same data.
FunctionalOutcome run_super_resolution_functional(const Design& design, const TileProgram& program,
                                                  Observer* observer = nullptr);

}  // namespace tilewright::accel
