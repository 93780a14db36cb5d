// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/dual_linear.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "models/index.hpp"

namespace tilewright::models {

namespace {

template <typename T>
std::span<const T> part_of(std::span<const T> all, std::size_t from) {
    return all.empty() ? all : all.subspan(from);
}

}  // namespace

DualLinear::DualLinear(const Quantization& weights, const DualFormat& format, std::int64_t group,
                       std::int64_t inputs, TieRule ties)
    : weights_(weights),
      format_(format),
      group_(group),
      inputs_(inputs),
      ties_(ties),
      negative_units_(format.negative),
      positive_units_(format.positive),
      negative_step_(power_of_two(unit_exponent(format.negative) - unit_exponent(format.positive))),
      linear_(weights, Quantization{format.positive, group, ScaleKind::floating_point, 32, 0}, inputs,
              exact_accumulator, ties) {
    if (weights.scale_kind != ScaleKind::floating_point && weights.scale_kind != ScaleKind::none) {
        throw std::invalid_argument(
            "weights beside inputs of a dual format; allowed: floating-point scales or none");
    }
    if (!UnitTable(weights.format).fits()) {
        throw std::invalid_argument("weights of the format " + std::string(weights.format.name) +
                                    " beside inputs of a dual format; allowed: formats with exact sums");
    }
    if (!negative_units_.narrow() || !positive_units_.narrow()) {
        throw std::invalid_argument("a dual format of " + std::string(format.negative.name) + " and " +
                                    std::string(format.positive.name) +
                                    " in a linear layer; allowed: formats of at most 127 steps");
    }
}

DualRow DualLinear::quantize_input(std::span<const double> values) const {
    const std::vector<float> numbers(values.begin(), values.end());
    const auto quantized = quantize_dual(numbers, index(group_), format_, ties_);
    if (quantized.nan_count > 0) throw std::invalid_argument("an input is not a number");
    const auto sign = 1U << (format_.negative.bits - 1);
    DualRow row;
    row.negative.units.resize(values.size());
    row.positive.units.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto code = quantized.codes[i];
        if ((code & sign) != 0) {
            row.negative.units[i] = static_cast<std::int8_t>(negative_units_[code]);
        } else {
            row.positive.units[i] = static_cast<std::int8_t>(positive_units_[code]);
        }
    }
    for (const auto scale : quantized.negative_scales)
        row.negative.scales.push_back(static_cast<double>(scale) * negative_step_);
    row.positive.scales.assign(quantized.positive_scales.begin(), quantized.positive_scales.end());
    return row;
}

void DualLinear::accumulate(LinearSum& sum, const DualRow& input, std::int64_t begin, std::int64_t count,
                            std::span<const std::int8_t> weight_units,
                            std::span<const std::uint16_t> weight_codes,
                            std::span<const double> weight_scales) const {
    for (std::int64_t i = 0; i < count; i += segment()) {
        const auto size = std::min(segment(), count - i);
        const auto units = part_of(weight_units, index(i));
        const auto codes = part_of(weight_codes, index(i));
        const auto scales = weight_scales.empty()
                                ? weight_scales
                                : weight_scales.subspan(
                                      index((begin + i) / weights_.group_size - begin / weights_.group_size));
        linear_.accumulate(sum, input.negative, begin + i, size, units, codes, scales);
        linear_.accumulate(sum, input.positive, begin + i, size, units, codes, scales);
    }
}

std::vector<double> DualLinear::apply(const QuantizedMatrix& matrix, std::span<const double> values) const {
    const auto input = quantize_input(values);
    const auto groups = index(matrix.groups_of_row(weights_.group_size));
    const auto row = index(inputs_);
    std::vector<double> result(index(matrix.outputs));
    for (std::size_t n = 0; n < result.size(); ++n) {
        LinearSum sum;
        accumulate(sum, input, 0, inputs_, part_of(std::span<const std::int8_t>(matrix.units), n * row),
                   part_of(std::span<const std::uint16_t>(matrix.codes), n * row),
                   part_of(std::span<const double>(matrix.scales), n * groups));
        result[n] = finish(sum, matrix.scale_base);
    }
    return result;
}

}  // namespace tilewright::models
