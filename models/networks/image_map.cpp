// SPDX-License-Identifier: Apache-2.0
#include "models/networks/image_map.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>

namespace tilewright::models {

namespace {

// Where an output pixel lies between the input's, and the weights of the four pixels around it (Keys'
// kernel).
struct CubicTaps {
    std::array<std::int64_t, 4> pixels{};
    std::array<double, 4> weights{};
};

CubicTaps cubic_taps(std::int64_t i, std::int64_t from, std::int64_t to) {
    constexpr double a = -0.75;
    const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    const auto centre =
        (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    const auto base = std::floor(centre);
    const auto t = centre - base;
    CubicTaps taps;
    for (std::int64_t k = 0; k < 4; ++k) {
        const auto pixel = static_cast<std::int64_t>(base) - 1 + k;
        taps.pixels[static_cast<std::size_t>(k)] = std::clamp<std::int64_t>(pixel, 0, from - 1);
    }
    taps.weights = {far(t + 1), near(t), near(1 - t), far(2 - t)};
    return taps;
}

}  // namespace

ImageMap convolve(const Convolution& convolution, const ImageMap& map) {
    if (map.channels != convolution.inputs) {
        throw std::invalid_argument("a convolution over " + std::to_string(convolution.inputs) +
                                    " channels of a map with " + std::to_string(map.channels));
    }
    ImageMap result(convolution.outputs, map.height, map.width);
    const auto margin = convolution.size / 2;
    const auto size = convolution.size;
    for (std::int64_t o = 0; o < convolution.outputs; ++o) {
        auto* out = &result.at(o, 0, 0);
        std::fill_n(out, map.height * map.width,
                    static_cast<double>(convolution.bias[static_cast<std::size_t>(o)]));
        for (std::int64_t c = 0; c < map.channels; ++c) {
            for (std::int64_t dy = 0; dy < size; ++dy) {
                for (std::int64_t dx = 0; dx < size; ++dx) {
                    const double weight = convolution.weights[static_cast<std::size_t>(
                        ((o * map.channels + c) * size + dy) * size + dx)];
                    const auto first_y = std::max<std::int64_t>(0, margin - dy);
                    const auto end_y = std::min(map.height, map.height + margin - dy);
                    const auto first_x = std::max<std::int64_t>(0, margin - dx);
                    const auto end_x = std::min(map.width, map.width + margin - dx);
                    for (auto y = first_y; y < end_y; ++y) {
                        auto* to = &result.at(o, y, 0);
                        const auto* from = map.values.data() +
                                           ((c * map.height + y + dy - margin) * map.width + dx - margin);
                        for (auto x = first_x; x < end_x; ++x) to[x] += weight * from[x];
                    }
                }
            }
        }
    }
    return result;
}

ImageMap resize_bicubic(const ImageMap& map, std::int64_t height, std::int64_t width) {
    ImageMap result(map.channels, height, width);
    for (std::int64_t y = 0; y < height; ++y) {
        const auto rows = cubic_taps(y, map.height, height);
        for (std::int64_t x = 0; x < width; ++x) {
            const auto columns = cubic_taps(x, map.width, width);
            for (std::int64_t c = 0; c < map.channels; ++c) {
                double sum = 0;
                for (std::size_t i = 0; i < 4; ++i) {
                    double row = 0;
                    for (std::size_t j = 0; j < 4; ++j) {
                        row += columns.weights[j] * map.at(c, rows.pixels[i], columns.pixels[j]);
                    }
                    sum += rows.weights[i] * row;
                }
                result.at(c, y, x) = sum;
            }
        }
    }
    return result;
}

ImageMap resize_area(const ImageMap& map, std::int64_t height, std::int64_t width) {
    ImageMap result(map.channels, height, width);
    const auto begin = [](std::int64_t i, std::int64_t from, std::int64_t to) { return i * from / to; };
    const auto end = [](std::int64_t i, std::int64_t from, std::int64_t to) {
        return ((i + 1) * from + to - 1) / to;
    };
    for (std::int64_t c = 0; c < map.channels; ++c) {
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                double sum = 0;
                std::int64_t count = 0;
                for (auto i = begin(y, map.height, height); i < end(y, map.height, height); ++i) {
                    for (auto j = begin(x, map.width, width); j < end(x, map.width, width); ++j, ++count) {
                        sum += map.at(c, i, j);
                    }
                }
                result.at(c, y, x) = sum / static_cast<double>(count);
            }
        }
    }
    return result;
}

ImageMap double_nearest(const ImageMap& map) {
    ImageMap result(map.channels, 2 * map.height, 2 * map.width);
    for (std::int64_t c = 0; c < map.channels; ++c) {
        for (std::int64_t y = 0; y < result.height; ++y) {
            for (std::int64_t x = 0; x < result.width; ++x) result.at(c, y, x) = map.at(c, y / 2, x / 2);
        }
    }
    return result;
}

ImageMap group_norm(const ImageMap& map, std::int64_t groups, std::span<const float> weight,
                    std::span<const float> bias) {
    if (groups < 1 || map.channels % groups != 0) {
        throw std::invalid_argument(std::to_string(groups) + " groups of " + std::to_string(map.channels) +
                                    " channels; allowed: a divisor");
    }
    constexpr double epsilon = 1e-6;  // of the authors' GroupNorm
    ImageMap result(map.channels, map.height, map.width);
    const auto pixels = map.height * map.width;
    const auto size = map.channels / groups * pixels;
    for (std::int64_t g = 0; g < groups; ++g) {
        const auto part =
            std::span(map.values).subspan(static_cast<std::size_t>(g * size), static_cast<std::size_t>(size));
        double sum = 0;
        for (const auto value : part) sum += value;
        const auto mean = sum / static_cast<double>(size);
        double squares = 0;
        for (const auto value : part) squares += (value - mean) * (value - mean);
        const auto deviation = std::sqrt(squares / static_cast<double>(size) + epsilon);
        for (std::int64_t i = 0; i < size; ++i) {
            const auto channel = static_cast<std::size_t>(g * (map.channels / groups) + i / pixels);
            result.values[static_cast<std::size_t>(g * size + i)] =
                (part[static_cast<std::size_t>(i)] - mean) / deviation *
                    static_cast<double>(weight[channel]) +
                static_cast<double>(bias[channel]);
        }
    }
    return result;
}

ImageMap silu(ImageMap map) {
    for (auto& value : map.values) value /= 1 + std::exp(-value);
    return map;
}

}  // namespace tilewright::models
