// SPDX-License-Identifier: Apache-2.0
#include "models/networks/super_resolution_reference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "models/index.hpp"
#include "models/networks/float64_operators.hpp"

namespace tilewright::models {

namespace {

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

void check_size(const std::string& name, const std::vector<float>& tensor, std::int64_t size) {
    if (tensor.size() == index(size)) return;
    throw std::invalid_argument(name + " of a super-resolution network has " + std::to_string(tensor.size()) +
                                " elements; allowed: " + std::to_string(size));
}

void check_count(const std::string& name, std::size_t count, std::int64_t expected) {
    if (count == index(expected)) return;
    throw std::invalid_argument("a super-resolution network has " + std::to_string(count) + " " + name +
                                "; allowed: " + std::to_string(expected));
}

void check_convolution(const std::string& name, const ConvolutionWeights& convolution, std::int64_t outputs,
                       std::int64_t inputs) {
    check_size(name, convolution.weights, outputs * convolution_taps * inputs);
    check_size(name + "'s bias", convolution.bias, outputs);
}

FeatureMap<double> convolve(const ConvolutionWeights& convolution, const FeatureMap<double>& map) {
    const auto outputs = convolution.bias.size();
    const auto depth = index(map.channels);
    const auto inputs = index(convolution_taps) * depth;
    // By inputs, so that all outputs of a pixel are summed side by side.
    std::vector<double> by_input(outputs * inputs);
    for (std::size_t n = 0; n < outputs; ++n) {
        for (std::size_t k = 0; k < inputs; ++k) {
            by_input[k * outputs + n] = static_cast<double>(convolution.weights[n * inputs + k]);
        }
    }
    FeatureMap<double> result(map.size, static_cast<std::int64_t>(outputs));
    for (std::int64_t y = 0; y < map.size.height; ++y) {
        for (std::int64_t x = 0; x < map.size.width; ++x) {
            auto sums = result.pixel(y, x);
            std::copy(convolution.bias.begin(), convolution.bias.end(), sums.begin());
            for_each_tap_inside(map.size, y, x, [&](std::size_t tap, std::int64_t tap_y, std::int64_t tap_x) {
                const auto from = map.pixel(tap_y, tap_x);
                for (std::size_t c = 0; c < depth; ++c) {
                    const auto* weights = &by_input[(tap * depth + c) * outputs];
                    for (std::size_t n = 0; n < outputs; ++n) sums[n] += weights[n] * from[c];
                }
            });
        }
    }
    return result;
}

FeatureMap<double> upsample(const ConvolutionWeights& convolution, const FeatureMap<double>& map) {
    const auto wide = convolve(convolution, map);
    return {{2 * map.size.height, 2 * map.size.width},
            map.channels,
            pixel_shuffle(std::span(wide.values), map.size.width, map.channels)};
}

}  // namespace

void check_super_resolution(const SuperResolutionConfig& config, const SuperResolutionWeights& weights) {
    check_super_resolution_config(config);
    const auto c = config.channels;
    const auto h = config.hidden;
    check_convolution("head", weights.head, c, config.colors);
    check_count("units", weights.units.size(), config.units());
    for (std::size_t number = 0; number < weights.units.size(); ++number) {
        const auto& unit = weights.units[number];
        const auto name = "body." + std::to_string(number) + ".";
        check_size(name + "channel.fc1", unit.fc1, h * c);
        check_size(name + "channel.fc1's bias", unit.fc1_bias, h);
        check_size(name + "channel.fc2", unit.fc2, 2 * c * h);
        check_size(name + "channel.fc2's bias", unit.fc2_bias, 2 * c);
        check_size(name + "spatial", unit.spatial, c);
        check_size(name + "spatial's bias", unit.spatial_bias, 1);
        check_size(name + "conv", unit.convolution, c * convolution_taps * c);
    }
    check_count("doublings", weights.upsample.size(), config.stages());
    for (std::size_t stage = 0; stage < weights.upsample.size(); ++stage) {
        check_convolution("upsample." + std::to_string(stage), weights.upsample[stage], 4 * c, c);
    }
    check_convolution("tail", weights.tail, config.colors, c);
}

std::vector<double> binary_weight_scales(const std::vector<float>& weights, std::int64_t outputs) {
    std::vector<double> scales(index(outputs));
    const auto row = weights.size() / scales.size();
    for (std::size_t i = 0; i < weights.size(); ++i) {
        scales[i / row] += std::abs(static_cast<double>(weights[i]));
    }
    for (auto& scale : scales) scale /= static_cast<double>(row);
    return scales;
}

FeatureMap<double> super_resolution_unit(const SuperResolutionUnitWeights& weights,
                                         const FeatureMap<double>& x, bool first_of_block,
                                         SuperResolutionProbe* probe) {
    const auto depth = index(x.channels);
    std::vector<double> averages(depth);
    for (std::size_t i = 0; i < x.values.size(); ++i) averages[i % depth] += x.values[i];
    for (auto& average : averages) average /= static_cast<double>(x.size.pixels());
    auto hidden = linear_rows(weights.fc1, weights.fc1_bias, averages, depth);
    for (auto& value : hidden) value = std::max(value, 0.0);
    // Shifts, then gains.
    const auto branch = linear_rows(weights.fc2, weights.fc2_bias, hidden, hidden.size());

    SignMap signs(x.size, x.channels);
    std::vector<double> shifted(depth);
    for (std::int64_t row = 0; row < x.size.height; ++row) {
        for (std::int64_t column = 0; column < x.size.width; ++column) {
            const auto pixel = x.pixel(row, column);
            for (std::size_t c = 0; c < depth; ++c) shifted[c] = pixel[c] + branch[c];
            signs.set_pixel(row, column, std::span<const double>(shifted));
        }
    }
    const BinaryConvolution convolution(x.channels, x.channels,
                                        pack_signs(std::span(weights.convolution), x.channels));
    const auto dots = convolution.rows(signs, {0, x.size.height});
    const auto scales = binary_weight_scales(weights.convolution, x.channels);
    const auto logits = linear_rows(weights.spatial, weights.spatial_bias, x.values, depth);
    auto y = x;
    double squares = 0;
    for (std::size_t i = 0; i < y.values.size(); ++i) {
        const auto c = i % depth;
        auto& value = y.values[i];
        value += dots[i] * scales[c] * sigmoid(logits[i / depth]) * sigmoid(branch[depth + c]);
        if (first_of_block && value < 0) value *= leaky_relu_slope;
        squares += value * value;
    }
    if (probe != nullptr) {
        probe->signs.push_back(std::move(signs));
        probe->root_mean_squares.push_back(std::sqrt(squares / static_cast<double>(y.values.size())));
    }
    return y;
}

FeatureMap<double> super_resolve(const SuperResolutionConfig& config, const SuperResolutionWeights& weights,
                                 const FeatureMap<double>& image, SuperResolutionProbe* probe) {
    check_super_resolution(config, weights);
    check_super_resolution_image(config, image);
    const auto head = convolve(weights.head, image);
    auto x = head;
    for (std::size_t number = 0; number < weights.units.size(); ++number) {
        x = super_resolution_unit(weights.units[number], x, number % 2 == 0, probe);
    }
    if (probe != nullptr) {
        probe->head = head.values;
        probe->units = x.values;
    }
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += head.values[i];
    for (const auto& stage : weights.upsample) x = upsample(stage, x);
    return convolve(weights.tail, x);
}

}  // namespace tilewright::models
