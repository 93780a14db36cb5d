// SPDX-License-Identifier: Apache-2.0
// Groups of f32 numbers to codes and scales without allocation: what quantize_groups() does, into memory that
// the caller has, over and over with one format.
//
// The element x becomes the code nearest to x / scale, a quotient rounded to f32 (exact for powers of two as
// long as it is not subnormal). Integers use -(2^(b-1) - 1) ... 2^(b-1) - 1. Overflow saturates.
//
// Infinity saturates and NaN becomes the format's NaN, or 0 where it has none; neither takes part in an
// absmax or power-of-two scale. An MX block with either has the scale NaN and codes 0. A group of zeros has
// scale 0, with mx 2^-127.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "models/formats/group_kernels.hpp"
#include "models/formats/group_scale.hpp"

namespace tilewright::models {

// Elements that were not numbers.
struct SpecialCounts {
    std::size_t nan_count = 0;
    std::size_t infinite_count = 0;
};

class GroupEncoder {
  public:
    // Throws std::invalid_argument for a group of 0 elements, a format of more than 16 bits or e8m0.
    GroupEncoder(const NumberFormat& format, const GroupScaling& scaling);

    std::size_t groups(std::size_t elements) const {
        return elements / scaling_.group + (elements % scaling_.group == 0 ? 0 : 1);
    }

    // One code per value and one scale per group. Throws std::invalid_argument for other sizes.
    SpecialCounts encode(std::span<const float> values, std::span<std::uint16_t> codes,
                         std::span<float> scales) const;

    // As above with integers in units of 2^unit_exponent(format) instead of codes, ready for grouped_dot();
    // NaN becomes 0. Throws std::invalid_argument also when !units_fit().
    SpecialCounts encode_units(std::span<const float> values, std::span<std::int8_t> units,
                               std::span<float> scales) const;

    // Whether the format's values are within -127 ... 127 steps: int8, e2m1, e2m3, e3m0, but not e3m2 (448).
    bool units_fit() const { return units_fit_; }

    const NumberFormat& format() const { return codec_.format(); }
    const GroupScaling& scaling() const { return scaling_; }

  private:
    template <typename Result>
    SpecialCounts encode_any(std::span<const float> values, std::span<Result> out,
                             std::span<float> scales) const;
    template <typename Result>
    SpecialCounts encode_chunk(std::span<const float> values, std::span<Result> out,
                               std::span<float> scales) const;
    template <typename Result>
    void encode_one_by_one(std::span<const float> values, float divisor, std::span<Result> out) const;
    float scale_of(float absmax) const;

    GroupScaling scaling_;
    Codec codec_;
    double largest_;
    bool units_fit_;
    std::optional<EncodeRule> rule_;  // nothing: by the codec alone
};

}  // namespace tilewright::models
