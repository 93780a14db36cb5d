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
    constexpr std::size_t at_once = 4096;
    std::vector<double> numbers;
    for (; !values.empty(); values = values.subspan(numbers.size())) {
        const auto part = values.first(std::min(values.size(), at_once));
        numbers.assign(part.begin(), part.end());
        feature_map_.round(numbers);
        std::transform(numbers.begin(), numbers.end(), part.begin(),
                       [](double number) { return static_cast<float>(number); });
    }
}

std::vector<float> QuantizedSuperResolution::head_rows(const QuantizedConvolution& head,
                                                       const QuantizedMap& image,
                                                       const RowRange& range) const {
    auto rows = head.rows(image, range);
    round(rows);
    return rows;
}

std::vector<float> QuantizedSuperResolution::doubled_rows(const QuantizedConvolution& stage,
                                                          const QuantizedMap& map,
                                                          const RowRange& range) const {
    const auto wide = stage.rows(map, range);
    auto rows = pixel_shuffle(std::span(wide), map.size.width, stage.outputs() / 4);
    round(rows);
    return rows;
}

std::vector<float> QuantizedSuperResolution::sum(std::span<const float> x, std::span<const float> x0) const {
    std::vector<float> result(x.size());
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = x[i] + x0[i];
    round(result);
    return result;
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
    const auto input = x.rows(range);
    return rescaled(unit, gains, pixel_factors(unit, input), unit.convolution.rows(signs, range), input);
}

std::vector<float> QuantizedSuperResolution::rescaled(const QuantizedBinaryUnit& unit,
                                                      std::span<const float> gains,
                                                      std::span<const float> factors,
                                                      std::span<const std::int32_t> dots,
                                                      std::span<const float> pixels) const {
    const auto depth = unit.scales.size();
    std::vector<float> result(pixels.begin(), pixels.end());
    for (std::size_t i = 0; i < factors.size(); ++i) {
        rescale_and_add(unit, gains, factors[i], dots.subspan(i * depth, depth),
                        std::span(result).subspan(i * depth, depth));
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
    const auto head = head_map(image);
    auto x = head;
    for (const auto& each : units_) x = unit(each, x, seen);
    return enlarged(x, head);
}

FeatureMap<float> QuantizedSuperResolution::head_map(const FeatureMap<float>& image) const {
    check_super_resolution_image(config_, image);
    return {image.size, config_.channels, head_rows(head_, head_.quantize(image), {0, image.size.height})};
}

FeatureMap<float> QuantizedSuperResolution::enlarged(const FeatureMap<float>& x,
                                                     const FeatureMap<float>& x0) const {
    FeatureMap<float> large(x.size, x.channels, sum(x.values, x0.values));
    for (const auto& stage : upsample_) {
        const auto small = stage.quantize(large);
        large = {{2 * small.size.height, 2 * small.size.width}, x.channels};
        for (std::int64_t y = 0; y < small.size.height; ++y) {
            const auto rows = doubled_rows(stage, small, {y, y + 1});
            std::copy(rows.begin(), rows.end(), large.rows({2 * y, 2 * y + 2}).begin());
        }
    }
    return {large.size, config_.colors, tail_.rows(tail_.quantize(large), {0, large.size.height})};
}

}  // namespace tilewright::models
