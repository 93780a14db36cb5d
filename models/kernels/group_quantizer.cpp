// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/group_quantizer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "models/kernels/bit_stream.hpp"

namespace tilewright::models {

namespace {

std::uint32_t float_bits(double number) {
    return std::bit_cast<std::uint32_t>(static_cast<float>(number));
}

}  // namespace

double round_to_integer(double number, TieRule ties) {
    switch (ties) {
        case TieRule::to_even:
            return std::nearbyint(number);  // the default rounding mode
        case TieRule::half_away:
            return std::round(number);
        case TieRule::half_up: {
            // floor(number + 0.5) would round the sum: 0.49999999999999994 must stay below.
            const auto low = std::floor(number);
            return number - low >= 0.5 ? low + 1 : low;
        }
        case TieRule::half_down: {
            const auto high = std::ceil(number);
            return high - number >= 0.5 ? high - 1 : high;
        }
    }
    return number;
}

double round_to_fixed_point(double number, int exponent, int bits, TieRule ties) {
    const auto most = power_of_two(bits - 1) - 1;
    const auto steps = round_to_integer(number * power_of_two(-exponent), ties);
    // + 0.0: integers have no negative zero.
    return (std::clamp(steps, -most, most) + 0.0) * power_of_two(exponent);
}

GroupQuantizer::GroupQuantizer(const Quantization& quantization, TieRule ties)
    : quantization_(quantization),
      ties_(ties),
      group_(static_cast<std::size_t>(std::max<std::int64_t>(quantization.group_size, 1))),
      largest_(largest_value(quantization.format)),
      format_exponent_(unit_exponent(quantization.format)),
      integer_(quantization.format.family == FormatFamily::integer) {
    if (quantization.scale_kind == ScaleKind::sum_of_two_powers) {
        throw std::invalid_argument("sums of two powers are found offline, for weights");
    }
    const Conversion conversion{ties, Overflow::saturate, IntegerRange::symmetric};
    constexpr int widest_table = 16;
    if (quantization.format.bits <= widest_table) {
        codec_.emplace_back(quantization.format, conversion);
    } else if (quantization.group_size > 0) {
        throw std::invalid_argument("formats of more than 16 bits have no scales");
    }
    if (quantization.scale_kind == ScaleKind::floating_point && quantization.scale_bits == 16) {
        scale_codec_.emplace_back(number_format("fp16"));
    }
}

double GroupQuantizer::scale_of(std::span<const double> group) const {
    double absmax = 0;
    for (const auto value : group) {
        if (std::isnan(value)) throw std::invalid_argument("a value is not a number");
        absmax = std::max(absmax, std::abs(value));
    }
    if (quantization_.scale_kind == ScaleKind::floating_point) {
        return nearest_scale(absmax / largest_);
    }
    const auto least = quantization_.scale_exponent_min;
    const auto most = least + (1 << quantization_.scale_bits) - 1;
    if (absmax < std::numeric_limits<double>::min()) return power_of_two(least);
    if (std::isinf(absmax)) return power_of_two(most);
    return power_of_two(std::clamp(covering_exponent(absmax, largest_), least, most));
}

double GroupQuantizer::nearest_scale(double scale) const {
    if (scale_codec_.empty()) return static_cast<double>(static_cast<float>(scale));
    return scale_codec_[0].decode(*scale_codec_[0].encode(scale));
}

bool GroupQuantizer::holds(double scale, std::span<const double> rounded) const {
    return std::all_of(rounded.begin(), rounded.end(),
                       [&](double value) { return round_unscaled(value / scale) * scale == value; });
}

// A scale that was rounded up leaves the largest code unused, so that the one of the rounded values may be
// another: the largest of them is some code times the scale.
double GroupQuantizer::scale_that_holds(std::span<const double> rounded) const {
    double absmax = 0;
    for (const auto value : rounded) absmax = std::max(absmax, std::abs(value));
    if (absmax == 0) return scale_of(rounded);
    for (int code = (1 << (quantization_.format.bits - 1)) - 1; code > 0; --code) {
        const auto largest = integer_ ? std::ldexp(code, format_exponent_)
                                      : codec_[0].decode(static_cast<std::uint16_t>(code));
        if (!std::isfinite(largest)) continue;
        const auto scale = nearest_scale(absmax / largest);
        if (scale > 0 && std::isfinite(scale) && holds(scale, rounded)) return scale;
    }
    return scale_of(rounded);
}

double GroupQuantizer::round_unscaled(double number) const {
    if (integer_) return round_to_fixed_point(number, format_exponent_, quantization_.format.bits, ties_);
    if (codec_.empty()) return static_cast<double>(static_cast<float>(number));  // fp32
    return codec_[0].decode(*codec_[0].encode(number));
}

void GroupQuantizer::round(std::span<double> values, std::span<int> unit_exponents) const {
    if (quantization_.group_size == 0) {
        for (auto& value : values) {
            if (std::isnan(value)) throw std::invalid_argument("a value is not a number");
            value = round_unscaled(value);
        }
        return;
    }
    const bool shifts = quantization_.scale_kind == ScaleKind::power_of_two;
    for (std::size_t start = 0; start < values.size(); start += group_) {
        const auto part = values.subspan(start, std::min(group_, values.size() - start));
        const auto scale = scale_of(part);
        if (!unit_exponents.empty()) {
            unit_exponents[start / group_] = std::ilogb(scale) + format_exponent_;
        }
        if (scale == 0) {
            std::fill(part.begin(), part.end(), 0.0);
            continue;
        }
        if (shifts && integer_) {
            const auto exponent = std::ilogb(scale) + format_exponent_;
            for (auto& value : part) {
                value = round_to_fixed_point(value, exponent, quantization_.format.bits, ties_);
            }
            continue;
        }
        for (auto& value : part) value = round_unscaled(value / scale) * scale;
    }
}

void GroupQuantizer::encode_group(std::span<const double> values, double scale, std::uint16_t* codes) const {
    if (integer_) {
        const auto most = power_of_two(quantization_.format.bits - 1) - 1;
        const auto steps = power_of_two(-format_exponent_);
        const auto mask = (1U << quantization_.format.bits) - 1;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const auto number = scale == 0 ? 0.0 : values[i] / scale;
            const auto step = std::clamp(round_to_integer(number * steps, ties_), -most, most);
            codes[i] = static_cast<std::uint16_t>(static_cast<std::uint32_t>(static_cast<int>(step)) & mask);
        }
        return;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        codes[i] = static_cast<std::uint16_t>(*codec_[0].encode(scale == 0 ? 0.0 : values[i] / scale));
    }
}

void GroupQuantizer::encode(std::span<const double> values, std::span<std::uint16_t> codes,
                            std::span<double> scales) const {
    for (std::size_t start = 0; start < values.size(); start += group_) {
        const auto part = values.subspan(start, std::min(group_, values.size() - start));
        scales[start / group_] = quantization_.group_size == 0 ? 1.0 : scale_of(part);
        encode_group(part, scales[start / group_], codes.data() + start);
    }
}

std::uint32_t GroupQuantizer::scale_field(double scale) const {
    if (quantization_.scale_kind == ScaleKind::power_of_two) {
        return static_cast<std::uint32_t>(std::ilogb(scale) - quantization_.scale_exponent_min);
    }
    return scale_codec_.empty() ? float_bits(scale) : *scale_codec_[0].encode(scale);
}

double GroupQuantizer::scale_of_field(std::uint32_t field) const {
    if (quantization_.scale_kind == ScaleKind::power_of_two) {
        return power_of_two(static_cast<int>(field) + quantization_.scale_exponent_min);
    }
    return scale_codec_.empty() ? static_cast<double>(std::bit_cast<float>(field))
                                : scale_codec_[0].decode(field);
}

std::vector<std::byte> GroupQuantizer::pack(std::span<const double> values,
                                            std::span<const int> unit_exponents) const {
    const auto bits = quantization_.format.bits;
    const auto place = [&](std::size_t i, int width) { return i * static_cast<std::size_t>(width); };
    const auto elements = static_cast<std::int64_t>(values.size());
    const auto value_bytes = static_cast<std::size_t>((value_bits(quantization_, elements) + 7) / 8);
    const auto scale_bytes = static_cast<std::size_t>((scale_bits(quantization_, elements) + 7) / 8);
    std::vector<std::byte> bytes(value_bytes + scale_bytes);
    const std::span<std::byte> all(bytes);
    if (codec_.empty()) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            const auto field = integer_ ? static_cast<std::uint32_t>(static_cast<std::int64_t>(
                                              std::ldexp(values[i], -format_exponent_)))
                                        : float_bits(values[i]);
            put_bits(all, place(i, bits), bits, field);
        }
        return bytes;
    }
    std::vector<std::uint16_t> codes(values.size());
    std::vector<double> scales(groups(values.size()));
    const bool scaled = quantization_.group_size > 0;
    const bool shifts = quantization_.scale_kind == ScaleKind::power_of_two;
    if (!scaled || (shifts && unit_exponents.empty())) {
        encode(values, codes, scales);  // with powers of two nothing is lost the second time
    } else {
        for (std::size_t i = 0; i < scales.size(); ++i) {
            const auto part = values.subspan(i * group_, std::min(group_, values.size() - i * group_));
            scales[i] = shifts ? power_of_two(unit_exponents[i] - format_exponent_) : scale_that_holds(part);
            encode_group(part, scales[i], codes.data() + i * group_);
        }
    }
    for (std::size_t i = 0; i < codes.size(); ++i) put_bits(all, place(i, bits), bits, codes[i]);
    if (scale_bytes == 0) return bytes;
    const auto tail = all.subspan(value_bytes);
    for (std::size_t i = 0; i < scales.size(); ++i) {
        put_bits(tail, place(i, quantization_.scale_bits), quantization_.scale_bits, scale_field(scales[i]));
    }
    return bytes;
}

std::vector<double> GroupQuantizer::unpack(std::span<const std::byte> bytes, std::size_t elements,
                                           std::span<int> unit_exponents) const {
    const auto bits = quantization_.format.bits;
    const auto place = [&](std::size_t i, int width) { return i * static_cast<std::size_t>(width); };
    const auto whole_bytes = [](std::int64_t bits_of_all) {
        return static_cast<std::size_t>((bits_of_all + 7) / 8);
    };
    const auto count = static_cast<std::int64_t>(elements);
    const auto value_bytes = whole_bytes(value_bits(quantization_, count));
    if (bytes.size() < value_bytes + whole_bytes(scale_bits(quantization_, count))) {
        throw std::invalid_argument(std::to_string(bytes.size()) + " bytes are not those of " +
                                    std::to_string(elements) + " elements");
    }
    const auto tail = bytes.subspan(value_bytes);
    std::vector<double> values(elements);
    double scale = 1;
    for (std::size_t i = 0; i < elements; ++i) {
        const auto code = get_bits(bytes, place(i, bits), bits);
        if (codec_.empty()) {
            values[i] = integer_ ? std::ldexp(static_cast<std::int32_t>(code), format_exponent_)
                                 : static_cast<double>(std::bit_cast<float>(code));
            continue;
        }
        if (quantization_.group_size > 0 && i % group_ == 0) {
            scale = scale_of_field(
                get_bits(tail, place(i / group_, quantization_.scale_bits), quantization_.scale_bits));
            if (!unit_exponents.empty()) unit_exponents[i / group_] = std::ilogb(scale) + format_exponent_;
        }
        values[i] = codec_[0].decode(code) * scale;
    }
    return values;
}

}  // namespace tilewright::models
