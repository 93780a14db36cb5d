// SPDX-License-Identifier: Apache-2.0
// A simulation of Mamba2 that carries data, and its comparison with the untiled kernels.
#pragma once

#include <cstdint>
#include <string>

#include "accel/design/design.hpp"
#include "accel/functional/functional_outcome.hpp"
#include "accel/functional/mamba2_executor.hpp"
#include "accel/simulation/observer.hpp"

namespace tilewright::accel {

// Runs the program on the instance's data and compares all that it leaves behind with `network`'s kernels on
// the same data. Throws FunctionalError for a program that reads what is not there, and what simulate()
// throws.
FunctionalOutcome run_mamba2_functional(const Design& design, const TileProgram& program,
                                        const models::QuantizedMamba& network, const MambaInstance& instance,
                                        Observer* observer = nullptr);

// Data for a design without a checkpoint: seeded synthetic weights, block by block, states that two earlier
// tokens have left, and, without lm_head in the workload, a synthetic residual stream.
MambaInstance synthetic_instance(const Design& design, const models::QuantizedMamba& network,
                                 std::uint64_t seed = 1);

}  // namespace tilewright::accel
