// SPDX-License-Identifier: Apache-2.0
// A quantizer as a combinational module: from a fixed-point number, value / scale, to the code nearest to it,
// by comparison with the midpoints between neighbouring values; saturates. The magnitude's bits are found
// from the highest down, each by a comparison with a threshold that the bits before it choose, as the
// resource model counts it and models/kernels/threshold_quantizer computes it.
//
// The magnitude of a negative number v is |v| - 1 input units, the complement of v, which needs no adder; the
// thresholds of negative numbers are lowered to match.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "accel/rtl/rtl_module.hpp"
#include "models/formats/codec.hpp"

namespace tilewright::accel {

class RtlQuantizer {
  public:
    // `range`: whether an integer format has its lowest code, as the negative side of a dual format does.
    // Throws std::invalid_argument for a format of more than 8 bits or without a sign, and for one
    // that would need a wider input.
    RtlQuantizer(const models::NumberFormat& format, models::TieRule ties, models::IntegerRange range);

    std::string name() const;
    // The input: two's complement of so many bits in units of 2^unit_exponent(). At least 12 bits, or 16 for
    // formats of 7 and 8 bits; more where neighbouring values are closer together than the largest ones
    // allow, up to 48.
    int input_bits() const { return input_bits_; }
    int unit_exponent() const { return unit_exponent_; }

    RtlModule module(const std::vector<std::string>& origin) const;

  private:
    bool full_range() const;
    int magnitude_bits() const;
    // The smallest folded input that is not below magnitude code `code`; 2^(input_bits - 1), which none
    // reaches, for a code that is no result.
    std::uint64_t threshold(bool negative, std::uint32_t code) const;
    std::string step(int bit) const;
    void add_vectors(RtlModule& module) const;
    // The kernel, from inputs to codes.
    std::function<std::uint32_t(std::int64_t)> encoder() const;
    std::vector<std::int64_t> sampled_inputs() const;

    models::NumberFormat format_;
    models::TieRule ties_;
    models::IntegerRange range_;
    std::vector<double> values_;
    int input_bits_ = 12;
    int unit_exponent_ = 0;
};

}  // namespace tilewright::accel
