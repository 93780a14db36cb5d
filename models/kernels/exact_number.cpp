// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/exact_number.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/formats/codec.hpp"

namespace tilewright::models {

namespace {

using Kind = ExactNumber::Kind;

int sign_of(const ExactNumber& number) {
    switch (number.kind) {
        case Kind::positive_infinity:
            return 1;
        case Kind::negative_infinity:
            return -1;
        case Kind::finite:
            return number.units.sign();
        case Kind::not_a_number:
            break;
    }
    return 0;
}

ExactNumber not_finite(Kind kind) {
    ExactNumber result;
    result.kind = kind;
    return result;
}

// The units of a number in steps of 2^exponent, which is not above its own exponent.
WideInteger units_at(const ExactNumber& number, int exponent) {
    return number.units << static_cast<unsigned>(number.exponent - exponent);
}

}  // namespace

ExactNumber decode_exact(const NumberFormat& format, std::uint32_t code) {
    const auto value = decode(format, code);
    if (std::isnan(value)) return not_finite(Kind::not_a_number);
    if (std::isinf(value)) return not_finite(value > 0 ? Kind::positive_infinity : Kind::negative_infinity);
    // value = significand * 2^exponent with an integer significand of at most 53 bits; its low bits are zero
    // where the format has coarser steps.
    int exponent = 0;
    const auto fraction = std::frexp(value, &exponent);
    constexpr int digits = std::numeric_limits<double>::digits;
    const auto significand = static_cast<std::int64_t>(std::ldexp(fraction, digits));
    ExactNumber result;
    result.exponent = unit_exponent(format);
    const auto shift = exponent - digits - result.exponent;
    result.units = WideInteger(significand < 0 ? -significand : significand);
    if (shift >= 0) {
        result.units <<= static_cast<unsigned>(shift);
    } else {
        result.units >>= static_cast<unsigned>(-shift);
    }
    if (significand < 0) result.units = -result.units;
    return result;
}

ExactNumber operator*(const ExactNumber& a, const ExactNumber& b) {
    if (a.kind == Kind::finite && b.kind == Kind::finite) {
        return {Kind::finite, a.units * b.units, a.exponent + b.exponent};
    }
    const auto sign = sign_of(a) * sign_of(b);  // 0 for NaN, and for infinity times zero
    if (sign == 0) return not_finite(Kind::not_a_number);
    return not_finite(sign > 0 ? Kind::positive_infinity : Kind::negative_infinity);
}

ExactNumber operator+(const ExactNumber& a, const ExactNumber& b) {
    if (a.kind == Kind::finite && b.kind == Kind::finite) {
        const auto exponent = std::min(a.exponent, b.exponent);
        return {Kind::finite, units_at(a, exponent) + units_at(b, exponent), exponent};
    }
    if (a.kind == Kind::finite) return b;
    if (b.kind == Kind::finite || a.kind == b.kind) return a;
    return not_finite(Kind::not_a_number);
}

bool operator==(const ExactNumber& a, const ExactNumber& b) {
    if (a.kind != b.kind || a.kind == Kind::not_a_number) return false;
    if (a.kind != Kind::finite) return true;
    const auto exponent = std::min(a.exponent, b.exponent);
    return units_at(a, exponent) == units_at(b, exponent);
}

std::string to_decimal(const ExactNumber& number) {
    switch (number.kind) {
        case Kind::positive_infinity:
            return "inf";
        case Kind::negative_infinity:
            return "-inf";
        case Kind::not_a_number:
            return "nan";
        case Kind::finite:
            break;
    }
    if (number.units == 0) return "0";
    const std::string sign = number.units < 0 ? "-" : "";
    WideInteger magnitude = abs(number.units);
    if (number.exponent >= 0) {
        magnitude <<= static_cast<unsigned>(number.exponent);
        return sign + magnitude.str();
    }
    // units / 2^f = units * 5^f / 10^f
    const auto fraction_digits = static_cast<std::size_t>(-number.exponent);
    magnitude *= pow(WideInteger(5), static_cast<unsigned>(fraction_digits));
    auto digits = magnitude.str();
    if (digits.size() <= fraction_digits) digits.insert(0, fraction_digits + 1 - digits.size(), '0');
    digits.insert(digits.size() - fraction_digits, ".");
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
    return sign + digits;
}

}  // namespace tilewright::models
