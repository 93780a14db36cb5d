// SPDX-License-Identifier: Apache-2.0
// Names and bit widths of the numeric formats that a recipe can ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tilewright::models {

enum class FormatFamily { integer, floating_point };

// One scalar format. Widths are in bits; integers have no exponent.
struct NumberFormat {
    std::string_view name;
    FormatFamily family = FormatFamily::integer;
    int bits = 0;
    int exponent_bits = 0;
    int mantissa_bits = 0;  // stored mantissa bits; for an integer the magnitude bits

    friend bool operator==(const NumberFormat& a, const NumberFormat& b) { return a.name == b.name; }
};

// All formats in a fixed order (integers by width, then floating point by width).
const std::vector<NumberFormat>& number_formats();

// Looks a format up by its lower-case name ("int4", "fp16", "e2m1"); nullptr if there is none.
const NumberFormat* find_number_format(std::string_view name);

// As above for names that a schema has already admitted; throws std::invalid_argument otherwise.
const NumberFormat& number_format(std::string_view name);

}  // namespace tilewright::models
