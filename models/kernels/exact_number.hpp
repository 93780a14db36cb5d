// SPDX-License-Identifier: Apache-2.0
// Dyadic rationals: what products and sums of any formats are, exactly.
#pragma once

#include <cstdint>
#include <string>

#include <boost/multiprecision/cpp_int.hpp>

#include "models/formats/number_format.hpp"

namespace tilewright::models {

// Wide enough for any sum of products of two formats (fp32: 554 bits and the bits of the number of terms) and
// for all of its decimal digits.
using WideInteger = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<
    2048, 2048, boost::multiprecision::signed_magnitude, boost::multiprecision::unchecked, void>>;

// The widest integer of the processor.
__extension__ typedef __int128 Int128;

// units * 2^exponent, or what IEEE 754 makes of operands that are not finite. Zero has no sign.
struct ExactNumber {
    enum class Kind { finite, positive_infinity, negative_infinity, not_a_number };

    Kind kind = Kind::finite;
    WideInteger units;
    int exponent = 0;
};

// The value of a code. Throws std::out_of_range for a code that is wider than the format.
ExactNumber decode_exact(const NumberFormat& format, std::uint32_t code);

ExactNumber operator*(const ExactNumber& a, const ExactNumber& b);
ExactNumber operator+(const ExactNumber& a, const ExactNumber& b);
bool operator==(const ExactNumber& a, const ExactNumber& b);  // NaN differs from everything

// All digits: "0.25", "-1.5", "320"; "nan", "inf", "-inf".
std::string to_decimal(const ExactNumber& number);

}  // namespace tilewright::models
