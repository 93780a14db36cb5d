// SPDX-License-Identifier: Apache-2.0
#include "models/formats/group_encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace tilewright::models {

namespace {

constexpr std::uint32_t infinite_bits = 0x7f800000;
constexpr std::size_t most_groups = 64;       // of a chunk
constexpr std::size_t chunk_elements = 4096;  // stay in the first cache between the two passes

const NumberFormat& checked_format(const NumberFormat& format) {
    if (format.has_sign) return format;
    throw std::invalid_argument("the format " + std::string(format.name) +
                                " is for scales; allowed: formats with a sign");
}

GroupScaling checked_scaling(const GroupScaling& scaling) {
    if (scaling.group > 0) return scaling;
    throw std::invalid_argument("a group of 0 elements; allowed: at least 1");
}

// The largest finite magnitude; counts the others.
float finite_absmax(std::span<const float> values, SpecialCounts& counts) {
    float absmax = 0;
    for (const auto value : values) {
        if (std::isnan(value)) {
            ++counts.nan_count;
        } else if (std::isinf(value)) {
            ++counts.infinite_count;
        } else {
            absmax = std::max(absmax, std::abs(value));
        }
    }
    return absmax;
}

}  // namespace

GroupEncoder::GroupEncoder(const NumberFormat& format, const GroupScaling& scaling)
    : scaling_(checked_scaling(scaling)),
      codec_(checked_format(format), {scaling.ties, Overflow::saturate, IntegerRange::symmetric}),
      largest_(largest_value(format)),
      units_fit_(std::ldexp(largest_, -unit_exponent(format)) <= 127),
      rule_(encode_rule(format, scaling.ties)) {}

float GroupEncoder::scale_of(float absmax) const {
    switch (scaling_.rule) {
        case ScaleRule::absmax:
            return absmax_scale(absmax, largest_);
        case ScaleRule::power_of_two:
            return power_of_two_scale(absmax, largest_);
        case ScaleRule::mx:
            break;
    }
    return f32_power_of_two(
        absmax == 0 ? -e8m0_bias : mx_scale_exponent(codec_.format(), largest_, absmax, scaling_.mx_mode));
}

template <typename Result>
void GroupEncoder::encode_one_by_one(std::span<const float> values, float divisor,
                                     std::span<Result> out) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto code = codec_.encode(values[i] / divisor).value_or(0);
        if constexpr (std::is_same_v<Result, std::uint16_t>) {
            out[i] = static_cast<Result>(code);
        } else {
            const auto value = codec_.decode(code);
            const auto units = std::isnan(value) ? 0 : std::ldexp(value, -unit_exponent(codec_.format()));
            out[i] = static_cast<Result>(units);
        }
    }
}

template <typename Result>
SpecialCounts GroupEncoder::encode_chunk(std::span<const float> values, std::span<Result> out,
                                         std::span<float> scales) const {
    std::array<std::uint32_t, most_groups> magnitudes{};
    std::array<float, most_groups> divisors{};
    group_magnitudes(values, scaling_.group, {magnitudes.data(), scales.size()});
    SpecialCounts counts;
    bool special = !rule_.has_value();
    const auto group_of = [&](auto all, std::size_t g) {
        const auto start = g * scaling_.group;
        return all.subspan(start, std::min(scaling_.group, all.size() - start));
    };
    for (std::size_t g = 0; g < scales.size(); ++g) {
        auto absmax = std::bit_cast<float>(magnitudes[g]);
        bool not_finite = false;
        if (magnitudes[g] >= infinite_bits) {
            absmax = finite_absmax(group_of(values, g), counts);
            special = not_finite = true;
        }
        scales[g] = scaling_.rule == ScaleRule::mx && not_finite ? std::numeric_limits<float>::quiet_NaN()
                                                                 : scale_of(absmax);
        divisors[g] = scales[g] == 0 ? 1 : scales[g];
    }
    if (rule_) {
        const std::span<const float> used(divisors.data(), scales.size());
        if constexpr (std::is_same_v<Result, std::uint16_t>) {
            encode_groups(values, scaling_.group, used, *rule_, out);
        } else {
            encode_group_units(values, scaling_.group, used, *rule_, out);
        }
    }
    if (!special) return counts;
    for (std::size_t g = 0; g < scales.size(); ++g) {
        if (rule_ && magnitudes[g] < infinite_bits) continue;
        const auto part = group_of(out, g);
        if (std::isnan(scales[g])) {
            std::fill(part.begin(), part.end(), Result{0});
        } else {
            encode_one_by_one(group_of(values, g), divisors[g], part);
        }
    }
    return counts;
}

template <typename Result>
SpecialCounts GroupEncoder::encode_any(std::span<const float> values, std::span<Result> out,
                                       std::span<float> scales) const {
    if (out.size() != values.size() || scales.size() != groups(values.size())) {
        throw std::invalid_argument(std::to_string(values.size()) + " values into " +
                                    std::to_string(out.size()) + " codes and " +
                                    std::to_string(scales.size()) + " scales; allowed: equal numbers and " +
                                    std::to_string(groups(values.size())) + " scales");
    }
    const auto chunk = std::clamp(chunk_elements / scaling_.group, std::size_t{1}, most_groups);
    SpecialCounts counts;
    for (std::size_t first = 0; first < scales.size(); first += chunk) {
        const auto count = std::min(chunk, scales.size() - first);
        const auto start = first * scaling_.group;
        const auto elements = std::min(count * scaling_.group, values.size() - start);
        const auto part = encode_chunk(values.subspan(start, elements), out.subspan(start, elements),
                                       scales.subspan(first, count));
        counts.nan_count += part.nan_count;
        counts.infinite_count += part.infinite_count;
    }
    return counts;
}

SpecialCounts GroupEncoder::encode(std::span<const float> values, std::span<std::uint16_t> codes,
                                   std::span<float> scales) const {
    return encode_any(values, codes, scales);
}

SpecialCounts GroupEncoder::encode_units(std::span<const float> values, std::span<std::int8_t> units,
                                         std::span<float> scales) const {
    if (!units_fit_) {
        throw std::invalid_argument("the values of " + std::string(codec_.format().name) +
                                    " do not fit 8 bits; allowed: formats of at most 127 steps");
    }
    return encode_any(values, units, scales);
}

}  // namespace tilewright::models
