// SPDX-License-Identifier: Apache-2.0
// Fabric primitives of the engines of a design for a transformer, from the structure of each engine; the
// first four stand in designs for super-resolution, too.
#pragma once

#include "accel/cost/resources.hpp"

namespace tilewright::accel {

// Units that each make a binary32 number of a sum, multiply it by the product of both scales and add it up.
FabricResources rescale_resources(const Design& design, std::int64_t lanes, const CostConstants& constants);
// Multipliers, adder trees, accumulators, weight registers and rescaling units.
FabricResources stationary_matrix_resources(const Design& design, const CostConstants& constants);
// Largest magnitude, thresholds times scale, comparisons; both signs apart where a recipe has dual formats.
FabricResources quantizer_resources(const Design& design, const QuantizerEngine& engine,
                                    const CostConstants& constants);
FabricResources binary32_vector_resources(const Design& design, const CostConstants& constants);
FabricResources transformer_hadamard_resources(const Design& design, const CostConstants& constants);
FabricResources transformer_attention_resources(const Design& design, const CostConstants& constants);
FabricResources transformer_softmax_resources(const Design& design, const CostConstants& constants);

memory::ScratchpadSpecification transformer_buffer_specification(const Design& design, Buffer buffer,
                                                                 std::int64_t bytes);

}  // namespace tilewright::accel
