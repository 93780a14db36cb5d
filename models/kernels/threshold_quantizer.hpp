// SPDX-License-Identifier: Apache-2.0
// Rounding as a quantizer of lookup tables and comparators does it: nothing is divided. The thresholds
// between neighbouring values, times the group's scale, are found once a group, and every element is compared
// with them by binary search.
//
// A threshold is a midpoint between two values of a format of at most 8 bits, so it has a few bits only and
// its product with a binary32 scale is exact in binary64. The comparison is therefore that of exact
// arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "models/formats/codec.hpp"

namespace tilewright::models {

class ThresholdQuantizer {
  public:
    // Throws std::invalid_argument for formats of more than 8 bits, which need more thresholds than tables
    // hold.
    ThresholdQuantizer(const NumberFormat& format, TieRule ties);

    // Thresholds times scale, for a group with a positive scale.
    std::vector<double> scaled(float scale) const;

    // The code of an element of a group with these scaled thresholds; saturates.
    std::uint32_t encode(float element, const std::vector<double>& scaled_thresholds) const;

    // Comparisons that one element goes through.
    int comparisons() const;

  private:
    std::vector<std::uint32_t> codes_;  // in increasing order of their values
    std::vector<double> thresholds_;    // between code i and i + 1
    std::vector<bool> up_at_tie_;       // whether an element at the threshold goes up
    std::uint32_t negative_zero_ = 0;   // code of a negative element that rounds to zero
    std::uint32_t zero_ = 0;
};

}  // namespace tilewright::models
