// SPDX-License-Identifier: Apache-2.0
// Fabric primitives of what only designs for binary super-resolution have.
#pragma once

#include "accel/cost/resources.hpp"

namespace tilewright::accel {

// Gates, counters of ones, accumulators, two sets of weight registers. Beyond the border signs are 0, which
// counts as -1; what that adds to a count depends on the weights alone, and an adder takes it away.
FabricResources binary_resources(const Design& design, const CostConstants& constants);

memory::ScratchpadSpecification super_resolution_buffer_specification(const Design& design, Buffer buffer,
                                                                      std::int64_t bytes);

}  // namespace tilewright::accel
