// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/exact_dot.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace tilewright::models {

namespace {

constexpr int widest_operand = 62;       // bits of an operand in an int64
constexpr int widest_accumulator = 120;  // leaves room for one more product in an Int128

// The largest magnitude among the finite codes, in units of the format.
WideInteger largest_units(const NumberFormat& format, IntegerRange range) {
    if (format.family == FormatFamily::integer) {
        const bool full = range == IntegerRange::full && format.fraction_bits == 0;
        return (WideInteger(1) << static_cast<unsigned>(format.bits - 1)) - (full ? 0 : 1);
    }
    // An integer of few bits, shifted.
    const auto largest = largest_value(format);
    const auto shift = std::ilogb(largest) - format.mantissa_bits;
    const auto significand = static_cast<std::int64_t>(std::ldexp(largest, -shift));
    return WideInteger(significand) << static_cast<unsigned>(shift - unit_exponent(format));
}

int bits_of(const WideInteger& positive) {
    return positive == 0 ? 0 : static_cast<int>(msb(positive)) + 1;
}

WideInteger to_wide(Int128 value) {
    const bool negative = value < 0;
    const Int128 magnitude = negative ? -value : value;
    WideInteger result = static_cast<std::uint64_t>(magnitude >> 64);
    result <<= 64;
    result += static_cast<std::uint64_t>(magnitude);
    return negative ? WideInteger(-result) : result;
}

void require_width(const NumberFormat& format, std::span<const std::uint16_t> codes) {
    std::uint16_t all = 0;
    for (const auto code : codes) all = static_cast<std::uint16_t>(all | code);
    if ((all >> format.bits) != 0) {
        throw std::out_of_range("a code does not fit the " + std::to_string(format.bits) + " bits of " +
                                std::string(format.name));
    }
}

}  // namespace

ProductFormat product_format(const NumberFormat& a, const NumberFormat& b, IntegerRange range) {
    ProductFormat result;
    result.lsb_exponent = unit_exponent(a) + unit_exponent(b);
    result.maximum = largest_units(a, range) * largest_units(b, range);
    result.magnitude_bits = bits_of(result.maximum);
    return result;
}

int accumulator_bits(const NumberFormat& a, const NumberFormat& b, std::int64_t terms, IntegerRange range) {
    if (terms < 0) throw std::invalid_argument("a sum of fewer than 0 terms");
    return 1 + bits_of(WideInteger(product_format(a, b, range).maximum * terms));
}

bool accumulator_suffices(const NumberFormat& a, const NumberFormat& b, std::int64_t terms, int bits,
                          IntegerRange range) {
    return bits >= accumulator_bits(a, b, terms, range);
}

ExactDot::Operand::Operand(const NumberFormat& of) : format(of) {
    const auto values = decode_table(of);
    const auto step = unit_exponent(of);
    if (std::any_of(values.begin(), values.end(), [](double value) { return !std::isfinite(value); })) {
        for (const auto value : values) special.push_back(!std::isfinite(value));
    }
    if (bits_of(largest_units(of, IntegerRange::full)) > widest_operand) return;
    for (const auto value : values) {
        units.push_back(std::isfinite(value) ? static_cast<std::int64_t>(std::ldexp(value, -step)) : 0);
    }
}

bool ExactDot::Operand::finite(std::span<const std::uint16_t> codes) const {
    return special.empty() || std::none_of(codes.begin(), codes.end(), [&](auto c) { return special[c]; });
}

// mxint8 has the code -2 although quantizers do not make it, so bounds on codes of any origin use the full
// range of its bits: one unit more than its largest value.
ExactDot::ExactDot(const NumberFormat& a, const NumberFormat& b)
    : a_(a), b_(b), product_(product_format(a, b, IntegerRange::full)) {
    product_.maximum += largest_units(a, IntegerRange::full) + largest_units(b, IntegerRange::full) + 1;
    product_.magnitude_bits = bits_of(product_.maximum);
}

void ExactDot::check(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const {
    if (a.size() != b.size()) {
        throw std::invalid_argument("a dot product of " + std::to_string(a.size()) + " and " +
                                    std::to_string(b.size()) + " codes; allowed: equal numbers");
    }
    require_width(a_.format, a);
    require_width(b_.format, b);
}

bool ExactDot::finite(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const {
    return a_.finite(a) && b_.finite(b);
}

ExactNumber ExactDot::wide_dot(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const {
    ExactNumber sum;
    sum.exponent = product_.lsb_exponent;
    for (std::size_t i = 0; i < a.size(); ++i) {
        sum = sum + decode_exact(a_.format, a[i]) * decode_exact(b_.format, b[i]);
    }
    return sum;
}

Int128 ExactDot::narrow_dot(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const {
    Int128 sum = 0;
    if (product_.magnitude_bits > widest_operand) {
        for (std::size_t i = 0; i < a.size(); ++i) sum += Int128{a_.units[a[i]]} * b_.units[b[i]];
        return sum;
    }
    // As many terms as cannot overflow are summed in 64 bits.
    const auto safe = std::size_t{1} << std::min(widest_operand - product_.magnitude_bits, 30);
    for (std::size_t start = 0; start < a.size(); start += safe) {
        const auto end = std::min(a.size(), start + safe);
        std::int64_t part = 0;
        for (auto i = start; i < end; ++i) part += a_.units[a[i]] * b_.units[b[i]];
        sum += part;
    }
    return sum;
}

ExactNumber ExactDot::dot(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) const {
    check(a, b);
    const auto sum_bits = product_.magnitude_bits + static_cast<int>(std::bit_width(a.size()));
    const bool fits = !a_.units.empty() && !b_.units.empty() && sum_bits <= widest_accumulator;
    if (!fits || !finite(a, b)) return wide_dot(a, b);
    return {ExactNumber::Kind::finite, to_wide(narrow_dot(a, b)), product_.lsb_exponent};
}

NarrowSum ExactDot::accumulate(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b, int bits,
                               AccumulatorOverflow overflow) const {
    check(a, b);
    if (bits < 2 || bits > widest_accumulator) {
        throw std::invalid_argument("an accumulator of " + std::to_string(bits) + " bits; allowed: 2 to 120");
    }
    if (a_.units.empty() || b_.units.empty() || product_.magnitude_bits > widest_accumulator) {
        throw std::invalid_argument("products of " + std::string(a_.format.name) + " and " +
                                    std::string(b_.format.name) + " have more than 120 bits");
    }
    if (!finite(a, b)) throw std::invalid_argument("an accumulator of integers takes finite codes only");
    const Int128 limit = Int128{1} << (bits - 1);
    Int128 sum = 0;
    NarrowSum result;
    for (std::size_t i = 0; i < a.size(); ++i) {
        sum += Int128{a_.units[a[i]]} * b_.units[b[i]];
        if (sum >= -limit && sum < limit) continue;
        ++result.overflows;
        if (overflow == AccumulatorOverflow::saturate) {
            sum = sum < 0 ? -limit : limit - 1;
        } else {
            // The low bits, taken as two's complement.
            const Int128 low = sum & (2 * limit - 1);
            sum = low >= limit ? low - 2 * limit : low;
        }
    }
    result.value = {ExactNumber::Kind::finite, to_wide(sum), product_.lsb_exponent};
    return result;
}

}  // namespace tilewright::models
