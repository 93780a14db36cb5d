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

// Of two's complement numbers: cells in proportion to the bits of both operands together, so many each as in
// the square multiplier, as synthesised, of the next width that has room for the wider one.
double integer_multiplier_lut(int a_bits, int b_bits, const CostConstants& constants);

// Formats whose magnitudes have at most six bits together: one LUT6 for every bit of the product, less the
// pairs that share one (models/kernels/lut_multiplier.hpp). Two's complement: integer_multiplier_lut(). Wider
// floating point: a small integer multiplier with a shifter behind, as synthesised for the next larger width
// (configs/cost/fabric.json). Throws std::invalid_argument for formats of more than 8 bits.
LutMultiplierCost lut_multiplier_cost(const models::NumberFormat& a, const models::NumberFormat& b,
                                      const CostConstants& constants);

}  // namespace tilewright::accel
