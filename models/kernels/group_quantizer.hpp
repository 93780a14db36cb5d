// SPDX-License-Identifier: Apache-2.0
// Activations and states as a recipe's hardware holds them: rounding to a format in groups that share a
// scale, and the packed bytes in which they lie in memory.
//
// Values are binary64 numbers that the format represents exactly; every operation on them in the kernels is
// exact too, so they stand for the integers and exponents of the hardware.
//
//   power_of_two    scale 2^e, e = ceil(log2(absmax / largest value)), kept within the bits of the exponent:
//                   absmax may saturate at the top, and small groups lose precision at the bottom
//   floating_point  scale = absmax / largest value, rounded to fp16 or fp32 (by scale_bits); 0 for a group of
//                   zeros
//   no scales       every value is rounded alone
//
// A value becomes the code nearest to value / scale. The quotient by a power of two is exact; by a
// floating-point scale it is rounded to binary64 first. Overflow saturates; integers keep to their symmetric
// range.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/formats/codec.hpp"
#include "models/formats/power_of_two.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

// The integer nearest to a number; ties as the rule says.
double round_to_integer(double number, TieRule ties);

// Rounds to a multiple of 2^exponent and saturates to the symmetric range of a `bits`-bit integer.
double round_to_fixed_point(double number, int exponent, int bits, TieRule ties);

class GroupQuantizer {
  public:
    // Throws std::invalid_argument for sums of two powers, which are found offline, and for formats of more
    // than 16 bits with scales.
    GroupQuantizer(const Quantization& quantization, TieRule ties);

    // Elements that share a scale; 1 when there are no scales.
    std::size_t group() const { return group_; }
    std::size_t groups(std::size_t elements) const { return (elements + group_ - 1) / group_; }

    // Rounds `values` in place. The first begins a group; the last group may be short. `unit_exponents`, if
    // not empty, gets for every group the exponent of its format's smallest step times its scale
    // (power-of-two scales of up to 16-bit formats only): each result is an integer times that power of two.
    // Throws std::invalid_argument for a NaN.
    void round(std::span<double> values, std::span<int> unit_exponents = {}) const;

    // As round(), with the codes and scales themselves. `scales` has groups() entries.
    void encode(std::span<const double> values, std::span<std::uint16_t> codes,
                std::span<double> scales) const;

    // Rounded values as bytes: codes packed from the lowest bit up, then, from the next whole byte on, the
    // scales' fields. The sizes are value_bits and scale_bits of the recipe, in whole bytes. `values` are
    // results of round() with the same grouping; with their unit exponents the scales are those of round(),
    // without them such that unpack() returns the values, every one.
    std::vector<std::byte> pack(std::span<const double> values,
                                std::span<const int> unit_exponents = {}) const;
    // Throws std::invalid_argument for fewer bytes than pack() makes of so many elements.
    std::vector<double> unpack(std::span<const std::byte> bytes, std::size_t elements,
                               std::span<int> unit_exponents = {}) const;

    const Quantization& quantization() const { return quantization_; }

  private:
    std::uint32_t scale_field(double scale) const;
    double scale_of_field(std::uint32_t field) const;
    void encode_group(std::span<const double> values, double scale, std::uint16_t* codes) const;
    double scale_of(std::span<const double> group) const;
    double nearest_scale(double scale) const;
    double scale_that_holds(std::span<const double> rounded) const;
    bool holds(double scale, std::span<const double> rounded) const;
    double round_unscaled(double number) const;

    Quantization quantization_;
    TieRule ties_;
    std::size_t group_ = 1;
    double largest_ = 0;
    int format_exponent_ = 0;  // exponent of the format's smallest step
    bool integer_ = false;
    std::vector<Codec> codec_;        // of formats of up to 16 bits
    std::vector<Codec> scale_codec_;  // of fp16 scales
};

}  // namespace tilewright::models
