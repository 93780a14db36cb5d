// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_super_resolution.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tilewright::models {

namespace {

const SuperResolutionConfig& checked(const SuperResolutionConfig& config,
                                     const SuperResolutionWeights& weights,
                                     const SuperResolutionRecipe& recipe) {
    check_super_resolution(config, weights);
    if (recipe.weights.dual || recipe.activations.dual) {
        throw std::invalid_argument("a dual format in a super-resolution network; allowed: one format");
    }
    return config;
}

Quantization feature_map_quantization(const NumberFormat& format) {
    if (!format.has_sign) {
        throw std::invalid_argument("feature maps in " + std::string(format.name) +
                                    "; allowed: formats with a sign");
    }
    Quantization result;
    result.format = format;
    return result;
}

QuantizedConvolution quantized(const ConvolutionWeights& weights, std::int64_t outputs, std::int64_t inputs,
                               const SuperResolutionRecipe& recipe) {
    return {outputs,
            inputs,
            weights.weights,
            weights.bias,
            row_quantization(recipe.weights, convolution_taps * inputs),
            row_quantization(recipe.activations, inputs),
            recipe.ties};
}

FeatureMap<float> convolved(const QuantizedConvolution& convolution, const FeatureMap<float>& map) {
    return {map.size, convolution.outputs(),
            convolution.rows(convolution.quantize(map), {0, map.size.height})};
}

}  // namespace

QuantizedSuperResolution::QuantizedSuperResolution(const SuperResolutionConfig& config,
                                                   const SuperResolutionWeights& weights,
                                                   const SuperResolutionRecipe& recipe)
    : config_(checked(config, weights, recipe)),
      feature_map_(feature_map_quantization(recipe.feature_map), recipe.ties),
      head_(quantized(weights.head, config.channels, config.colors, recipe)),
      tail_(quantized(weights.tail, config.colors, config.channels, recipe)) {
    for (const auto& unit : weights.units) {
        units_.push_back(prepare_binary_unit(unit, units_.size() % 2 == 0));
    }
    for (const auto& stage : weights.upsample) {
        upsample_.push_back(quantized(stage, 4 * config.channels, config.channels, recipe));
    }
}

void QuantizedSuperResolution::round(std::span<float> values) const {
    std::vector<double> numbers(values.begin(), values.end());
    feature_map_.round(numbers);
    std::transform(numbers.begin(), numbers.end(), values.begin(),
                   [](double number) { return static_cast<float>(number); });
}

ChannelFactors QuantizedSuperResolution::factors(const QuantizedBinaryUnit& unit,
                                                 const FeatureMap<float>& x) const {
    ChannelAverage average(x.channels);
    average.add(x.values);
    return channel_factors(unit, average.averages());
}

SignMap QuantizedSuperResolution::signs(const FeatureMap<float>& x, std::span<const float> shifts) const {
    SignMap result(x.size, x.channels);
    for (std::int64_t row = 0; row < x.size.height; ++row) {
        for (std::int64_t column = 0; column < x.size.width; ++column) {
            set_shifted_signs(result, row, column, x.pixel(row, column), shifts);
        }
    }
    return result;
}

std::vector<float> QuantizedSuperResolution::unit_rows(const QuantizedBinaryUnit& unit,
                                                       std::span<const float> gains, const SignMap& signs,
                                                       const FeatureMap<float>& x,
                                                       const RowRange& range) const {
    const auto dots = unit.convolution.rows(signs, range);
    const auto input = x.rows(range);
    const auto depth = static_cast<std::size_t>(x.channels);
    std::vector<float> result(input.begin(), input.end());
    for (std::size_t start = 0; start < result.size(); start += depth) {
        rescale_and_add(unit, gains, pixel_factor(unit, input.subspan(start, depth)),
                        std::span(dots).subspan(start, depth), std::span(result).subspan(start, depth));
    }
    round(result);
    return result;
}

FeatureMap<float> QuantizedSuperResolution::unit(const QuantizedBinaryUnit& unit, const FeatureMap<float>& x,
                                                 std::vector<SignMap>* seen) const {
    if (!x.whole() || x.channels != unit.convolution.inputs()) {
        throw std::invalid_argument("the input of a binary unit is not whole pixels of its channels");
    }
    const auto channel = factors(unit, x);
    auto map = signs(x, channel.shifts);
    FeatureMap<float> y(x.size, x.channels, unit_rows(unit, channel.gains, map, x, {0, x.size.height}));
    if (seen != nullptr) seen->push_back(std::move(map));
    return y;
}

FeatureMap<float> QuantizedSuperResolution::run(const FeatureMap<float>& image,
                                                std::vector<SignMap>* seen) const {
    check_super_resolution_image(config_, image);
    auto head = convolved(head_, image);
    round(head.values);
    auto x = head;
    for (const auto& each : units_) x = unit(each, x, seen);
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += head.values[i];
    round(x.values);
    for (const auto& stage : upsample_) {
        const auto wide = convolved(stage, x);
        x = {{2 * x.size.height, 2 * x.size.width},
             x.channels,
             pixel_shuffle(std::span(wide.values), x.size.width, x.channels)};
        round(x.values);
    }
    return convolved(tail_, x);
}

}  // namespace tilewright::models
