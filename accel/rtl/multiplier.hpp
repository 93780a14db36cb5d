// SPDX-License-Identifier: Apache-2.0
// A multiplier of codes as a combinational module: weights times inputs, exact, as an integer in units of the
// product of both formats' smallest steps.
//
// In lookup tables it has the structure whose LUTs accel/cost/lut_multiplier counts:
//   table                two floating-point formats of at most six magnitude bits together: a case table of
//                        magnitudes, and the exclusive or of the signs
//   shifted_mantissas    other floating-point formats: product of the significands, shifted by the sum of the
//                        exponents
//   signed_product       an integer format among them: floating-point codes are decoded to integers in front
//                        of a plain signed product
// In DSP blocks it is always a signed product; that several may share a block is not written out.
//
// The first two have magnitude and sign as outputs of their own, so that the adder behind can take up the
// negation, as the resource model assumes (adder_tree.hpp).
#pragma once

#include <string>

#include "accel/design/design.hpp"
#include "accel/rtl/rtl_module.hpp"
#include "models/kernels/lut_multiplier.hpp"

namespace tilewright::accel {

enum class MultiplierStructure { table, shifted_mantissas, signed_product };

class RtlMultiplier {
  public:
    // Throws std::invalid_argument for a format of more than 8 bits or without a sign, and for products of
    // more than 62 bits.
    RtlMultiplier(const models::NumberFormat& weights, const models::NumberFormat& inputs,
                  MultiplierKind kind);

    const models::NumberFormat& weights() const { return weights_; }
    const models::NumberFormat& inputs() const { return inputs_; }
    std::string name() const;
    MultiplierStructure structure() const { return structure_; }
    bool sign_magnitude() const { return structure_ != MultiplierStructure::signed_product; }
    int lsb_exponent() const { return table_.lsb_exponent(); }
    int magnitude_bits() const { return table_.magnitude_bits(); }
    int product_bits() const { return magnitude_bits() + 1; }  // two's complement
    std::int64_t largest_product() const { return largest_; }

    // Of codes that stand for numbers.
    std::int64_t units(std::uint32_t weight, std::uint32_t input) const {
        return table_.units(weight, input);
    }

    // `origin`: lines at the end of the header comment.
    RtlModule module(const std::vector<std::string>& origin) const;

  private:
    std::string table_body() const;
    std::string shifted_body() const;
    std::string signed_body() const;
    void add_vectors(RtlModule& module) const;

    models::NumberFormat weights_;
    models::NumberFormat inputs_;
    MultiplierKind kind_;
    models::LutMultiplier table_;
    MultiplierStructure structure_ = MultiplierStructure::signed_product;
    std::int64_t largest_ = 0;
};

// The codes of a format that are numbers, in order.
std::vector<std::uint32_t> finite_codes(const models::NumberFormat& format);

}  // namespace tilewright::accel
