// SPDX-License-Identifier: Apache-2.0
// A multiplier of two low-bit formats as LUTs compute it: a table of magnitude products, and the exclusive or
// of the signs. Two's complement operands are split into sign and magnitude in front of it.
//
// Two magnitudes of three bits are the six inputs of a LUT6, so each product bit is one LUT; two bits that
// together depend on five inputs or fewer share a LUT with two outputs (LUT6_2, AMD UG474). The sign is not
// counted: it folds into the adder behind.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/kernels/exact_number.hpp"

namespace tilewright::models {

class LutMultiplier {
  public:
    // Throws std::invalid_argument for formats of more than 8 bits, or when a product has more than 62 bits.
    static constexpr int widest_format = 8;
    static constexpr int widest_product = 62;
    LutMultiplier(const NumberFormat& a, const NumberFormat& b);

    // Exactly the product of the two codes, whose bits beyond their formats must be zero. Infinity and NaN
    // follow IEEE 754.
    ExactNumber product(std::uint32_t code_a, std::uint32_t code_b) const;

    // As above in units of 2^lsb_exponent(), for finite codes.
    std::int64_t units(std::uint32_t code_a, std::uint32_t code_b) const;

    int lsb_exponent() const { return lsb_exponent_; }
    int magnitude_bits() const { return magnitude_bits_; }  // of the largest product

    // LUT6 of the magnitude; nothing when the formats are not sign-magnitude or have more than six magnitude
    // bits.
    std::optional<int> lut6_count() const;

  private:
    // How the codes of one operand address the table.
    struct Operand {
        NumberFormat format;
        std::vector<std::uint32_t> index;  // magnitude index of a code
        std::vector<bool> negative;
        std::vector<bool> special;
        std::vector<std::int64_t> magnitudes;  // in units of the format, by index

        explicit Operand(const NumberFormat& of);
    };

    Operand a_;
    Operand b_;
    std::vector<std::int64_t> table_;  // [index of a][index of b]
    int lsb_exponent_ = 0;
    int magnitude_bits_ = 0;
};

}  // namespace tilewright::models
