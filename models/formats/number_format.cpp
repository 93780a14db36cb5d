// SPDX-License-Identifier: Apache-2.0
#include "models/formats/number_format.hpp"

#include <algorithm>
#include <stdexcept>

namespace tilewright::models {

namespace {

constexpr NumberFormat integer(std::string_view name, int bits) {
    return {name, FormatFamily::integer, bits, 0, bits - 1};
}

constexpr NumberFormat floating(std::string_view name, int exponent_bits, int mantissa_bits) {
    return {name, FormatFamily::floating_point, 1 + exponent_bits + mantissa_bits, exponent_bits,
            mantissa_bits};
}

}  // namespace

const std::vector<NumberFormat>& number_formats() {
    // Floating-point layouts: OCP Microscaling Formats v1.0 (e2m1, e2m3, e3m2), OCP FP8 v1.0 (e4m3, e5m2),
    // IEEE 754.
    static const std::vector<NumberFormat> formats = {
        integer("int2", 2),      integer("int4", 4),     integer("int6", 6),      integer("int8", 8),
        integer("int12", 12),    integer("int16", 16),   integer("int32", 32),    floating("e2m1", 2, 1),
        floating("e1m2", 1, 2),  floating("e3m0", 3, 0), floating("e2m3", 2, 3),  floating("e3m2", 3, 2),
        floating("e4m3", 4, 3),  floating("e5m2", 5, 2), floating("fp16", 5, 10), floating("bf16", 8, 7),
        floating("fp32", 8, 23),
    };
    return formats;
}

const NumberFormat* find_number_format(std::string_view name) {
    const auto& all = number_formats();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.name == name; });
    return found == all.end() ? nullptr : &*found;
}

const NumberFormat& number_format(std::string_view name) {
    const auto* format = find_number_format(name);
    if (format == nullptr) throw std::invalid_argument("unknown number format '" + std::string(name) + "'");
    return *format;
}

}  // namespace tilewright::models
