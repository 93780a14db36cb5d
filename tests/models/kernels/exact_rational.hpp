// SPDX-License-Identifier: Apache-2.0
// Exact rational numbers, and their rounding to binary32.
#pragma once

#include <bit>
#include <cstdint>

#include <boost/multiprecision/cpp_int.hpp>

namespace tilewright::test {

using Rational = boost::multiprecision::cpp_rational;

// The binary32 number nearest to a rational, ties to even, found by bisection over the ordered floats.
inline float nearest_float(const Rational& value) {
    if (value < 0) return -nearest_float(-value);
    std::uint32_t low = 0;
    std::uint32_t high = 0x7f7fffff;
    while (high - low > 1) {
        const auto middle = (low + high) / 2;
        (Rational(std::bit_cast<float>(middle)) <= value ? low : high) = middle;
    }
    const Rational below = value - Rational(std::bit_cast<float>(low));
    const Rational above = Rational(std::bit_cast<float>(high)) - value;
    const bool up = above < below || (above == below && high % 2 == 0);
    return std::bit_cast<float>(up ? high : low);
}

}  // namespace tilewright::test
