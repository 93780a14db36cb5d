// SPDX-License-Identifier: Apache-2.0
#include "models/formats/codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <tuple>

namespace tilewright::models {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double decode_integer(const NumberFormat& format, std::uint32_t code) {
    const auto sign = std::int64_t{1} << (format.bits - 1);
    const auto value = (static_cast<std::int64_t>(code) ^ sign) - sign;
    return std::ldexp(static_cast<double>(value), -format.fraction_bits);
}

// The magnitude that a code without its sign would have if no code were special.
double plain_magnitude(const NumberFormat& format, std::uint32_t magnitude) {
    const auto exponent = static_cast<int>(magnitude >> format.mantissa_bits);
    const auto mantissa = magnitude & ((1U << format.mantissa_bits) - 1);
    const auto hidden = 1U << format.mantissa_bits;
    if (exponent == 0 && format.has_sign) {
        return std::ldexp(static_cast<double>(mantissa), 1 - format.bias - format.mantissa_bits);
    }
    return std::ldexp(static_cast<double>(hidden + mantissa), exponent - format.bias - format.mantissa_bits);
}

double decode_floating(const NumberFormat& format, std::uint32_t code) {
    const auto magnitude_bits = format.exponent_bits + format.mantissa_bits;
    const auto largest = static_cast<std::uint32_t>((std::uint64_t{1} << magnitude_bits) - 1);
    const auto magnitude = code & largest;
    auto value = plain_magnitude(format, magnitude);
    if (format.specials == SpecialCodes::not_a_number && magnitude == largest) value = not_a_number;
    if (format.specials == SpecialCodes::infinities_too) {
        const auto infinite = largest >> format.mantissa_bits << format.mantissa_bits;
        if (magnitude == infinite) value = infinity;
        if (magnitude > infinite) value = not_a_number;
    }
    return format.has_sign && (code >> magnitude_bits) != 0 ? -value : value;
}

void require_table(const NumberFormat& format) {
    if (format.bits <= 16) return;
    throw std::invalid_argument("the format " + std::string(format.name) + " has " +
                                std::to_string(format.bits) + " bits; allowed: formats of up to 16 bits");
}

bool is_symmetric(const NumberFormat& format, IntegerRange range) {
    return format.family == FormatFamily::integer &&
           (range == IntegerRange::symmetric || format.fraction_bits > 0);
}

// True when a number exactly between `lower` and `upper` goes up.
bool tie_goes_up(TieRule rule, double lower, double upper, bool upper_is_even) {
    switch (rule) {
        case TieRule::to_even:
            return upper_is_even;
        case TieRule::half_away:
            return std::abs(upper) > std::abs(lower);
        case TieRule::half_up:
            return true;
        case TieRule::half_down:
            break;
    }
    return false;
}

}  // namespace

double decode(const NumberFormat& format, std::uint32_t code) {
    if (format.bits < 32 && (code >> format.bits) != 0) {
        throw std::out_of_range("the code does not fit the " + std::to_string(format.bits) + " bits of " +
                                std::string(format.name));
    }
    return format.family == FormatFamily::integer ? decode_integer(format, code)
                                                  : decode_floating(format, code);
}

std::vector<double> decode_table(const NumberFormat& format) {
    require_table(format);
    std::vector<double> values(std::size_t{1} << format.bits);
    for (std::uint32_t code = 0; code < values.size(); ++code) values[code] = decode(format, code);
    return values;
}

double largest_value(const NumberFormat& format) {
    if (format.family == FormatFamily::integer) return decode_integer(format, (1U << (format.bits - 1)) - 1);
    const auto magnitude_bits = format.exponent_bits + format.mantissa_bits;
    const auto all_ones = static_cast<std::uint32_t>((std::uint64_t{1} << magnitude_bits) - 1);
    switch (format.specials) {
        case SpecialCodes::not_a_number:
            return plain_magnitude(format, all_ones - 1);
        case SpecialCodes::infinities_too:
            return plain_magnitude(format, (all_ones >> format.mantissa_bits << format.mantissa_bits) - 1);
        case SpecialCodes::none:
            break;
    }
    return plain_magnitude(format, all_ones);
}

int unit_exponent(const NumberFormat& format) {
    if (format.family == FormatFamily::integer) return -format.fraction_bits;
    return (format.has_sign ? 1 : 0) - format.bias - format.mantissa_bits;
}

Codec::Tables::Tables(const NumberFormat& format, Conversion conversion) : values(decode_table(format)) {
    const bool symmetric = is_symmetric(format, conversion.range);
    for (std::uint32_t code = 0; code < values.size(); ++code) {
        const auto value = values[code];
        if (std::isnan(value)) {
            // The positive quiet NaN, of whose mantissa the top bit alone is set (IEEE 754-2019, 6.2.1),
            // where there are several. The first one follows infinity.
            const auto quiet = format.specials == SpecialCodes::infinities_too
                                   ? (code - 1) | (1U << (format.mantissa_bits - 1))
                                   : code;
            if (!not_a_number) not_a_number = quiet;
        } else if (value == 0 && std::signbit(value)) {
            negative_zero = code;
        } else if (std::isfinite(value) && !(symmetric && code == values.size() / 2)) {
            codes.push_back(static_cast<std::uint16_t>(code));
        }
    }
    std::sort(codes.begin(), codes.end(), [&](auto a, auto b) { return values[a] < values[b]; });
    const auto add_threshold = [&](double lower, double upper, bool upper_is_even) {
        const auto middle = lower + (upper - lower) / 2;  // exact: both have few bits
        const bool up = tie_goes_up(conversion.ties, lower, upper, upper_is_even);
        return up ? middle : std::nextafter(middle, infinity);
    };
    for (std::size_t i = 0; i + 1 < codes.size(); ++i) {
        thresholds.push_back(add_threshold(values[codes[i]], values[codes[i + 1]], codes[i + 1] % 2 == 0));
    }
    arithmetic = format.family != FormatFamily::integer && format.has_sign && format.mantissa_bits > 0 &&
                 conversion.ties == TieRule::to_even;
    largest_magnitude = codes.back();
    beyond_magnitude = largest_magnitude;
    if (conversion.overflow == Overflow::saturate || format.specials == SpecialCodes::none) return;
    ++beyond_magnitude;
    // Beyond the largest value: what rounds to the next value of an unbounded exponent overflows. Its code
    // would be the largest code plus one.
    const auto last = codes.back();
    const auto largest = values[last];
    const auto next = format.mantissa_bits == 0 ? 2 * largest : 2 * largest - values[last - 1];
    const bool next_is_even = last % 2 == 1;
    thresholds.push_back(add_threshold(largest, next, next_is_even));
    codes.push_back(static_cast<std::uint16_t>(last + 1));
    if (!format.has_sign) return;
    thresholds.insert(thresholds.begin(), add_threshold(-next, -largest, !next_is_even));
    const auto sign = 1U << (format.bits - 1);
    codes.insert(codes.begin(), static_cast<std::uint16_t>((last + 1U) | sign));
}

std::shared_ptr<const Codec::Tables> Codec::shared_tables(const NumberFormat& format, Conversion conversion) {
    using Key = std::tuple<std::string_view, TieRule, Overflow, IntegerRange>;
    static std::mutex mutex;
    static std::map<Key, std::shared_ptr<const Tables>> made;
    const std::lock_guard lock(mutex);
    auto& tables = made[{format.name, conversion.ties, conversion.overflow, conversion.range}];
    if (tables == nullptr) tables = std::make_shared<const Tables>(format, conversion);
    return tables;
}

Codec::Codec(const NumberFormat& format, Conversion conversion)
    : format_(format), tables_(shared_tables(format, conversion)) {}

std::uint32_t Codec::rounded_magnitude(double magnitude) const {
    // Steps are 2^-mantissa_bits of the number's power of two, or of the smallest normal one below it.
    const auto bits = std::bit_cast<std::uint64_t>(magnitude);
    const auto exponent = std::max(static_cast<int>(bits >> 52) - 1023, 1 - format_.bias);
    const auto binade = exponent + format_.bias - 1;
    if (binade > 1 << format_.exponent_bits) return tables_->beyond_magnitude;
    // Exact: a power of two, and no result is subnormal since steps are far above 2^-1022.
    const auto scale =
        std::bit_cast<double>(static_cast<std::uint64_t>(1023 + format_.mantissa_bits - exponent) << 52);
    // In binary64 the sum keeps no fraction and rounds it to even.
    constexpr double no_fraction = 4503599627370496.0;  // 2^52
    const auto steps = (magnitude * scale + no_fraction) - no_fraction;
    const auto code =
        (static_cast<std::uint32_t>(binade) << format_.mantissa_bits) + static_cast<std::uint32_t>(steps);
    return code > tables_->largest_magnitude ? tables_->beyond_magnitude : code;
}

std::optional<std::uint32_t> Codec::encode(double number) const {
    if (tables_->arithmetic && std::isfinite(number)) {
        const auto sign = std::signbit(number) ? 1U << (format_.bits - 1) : 0U;
        return rounded_magnitude(std::abs(number)) | sign;
    }
    if (std::isnan(number)) {
        if (!tables_->not_a_number || !format_.has_sign) return tables_->not_a_number;
        const auto sign = std::signbit(number) ? 1U << (format_.bits - 1) : 0U;
        return *tables_->not_a_number | sign;
    }
    if (!format_.has_sign && number <= 0) return std::nullopt;
    const auto place = std::upper_bound(tables_->thresholds.begin(), tables_->thresholds.end(), number) -
                       tables_->thresholds.begin();
    const std::uint32_t code = tables_->codes[static_cast<std::size_t>(place)];
    if (code == tables_->zero && tables_->negative_zero && std::signbit(number))
        return tables_->negative_zero;
    return code;
}

}  // namespace tilewright::models
