// SPDX-License-Identifier: Apache-2.0
// Maps of channels over an image in float64, [channels, height, width], and what the vector quantizer and the
// decoder of VAR do to them. Conventions are PyTorch's, in which the public checkpoints were trained.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tilewright::models {

struct ImageMap {
    std::int64_t channels = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<double> values;

    ImageMap() = default;
    ImageMap(std::int64_t c, std::int64_t h, std::int64_t w)
        : channels(c), height(h), width(w), values(static_cast<std::size_t>(c * h * w)) {}
    double& at(std::int64_t c, std::int64_t y, std::int64_t x) {
        return values[static_cast<std::size_t>((c * height + y) * width + x)];
    }
    double at(std::int64_t c, std::int64_t y, std::int64_t x) const {
        return values[static_cast<std::size_t>((c * height + y) * width + x)];
    }
};

// [outputs, inputs, size, size] weights, stride 1, zeros around so that the image keeps its size.
struct Convolution {
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
    std::int64_t size = 1;  // odd
    std::vector<float> weights;
    std::vector<float> bias;  // [outputs]
};
// Throws std::invalid_argument when the map has other channels.
ImageMap convolve(const Convolution& convolution, const ImageMap& map);

// Cubic interpolation with a = -0.75 at the centres of pixels (align_corners = false); pixels beyond the edge
// are those of the edge.
ImageMap resize_bicubic(const ImageMap& map, std::int64_t height, std::int64_t width);

// The mean of the pixels from floor(i h / H) up to ceil((i + 1) h / H) ("area").
ImageMap resize_area(const ImageMap& map, std::int64_t height, std::int64_t width);

// Every pixel four times.
ImageMap double_nearest(const ImageMap& map);

// (x - mean) / sqrt(variance + 1e-6) over each group of channels, times weight, plus bias.
// Throws std::invalid_argument when the groups do not divide the channels.
ImageMap group_norm(const ImageMap& map, std::int64_t groups, std::span<const float> weight,
                    std::span<const float> bias);

// x / (1 + e^-x).
ImageMap silu(ImageMap map);

}  // namespace tilewright::models
