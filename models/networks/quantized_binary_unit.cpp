// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_binary_unit.hpp"

#include <algorithm>
#include <stdexcept>

#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

namespace {

constexpr auto slope = static_cast<float>(leaky_relu_slope);

}  // namespace

QuantizedBinaryUnit prepare_binary_unit(const SuperResolutionUnitWeights& weights, bool first_of_block) {
    const auto channels = static_cast<std::int64_t>(weights.spatial.size());
    const auto scales = binary_weight_scales(weights.convolution, channels);
    return {weights.fc1,
            weights.fc1_bias,
            weights.fc2,
            weights.fc2_bias,
            weights.spatial,
            weights.spatial_bias,
            BinaryConvolution(channels, channels, pack_signs(std::span(weights.convolution), channels)),
            std::vector<float>(scales.begin(), scales.end()),
            first_of_block};
}

void ChannelAverage::add(std::span<const float> pixels) {
    if (pixels.size() % sums_.size() != 0) throw std::invalid_argument("an average over parts of a pixel");
    for (std::size_t i = 0; i < pixels.size(); ++i) sums_[i % sums_.size()] += static_cast<double>(pixels[i]);
    pixels_ += static_cast<std::int64_t>(pixels.size() / sums_.size());
}

std::vector<float> ChannelAverage::averages() const {
    std::vector<float> result;
    result.reserve(sums_.size());
    for (const auto sum : sums_) result.push_back(static_cast<float>(sum / static_cast<double>(pixels_)));
    return result;
}

std::vector<float> channel_hidden(const QuantizedBinaryUnit& unit, std::span<const float> averages) {
    auto hidden = linear_float(unit.fc1, unit.fc1_bias, averages);
    for (auto& value : hidden) value = std::max(value, 0.0F);
    return hidden;
}

std::vector<float> channel_branch(const QuantizedBinaryUnit& unit, std::span<const float> hidden) {
    return linear_float(unit.fc2, unit.fc2_bias, hidden);
}

ChannelFactors branch_factors(std::span<const float> branch) {
    const auto gains = branch.begin() + static_cast<std::ptrdiff_t>(branch.size() / 2);
    ChannelFactors factors{{branch.begin(), gains}, {gains, branch.end()}};
    for (auto& gain : factors.gains) gain = sigmoid_float(gain);
    return factors;
}

ChannelFactors channel_factors(const QuantizedBinaryUnit& unit, std::span<const float> averages) {
    return branch_factors(channel_branch(unit, channel_hidden(unit, averages)));
}

float pixel_factor(const QuantizedBinaryUnit& unit, std::span<const float> pixel) {
    return sigmoid_float(linear_float(unit.spatial, unit.spatial_bias, pixel)[0]);
}

std::vector<float> pixel_factors(const QuantizedBinaryUnit& unit, std::span<const float> pixels) {
    const auto depth = unit.spatial.size();
    std::vector<float> factors;
    factors.reserve(pixels.size() / depth);
    for (; !pixels.empty(); pixels = pixels.subspan(depth)) {
        factors.push_back(pixel_factor(unit, pixels.first(depth)));
    }
    return factors;
}

void set_shifted_signs(SignMap& signs, std::int64_t y, std::int64_t x, std::span<const float> pixel,
                       std::span<const float> shifts) {
    std::vector<float> shifted(pixel.begin(), pixel.end());
    for (std::size_t c = 0; c < shifted.size(); ++c) shifted[c] += shifts[c];
    signs.set_pixel(y, x, std::span<const float>(shifted));
}

void rescale_and_add(const QuantizedBinaryUnit& unit, std::span<const float> gains, float factor,
                     std::span<const std::int32_t> dots, std::span<float> pixel) {
    for (std::size_t c = 0; c < pixel.size(); ++c) {
        const auto scaled = static_cast<float>(dots[c]) * unit.scales[c];
        const auto by_pixel = scaled * factor;
        auto& value = pixel[c];
        value += by_pixel * gains[c];
        if (unit.first_of_block && value < 0) value *= slope;
    }
}

}  // namespace tilewright::models
