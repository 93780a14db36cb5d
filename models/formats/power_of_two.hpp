// SPDX-License-Identifier: Apache-2.0
// Exact powers of two and the scales made of them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace tilewright::models {

// 2^exponent for -1022 <= exponent <= 1023, exact.
inline double power_of_two(int exponent) {
    constexpr int bias = 1023;
    constexpr int mantissa_bits = 52;
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + bias) << mantissa_bits);
}

// The smallest e with 2^e * largest >= absmax; both are finite and above 0.
inline int covering_exponent(double absmax, double largest) {
    int exponent = std::ilogb(absmax) - std::ilogb(largest);
    while (std::ldexp(largest, exponent) < absmax) ++exponent;
    while (std::ldexp(largest, exponent - 1) >= absmax) --exponent;
    return exponent;
}

}  // namespace tilewright::models
