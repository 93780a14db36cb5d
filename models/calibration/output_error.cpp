// SPDX-License-Identifier: Apache-2.0
#include "models/calibration/output_error.hpp"

#include <array>
#include <limits>
#include <stdexcept>
#include <string>

#include "models/formats/quantize.hpp"

namespace tilewright::models {

RoundedOperand round_operand(std::span<const double> matrix, std::size_t channels,
                             const OperandRounding& rounding) {
    const auto group = rounding.scaling.group;
    if (group == 0 || channels % group != 0) {
        throw std::invalid_argument("groups of " + std::to_string(group) + " in rows of " +
                                    std::to_string(channels) + " channels; allowed: whole groups");
    }
    const std::vector<float> numbers(matrix.begin(), matrix.end());
    RoundedOperand result;
    result.scales.resize(matrix.size());
    std::vector<float> values;
    if (rounding.dual) {
        const auto quantized = quantize_dual(numbers, group, *rounding.dual, rounding.scaling.ties);
        values = dequantize_dual(quantized, group, *rounding.dual);
        for (std::size_t i = 0; i < matrix.size(); ++i) {
            const auto& scales = numbers[i] < 0 ? quantized.negative_scales : quantized.positive_scales;
            result.scales[i] = double{scales[i / group]};
        }
    } else {
        const auto quantized = quantize_groups(numbers, rounding.format, rounding.scaling);
        values = dequantize_groups(quantized, rounding.format, group);
        for (std::size_t i = 0; i < matrix.size(); ++i)
            result.scales[i] = double{quantized.scales[i / group]};
    }
    result.values.assign(values.begin(), values.end());
    return result;
}

std::vector<double> linear_outputs(std::span<const double> inputs, std::span<const double> weights,
                                   std::size_t channels) {
    const auto tokens = inputs.size() / channels;
    const auto outputs = weights.size() / channels;
    std::vector<double> result(tokens * outputs);
    constexpr std::size_t lanes = 4;  // sums in a fixed pattern that vectorizes
    for (std::size_t t = 0; t < tokens; ++t) {
        const auto* x = &inputs[t * channels];
        for (std::size_t n = 0; n < outputs; ++n) {
            const auto* w = &weights[n * channels];
            std::array<double, lanes> sums{};
            std::size_t k = 0;
            for (; k + lanes <= channels; k += lanes) {
                for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += x[k + lane] * w[k + lane];
            }
            for (; k < channels; ++k) sums[0] += x[k] * w[k];
            result[t * outputs + n] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        }
    }
    return result;
}

double output_error(const LinearSample& sample, const LinearTransform& transform,
                    const LinearRounding& rounding) {
    const auto channels = sample.channels;
    std::vector<double> inputs(sample.inputs.begin(), sample.inputs.end());
    std::vector<double> weights(sample.weights.begin(), sample.weights.end());
    apply_to_inputs(transform, inputs, channels);
    merge_into_weights(transform, weights, channels);
    const auto exact = linear_outputs(sample.inputs, sample.weights, channels);
    const auto rounded = linear_outputs(round_operand(inputs, channels, rounding.inputs).values,
                                        round_operand(weights, channels, rounding.weights).values, channels);
    double signal = 0;
    double noise = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        signal += exact[i] * exact[i];
        noise += (rounded[i] - exact[i]) * (rounded[i] - exact[i]);
    }
    if (signal == 0) return noise == 0 ? 0 : std::numeric_limits<double>::infinity();
    return noise / signal;
}

}  // namespace tilewright::models
