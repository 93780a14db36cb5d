// SPDX-License-Identifier: Apache-2.0
// Multipliers of low-bit numbers built from lookup tables: what they cost, from the structure of the product.
#pragma once

#include <vector>

#include "accel/cost/cost_constants.hpp"
#include "models/formats/number_format.hpp"

namespace tilewright::accel {

// A multiplier of two formats, sign and magnitude apart. Magnitudes are integers in units of each format's
// smallest step; the sign of the product is one XOR, which the first adder behind it takes in.
struct LutMultiplier {
    int product_bits = 0;  // of the magnitude
    double lut = 0;        // of the magnitude
    bool from_structure = false;  // false: from a synthesis of the next larger kind
};

// Formats of at most four bits each: a LUT6 for every bit of the product, which depends on at most six bits of
// the operands; two bits that depend on the same five or fewer share one (a LUT6 has two outputs). Products of
// more operand bits: every bit as a tree of LUT6 (Shannon expansion), or a small multiplier with a shifter as
// synthesised, whichever is smaller. Throws std::invalid_argument for formats of more than 8 bits.
LutMultiplier lut_multiplier(const models::NumberFormat& a, const models::NumberFormat& b,
                             const CostConstants& constants);

// Which bits of the operands every bit of the product depends on, lowest bit of the product first: bit i of an
// entry stands for bit i of a's magnitude code, and above those for b's.
std::vector<unsigned> product_bit_support(const models::NumberFormat& a, const models::NumberFormat& b);

}  // namespace tilewright::accel
