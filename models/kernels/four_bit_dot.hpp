// SPDX-License-Identifier: Apache-2.0
// Dot products over the codes of two formats of up to four bits, exactly as ExactDot computes them, for large
// tensors: codes are looked up in registers and multiplied with the fastest instructions that the processor
// has.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "models/formats/number_format.hpp"

namespace tilewright::models {

class FourBitDot {
  public:
    // Throws std::invalid_argument for formats of more than four bits and formats without a sign. All others
    // have at most 64 steps.
    FourBitDot(const NumberFormat& a, const NumberFormat& b);

    // The sum of a[i] b[i] in units of 2^lsb_exponent(); codes stand one in a byte. Throws
    // std::invalid_argument for different lengths, std::out_of_range for a code that is wider than its
    // format.
    std::int64_t dot(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) const;

    int lsb_exponent() const { return lsb_exponent_; }

  private:
    using Table = std::array<std::int8_t, 16>;  // steps of every code
    static Table steps_of(const NumberFormat& format);

    NumberFormat format_a_;
    NumberFormat format_b_;
    Table a_;
    Table b_;
    int lsb_exponent_;
};

}  // namespace tilewright::models
