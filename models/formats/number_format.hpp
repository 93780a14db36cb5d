// SPDX-License-Identifier: Apache-2.0
// The numeric formats: their names, layouts and special codes.
//
// Sources: OCP Microscaling Formats v1.0 (e2m1, e2m3, e3m2, e8m0, mxint8), OCP FP8 v1.0 (e4m3, e5m2), IEEE
// 754-2019 (fp16, fp32). Any other eXmY of up to 8 bits follows the general rule: bias 2^(X-1) - 1 (1 for X =
// 1), subnormals, every code finite.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tilewright::models {

enum class FormatFamily { integer, floating_point };

// What the topmost codes of a floating-point format stand for.
enum class SpecialCodes {
    none,           // numbers
    not_a_number,   // all ones is NaN, there is no infinity (e4m3, e8m0)
    infinities_too  // IEEE 754: the largest exponent field holds infinity and NaN
};

// One scalar format. Widths are in bits; integers have no exponent.
// Floating point: the sign is the top bit of the code, then exponent field e, then mantissa field m of M
// bits. The value is 2^(e - bias) (1 + m 2^-M), and 2^(1 - bias) m 2^-M for e = 0. Without a sign bit (e8m0)
// e = 0 is not special. Integer: two's complement in units of 2^-fraction_bits.
struct NumberFormat {
    std::string_view name;
    FormatFamily family = FormatFamily::integer;
    int bits = 0;
    int exponent_bits = 0;
    int mantissa_bits = 0;  // stored mantissa bits; for an integer the magnitude bits
    int bias = 0;
    int fraction_bits = 0;  // integers only: 6 in mxint8
    SpecialCodes specials = SpecialCodes::none;
    bool has_sign = true;

    friend bool operator==(const NumberFormat& a, const NumberFormat& b) { return a.name == b.name; }
};

// All formats in a fixed order: integers by width, floating point of up to 8 bits by width, e8m0, powers of
// two by width, then fp16, bf16, fp32. pot2 ... pot8 hold zero and the signed powers of two up to 1.
const std::vector<NumberFormat>& number_formats();

// Looks a format up by its lower-case name ("int4", "fp16", "e2m1"); nullptr if there is none.
const NumberFormat* find_number_format(std::string_view name);

// As above for names that a schema has already admitted; throws std::invalid_argument otherwise.
const NumberFormat& number_format(std::string_view name);

}  // namespace tilewright::models
