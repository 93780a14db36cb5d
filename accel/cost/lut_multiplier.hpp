// SPDX-License-Identifier: Apache-2.0
// What multipliers of low-bit numbers cost when they are built from lookup tables.
#pragma once

#include "accel/cost/cost_constants.hpp"
#include "models/formats/number_format.hpp"

namespace tilewright::accel {

struct LutMultiplierCost {
    int product_bits = 0;         // of the magnitude, exact
    double lut = 0;               // of the magnitude; the sign folds into the adder behind
    bool from_structure = false;  // counted from the product's table; false: as synthesised
};

// Formats whose magnitudes have at most six bits together: one LUT6 for every bit of the product, less the
// pairs that share one (models/kernels/lut_multiplier.hpp). Wider ones and two's complement: a small integer
// multiplier, with a shifter behind for floating point, as synthesised for the next larger width
// (configs/cost/fabric.json). Throws std::invalid_argument for formats of more than 8 bits.
LutMultiplierCost lut_multiplier_cost(const models::NumberFormat& a, const models::NumberFormat& b,
                                      const CostConstants& constants);

}  // namespace tilewright::accel
