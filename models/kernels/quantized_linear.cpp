// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/quantized_linear.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "models/kernels/exact_dot.hpp"
#include "models/kernels/exact_number.hpp"
#include "models/kernels/grouped_dot.hpp"

namespace tilewright::models {

namespace {

__extension__ using UnsignedInt128 = unsigned __int128;

int bits_of(std::int64_t value) {
    return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(value)));
}

// The binary32 number nearest to value * 2^exponent, ties to even, without rounding twice.
double round_to_float(Int128 value, int exponent) {
    const bool negative = value < 0;
    auto magnitude = static_cast<UnsignedInt128>(negative ? -value : value);
    constexpr int kept = 53;
    bool sticky = false;
    while ((magnitude >> kept) != 0) {
        sticky = sticky || (magnitude & 1) != 0;
        magnitude >>= 1;
        ++exponent;
    }
    // The lowest of 53 bits is far below what binary32 keeps, so it can stand for all that was cut off.
    if (sticky) magnitude |= 1;
    const auto number = std::ldexp(static_cast<double>(static_cast<std::uint64_t>(magnitude)), exponent);
    return static_cast<double>(static_cast<float>(negative ? -number : number));
}

std::int64_t common_segment(const Quantization& weights, const Quantization& activations) {
    if (weights.group_size == 0) return activations.group_size;
    if (activations.group_size == 0) return weights.group_size;
    return std::gcd(weights.group_size, activations.group_size);
}

// Exponents that a scale can have, and their span: (smallest, largest).
struct ExponentRange {
    int least = 0;
    int most = 0;
};

bool is_shift(const Quantization& quantization) {
    return quantization.scale_kind != ScaleKind::floating_point;
}

// Relative to the base for sums of two powers.
ExponentRange exponents(const Quantization& quantization) {
    switch (quantization.scale_kind) {
        case ScaleKind::power_of_two:
            return {quantization.scale_exponent_min,
                    quantization.scale_exponent_min + (1 << quantization.scale_bits) - 1};
        case ScaleKind::sum_of_two_powers:
            return {1 - (1 << (quantization.scale_bits / 2)), 1};
        default:
            return {0, 0};
    }
}

}  // namespace

QuantizedLinear::QuantizedLinear(const Quantization& weights, const Quantization& activations,
                                 std::int64_t inputs, int accumulator_bits, TieRule ties)
    : weights_(weights),
      activations_(activations),
      input_quantizer_(activations, ties),
      weight_units_(weights.format),
      activation_units_(activations.format),
      inputs_(inputs),
      accumulator_bits_(accumulator_bits),
      segment_(common_segment(weights, activations)),
      product_exponent_(unit_exponent(weights.format) + unit_exponent(activations.format)) {
    const bool exact = weight_units_.fits() && activation_units_.fits();
    if (segment_ == 0 || !exact) {
        mode_ = exact ? Mode::unscaled : Mode::wide_range;
        segment_ = exact ? 0 : segment_;
        // Floating-point accumulators are taken to be wide enough.
        const bool integers = weights.format.family == FormatFamily::integer &&
                              activations.format.family == FormatFamily::integer;
        if (integers) required_bits_ = models::accumulator_bits(weights.format, activations.format, inputs);
        weight_values_ = decode_table(weights.format);
        activation_values_ = decode_table(activations.format);
        return;
    }
    const auto segment_bits = models::accumulator_bits(weights.format, activations.format, segment_);
    const auto a = exponents(activations);
    const auto w = exponents(weights);
    const auto span = (a.most - a.least) + (w.most - w.least);
    const auto whole_bits = segment_bits + span + bits_of(inputs / segment_);
    constexpr int exact_in_binary64 = 53;
    const bool shifts = is_shift(weights) && is_shift(activations) && whole_bits <= exact_in_binary64;
    mode_ = shifts ? Mode::shifts : Mode::floating_scales;
    required_bits_ = shifts ? whole_bits : segment_bits;
    least_exponent_ = a.least + w.least;
}

QuantizedRow QuantizedLinear::quantize_input(std::span<const double> values) const {
    std::vector<std::uint16_t> codes(values.size());
    QuantizedRow row;
    row.scales.resize(activations_.group_size == 0 ? values.size() : input_quantizer_.groups(values.size()));
    input_quantizer_.encode(values, codes, row.scales);
    if (activations_.group_size == 0) row.scales.clear();
    if (!activation_units_.narrow()) {
        row.codes = std::move(codes);
        return row;
    }
    row.units.reserve(codes.size());
    for (const auto code : codes) row.units.push_back(static_cast<std::int8_t>(activation_units_[code]));
    return row;
}

Int128 QuantizedLinear::dot(const QuantizedRow& input, std::int64_t begin, std::int64_t count,
                            std::span<const std::int8_t> weight_units,
                            std::span<const std::uint16_t> weight_codes) const {
    Int128 sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const auto from = static_cast<std::size_t>(begin + i);
        const auto a = input.units.empty() ? activation_units_[input.codes[from]] : input.units[from];
        const auto w = weight_units.empty() ? weight_units_[weight_codes[at]] : weight_units[at];
        sum += static_cast<Int128>(a) * w;
    }
    return sum;
}

double QuantizedLinear::wide_product(const QuantizedRow& input, std::size_t from,
                                     std::span<const std::int8_t> weight_units,
                                     std::span<const std::uint16_t> weight_codes, std::size_t at) const {
    const auto a = input.units.empty() ? activation_values_[input.codes[from]]
                                       : std::ldexp(input.units[from], unit_exponent(activations_.format));
    const auto w = weight_units.empty() ? weight_values_[weight_codes[at]]
                                        : std::ldexp(weight_units[at], unit_exponent(weights_.format));
    return a * w;
}

// The value that the lowest accumulator_bits bits have in two's complement.
Int128 QuantizedLinear::wrap(Int128 sum) const {
    if (accumulator_bits_ >= required_bits_) return sum;
    const auto modulus = static_cast<Int128>(1) << accumulator_bits_;
    const auto half = modulus >> 1;
    auto rest = (sum + half) % modulus;
    if (rest < 0) rest += modulus;
    return rest - half;
}

void QuantizedLinear::accumulate(LinearSum& sum, const QuantizedRow& input, std::int64_t begin,
                                 std::int64_t count, std::span<const std::int8_t> weight_units,
                                 std::span<const std::uint16_t> weight_codes,
                                 std::span<const double> weight_scales) const {
    if (mode_ == Mode::unscaled) {
        sum.exact += dot(input, begin, count, weight_units, weight_codes);
        return;
    }
    const auto scale_a = [&](std::int64_t at) {
        return input.scales.empty() ? 1.0
                                    : input.scales[static_cast<std::size_t>(at / activations_.group_size)];
    };
    const auto scale_w = [&](std::int64_t at) {
        return weight_scales.empty() ? 1.0
                                     : weight_scales[static_cast<std::size_t>(at / weights_.group_size -
                                                                              begin / weights_.group_size)];
    };
    if (mode_ == Mode::wide_range) {
        for (std::int64_t i = 0; i < count; ++i) {
            sum.wide += wide_product(input, static_cast<std::size_t>(begin + i), weight_units, weight_codes,
                                     static_cast<std::size_t>(i)) *
                        (scale_a(begin + i) * scale_w(begin + i));
        }
        return;
    }
    // Small integers take the fast road: all segments at once.
    std::vector<std::int32_t> segment_sums;
    if (!weight_units.empty() && !input.units.empty()) {
        segment_sums.resize(static_cast<std::size_t>((count + segment_ - 1) / segment_));
        grouped_dot(
            std::span(input.units).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
            weight_units.first(static_cast<std::size_t>(count)), static_cast<std::size_t>(segment_),
            segment_sums);
    }
    for (std::int64_t i = 0; i < count; i += segment_) {
        const auto at = static_cast<std::size_t>(i);
        const auto size = std::min(segment_, count - i);
        const auto integer =
            segment_sums.empty()
                ? dot(input, begin + i, size, weight_units.empty() ? weight_units : weight_units.subspan(at),
                      weight_codes.empty() ? weight_codes : weight_codes.subspan(at))
                : Int128{segment_sums[static_cast<std::size_t>(i / segment_)]};
        const auto scale = scale_a(begin + i) * scale_w(begin + i);
        if (mode_ == Mode::floating_scales) {
            const auto product =
                static_cast<float>(static_cast<double>(wrap(integer))) * static_cast<float>(scale);
            sum.rounded += product;
            continue;
        }
        // scale / 2^least_exponent is an integer: a shift, or the sum of two.
        sum.exact += integer * static_cast<std::int64_t>(std::ldexp(scale, -least_exponent_));
    }
}

double QuantizedLinear::finish(const LinearSum& sum, int scale_base) const {
    switch (mode_) {
        case Mode::floating_scales:
            return std::ldexp(static_cast<double>(sum.rounded), product_exponent_ + scale_base);
        case Mode::shifts:
            return std::ldexp(static_cast<double>(wrap(sum.exact)),
                              least_exponent_ + product_exponent_ + scale_base);
        case Mode::unscaled:
            return round_to_float(wrap(sum.exact), product_exponent_);
        case Mode::wide_range:
            break;
    }
    return static_cast<double>(static_cast<float>(sum.wide));
}

std::vector<double> QuantizedLinear::apply(const QuantizedMatrix& matrix,
                                           std::span<const double> values) const {
    return apply(matrix, quantize_input(values));
}

std::vector<double> QuantizedLinear::apply(const QuantizedMatrix& matrix, const QuantizedRow& input) const {
    const auto groups = static_cast<std::size_t>(matrix.groups_of_row(weights_.group_size));
    const auto row = static_cast<std::size_t>(inputs_);
    std::vector<double> result(static_cast<std::size_t>(matrix.outputs));
    for (std::size_t n = 0; n < result.size(); ++n) {
        LinearSum sum;
        const std::span<const std::int8_t> units(matrix.units);
        const std::span<const std::uint16_t> codes(matrix.codes);
        const std::span<const double> scales(matrix.scales);
        accumulate(sum, input, 0, inputs_, units.empty() ? units : units.subspan(n * row, row),
                   codes.empty() ? codes : codes.subspan(n * row, row),
                   scales.empty() ? scales : scales.subspan(n * groups, groups));
        result[n] = finish(sum, matrix.scale_base);
    }
    return result;
}

std::optional<QuantizedLinear::ManyRows> QuantizedLinear::for_many_rows(const QuantizedMatrix& matrix) const {
    const bool narrow = activation_units_.narrow() && weight_units_.narrow();
    if (mode_ != Mode::floating_scales || !narrow || accumulator_bits_ < required_bits_ ||
        segment_ > static_cast<std::int64_t>(longest_exact_segment)) {
        return {};
    }
    ManyRows result{SegmentedDots(matrix.units, static_cast<std::size_t>(matrix.outputs),
                                  static_cast<std::size_t>(segment_)),
                    {},
                    std::ldexp(1.0, product_exponent_ + matrix.scale_base)};
    const auto groups = matrix.groups_of_row(weights_.group_size);
    for (std::int64_t at = 0; at < inputs_; at += segment_) {
        for (std::int64_t n = 0; n < matrix.outputs; ++n) {
            result.scales.push_back(
                groups == 0 ? 1.0
                            : matrix.scales[static_cast<std::size_t>(n * groups + at / weights_.group_size)]);
        }
    }
    return result;
}

// As accumulate() and finish(), outputs side by side.
std::vector<double> QuantizedLinear::apply(const ManyRows& matrix,
                                           std::span<const QuantizedRow> inputs) const {
    const auto& dots = matrix.dots;
    const auto outputs = dots.outputs();
    std::vector<std::int8_t> units;
    units.reserve(inputs.size() * dots.inputs());
    for (const auto& row : inputs) units.insert(units.end(), row.units.begin(), row.units.end());
    std::vector<float> sums(SegmentedDots::rows_at_once * dots.segments() * dots.stride());
    dots.sums(units, sums);
    std::vector<double> result;
    result.reserve(inputs.size() * outputs);
    std::vector<float> rounded(outputs);
    const auto* integers = sums.data();
    for (const auto& row : inputs) {
        std::fill(rounded.begin(), rounded.end(), 0.0F);
        const auto* scales = matrix.scales.data();
        for (std::size_t s = 0; s < dots.segments(); ++s, integers += dots.stride(), scales += outputs) {
            const auto group =
                static_cast<std::int64_t>(s) * segment_ / std::max<std::int64_t>(activations_.group_size, 1);
            const auto scale = row.scales.empty() ? 1.0 : row.scales[static_cast<std::size_t>(group)];
            for (std::size_t n = 0; n < outputs; ++n) {
                rounded[n] += integers[n] * static_cast<float>(scale * scales[n]);
            }
        }
        for (const auto sum : rounded) result.push_back(static_cast<double>(sum) * matrix.unit);
    }
    return result;
}

}  // namespace tilewright::models
