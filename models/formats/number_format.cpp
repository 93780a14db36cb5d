// SPDX-License-Identifier: Apache-2.0
#include "models/formats/number_format.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>

namespace tilewright::models {

namespace {

// Keeps a name alive for as long as the formats that point at it.
std::string_view keep(std::string name) {
    static std::deque<std::string> names;
    return names.emplace_back(std::move(name));
}

NumberFormat integer(std::string_view name, int bits, int fraction_bits = 0) {
    NumberFormat format;
    format.name = name;
    format.bits = bits;
    format.mantissa_bits = bits - 1;
    format.fraction_bits = fraction_bits;
    return format;
}

NumberFormat floating(std::string_view name, int exponent_bits, int mantissa_bits,
                      SpecialCodes specials = SpecialCodes::none) {
    NumberFormat format;
    format.name = name;
    format.family = FormatFamily::floating_point;
    format.bits = 1 + exponent_bits + mantissa_bits;
    format.exponent_bits = exponent_bits;
    format.mantissa_bits = mantissa_bits;
    // One exponent bit: subnormals and one binade of the same step, so that e1m2 has the levels of int4.
    format.bias = exponent_bits == 1 ? 1 : (1 << (exponent_bits - 1)) - 1;
    format.specials = specials;
    return format;
}

SpecialCodes specials_of(int exponent_bits, int mantissa_bits) {
    if (exponent_bits == 4 && mantissa_bits == 3) return SpecialCodes::not_a_number;
    if (exponent_bits == 5 && mantissa_bits == 2) return SpecialCodes::infinities_too;
    return SpecialCodes::none;
}

NumberFormat scale_format() {
    auto format = floating("e8m0", 8, 0, SpecialCodes::not_a_number);
    format.bits = 8;
    format.has_sign = false;
    return format;
}

// The exponent field of all ones is 1: zero and 2^-(2^(bits-1) - 2) ... 1.
NumberFormat power_of_two_format(int bits) {
    auto format = floating(keep("pot" + std::to_string(bits)), bits - 1, 0);
    format.bias = (1 << (bits - 1)) - 1;
    return format;
}

std::vector<NumberFormat> all_formats() {
    std::vector<NumberFormat> formats;
    for (int bits = 2; bits <= 16; ++bits) {
        formats.push_back(integer(keep("int" + std::to_string(bits)), bits));
        if (bits == 8) formats.push_back(integer("mxint8", 8, 6));
    }
    formats.push_back(integer("int32", 32));
    for (int bits = 2; bits <= 8; ++bits) {
        for (int exponent = 1; exponent < bits; ++exponent) {
            const auto mantissa = bits - 1 - exponent;
            formats.push_back(floating(keep("e" + std::to_string(exponent) + "m" + std::to_string(mantissa)),
                                       exponent, mantissa, specials_of(exponent, mantissa)));
        }
    }
    formats.push_back(scale_format());
    for (int bits = 2; bits <= 8; ++bits) formats.push_back(power_of_two_format(bits));
    formats.push_back(floating("fp16", 5, 10, SpecialCodes::infinities_too));
    formats.push_back(floating("bf16", 8, 7, SpecialCodes::infinities_too));
    formats.push_back(floating("fp32", 8, 23, SpecialCodes::infinities_too));
    return formats;
}

}  // namespace

const std::vector<NumberFormat>& number_formats() {
    static const std::vector<NumberFormat> formats = all_formats();
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
