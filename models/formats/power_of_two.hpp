// SPDX-License-Identifier: Apache-2.0
// Exact powers of two and the scales made of them.
#pragma once

#include <bit>
#include <cstdint>

namespace tilewright::models {

// 2^exponent for -1022 <= exponent <= 1023, exact.
inline double power_of_two(int exponent) {
    constexpr int bias = 1023;
    constexpr int mantissa_bits = 52;
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + bias) << mantissa_bits);
}

// A normal double above 0 taken apart: significand 2^exponent with the significand within [1, 2).
struct PowerAndSignificand {
    int exponent;
    double significand;
};
inline PowerAndSignificand take_apart(double number) {
    constexpr std::uint64_t mantissa = (std::uint64_t{1} << 52) - 1;
    const auto bits = std::bit_cast<std::uint64_t>(number);
    return {static_cast<int>(bits >> 52) - 1023,
            std::bit_cast<double>((bits & mantissa) | (std::uint64_t{1023} << 52))};
}

// The smallest e with 2^e largest >= absmax, both normal doubles above 0.
inline int covering_exponent(double absmax, double largest) {
    const auto amount = take_apart(absmax);
    const auto limit = take_apart(largest);
    return amount.exponent - limit.exponent + (amount.significand > limit.significand ? 1 : 0);
}

}  // namespace tilewright::models
