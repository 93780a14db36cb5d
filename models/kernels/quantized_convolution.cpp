// SPDX-License-Identifier: Apache-2.0
#include "models/kernels/quantized_convolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace tilewright::models {

namespace {

// Throws std::invalid_argument for tensors and groups that do not fit.
std::int64_t checked_inputs(std::int64_t outputs, std::int64_t inputs, std::size_t weights, std::size_t bias,
                            const Quantization& weight_quantization, const Quantization& input_quantization) {
    const auto refuse = [&](const std::string& why) {
        throw std::invalid_argument("a convolution from " + std::to_string(inputs) + " to " +
                                    std::to_string(outputs) + " channels: " + why);
    };
    if (outputs < 1 || inputs < 1 ||
        weights != static_cast<std::size_t>(outputs * convolution_taps * inputs) ||
        bias != static_cast<std::size_t>(outputs)) {
        refuse(std::to_string(weights) + " weights and " + std::to_string(bias) + " biases");
    }
    const auto whole = [&](std::int64_t group, std::int64_t row, const char* what) {
        if (group == 0 || row % group == 0) return;
        refuse("groups of " + std::to_string(group) + " in " + what + " of " + std::to_string(row) +
               "; allowed: whole groups");
    };
    whole(weight_quantization.group_size, convolution_taps * inputs, "a row of weights");
    whole(input_quantization.group_size, inputs, "a pixel");
    return inputs;
}

void append(QuantizedRow& row, const QuantizedRow& pixel) {
    row.units.insert(row.units.end(), pixel.units.begin(), pixel.units.end());
    row.codes.insert(row.codes.end(), pixel.codes.begin(), pixel.codes.end());
    row.scales.insert(row.scales.end(), pixel.scales.begin(), pixel.scales.end());
}

}  // namespace

QuantizedConvolution::QuantizedConvolution(std::int64_t outputs, std::int64_t inputs,
                                           std::span<const float> weights, std::vector<float> bias,
                                           const Quantization& weight_quantization,
                                           const Quantization& input_quantization, TieRule ties)
    : inputs_(checked_inputs(outputs, inputs, weights.size(), bias.size(), weight_quantization,
                             input_quantization)),
      linear_(weight_quantization, input_quantization, convolution_taps * inputs, exact_accumulator, ties),
      matrix_(quantize_matrix(weights, outputs, convolution_taps * inputs, weight_quantization, ties)),
      bias_(std::move(bias)),
      many_rows_(linear_.for_many_rows(matrix_)) {
    outside_ = quantize_pixel(std::vector<float>(static_cast<std::size_t>(inputs)));
}

QuantizedConvolution QuantizedConvolution::with_weights(QuantizedMatrix matrix,
                                                        std::vector<float> bias) const {
    const auto fits = [](const auto& ours, const auto& theirs) { return ours.size() == theirs.size(); };
    if (matrix.outputs != matrix_.outputs || matrix.inputs != matrix_.inputs ||
        !fits(matrix.units, matrix_.units) || !fits(matrix.codes, matrix_.codes) ||
        !fits(matrix.scales, matrix_.scales) || !fits(bias, bias_)) {
        throw std::invalid_argument("weights that do not fit the convolution");
    }
    auto result = *this;
    result.matrix_ = std::move(matrix);
    result.bias_ = std::move(bias);
    result.many_rows_ = result.linear_.for_many_rows(result.matrix_);
    return result;
}

QuantizedRow QuantizedConvolution::quantize_pixel(std::span<const float> channels) const {
    for (const auto value : channels) {
        if (std::isnan(value)) throw std::invalid_argument("a value is not a number");
    }
    const std::vector<double> values(channels.begin(), channels.end());
    return linear_.quantize_input(values);
}

QuantizedMap QuantizedConvolution::quantize(const FeatureMap<float>& map) const {
    if (!map.whole() || map.channels != inputs_) {
        throw std::invalid_argument("a convolution over " + std::to_string(inputs_) +
                                    " channels of a map with " + std::to_string(map.channels));
    }
    QuantizedMap result{map.size, {}};
    result.pixels.reserve(static_cast<std::size_t>(map.size.pixels()));
    for (std::int64_t y = 0; y < map.size.height; ++y) {
        for (std::int64_t x = 0; x < map.size.width; ++x) {
            result.pixels.push_back(quantize_pixel(map.pixel(y, x)));
        }
    }
    return result;
}

QuantizedRow QuantizedConvolution::taps(const QuantizedMap& map, std::int64_t y, std::int64_t x) const {
    QuantizedRow row;
    fill_taps(row, map, y, x);
    return row;
}

void QuantizedConvolution::fill_taps(QuantizedRow& row, const QuantizedMap& map, std::int64_t y,
                                     std::int64_t x) const {
    std::array<const QuantizedRow*, static_cast<std::size_t>(convolution_taps)> pixels{};
    pixels.fill(&outside_);
    for_each_tap_inside(map.size, y, x, [&](std::size_t tap, std::int64_t tap_y, std::int64_t tap_x) {
        pixels[tap] = &map.pixels[map.size.index(tap_y, tap_x)];
    });
    row.units.clear();
    row.codes.clear();
    row.scales.clear();
    for (const auto* pixel : pixels) append(row, *pixel);
}

// [rows.size(), outputs].
std::vector<double> QuantizedConvolution::sums(std::span<const QuantizedRow> rows) const {
    if (many_rows_) return linear_.apply(*many_rows_, rows);
    std::vector<double> result;
    for (const auto& row : rows) {
        const auto some = linear_.apply(matrix_, row);
        result.insert(result.end(), some.begin(), some.end());
    }
    return result;
}

std::vector<float> QuantizedConvolution::rows(const QuantizedMap& map, const RowRange& range) const {
    if (!range.within(map.size)) {
        throw std::invalid_argument("rows " + std::to_string(range.begin) + " to " +
                                    std::to_string(range.end) + " of " + std::to_string(map.size.height));
    }
    const auto depth = static_cast<std::size_t>(outputs());
    std::vector<float> result(static_cast<std::size_t>(range.count() * map.size.width) * depth);
    auto next = result.begin();
    std::vector<QuantizedRow> inputs(SegmentedDots::rows_at_once);
    const auto width = map.size.width;
    const auto at_once = static_cast<std::int64_t>(inputs.size());
    for (auto first = range.begin * width; first < range.end * width; first += at_once) {
        const auto pixels =
            std::span(inputs).first(static_cast<std::size_t>(std::min(at_once, range.end * width - first)));
        auto at = first;
        for (auto& row : pixels) {
            fill_taps(row, map, at / width, at % width);
            ++at;
        }
        const auto some = sums(pixels);
        for (std::size_t i = 0; i < some.size(); ++i)
            *next++ = static_cast<float>(some[i]) + bias_[i % depth];
    }
    return result;
}

}  // namespace tilewright::models
