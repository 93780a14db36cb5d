// SPDX-License-Identifier: Apache-2.0
#include "models/weights/synthetic_super_resolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "models/weights/counter_random.hpp"

namespace tilewright::models {

namespace {

constexpr double head_deviation = 2;
constexpr double branch_deviation = 0.5;
constexpr double tail_deviation = 0.3;
constexpr double tail_mean = 0.5;
constexpr double convolution_bias_deviation = 0.1;

constexpr std::int64_t lattice = 8;
constexpr std::size_t edges = 4;
constexpr double edge_height = 0.3;
constexpr double levels = 255;

// [outputs, inputs] of deviation / sqrt(inputs).
std::vector<float> matrix(std::uint64_t seed, const std::string& name, std::int64_t outputs,
                          std::int64_t inputs, double deviation) {
    return normal_vector(seed, name, static_cast<std::size_t>(outputs * inputs), 0,
                         deviation / std::sqrt(static_cast<double>(inputs)));
}

std::vector<float> bias(std::uint64_t seed, const std::string& name, std::int64_t outputs,
                        double deviation = convolution_bias_deviation, double mean = 0) {
    return normal_vector(seed, name + ".bias", static_cast<std::size_t>(outputs), mean, deviation);
}

ConvolutionWeights convolution(std::uint64_t seed, const std::string& name, std::int64_t outputs,
                               std::int64_t inputs, double deviation, double mean = 0) {
    return {matrix(seed, name, outputs, convolution_taps * inputs, deviation),
            bias(seed, name, outputs, convolution_bias_deviation, mean)};
}

// A line through the image: normal (down, across) and distance from the upper left corner.
struct Edge {
    double down = 0;
    double across = 0;
    double distance = 0;

    bool beyond(std::int64_t y, std::int64_t x) const {
        return down * static_cast<double>(y) + across * static_cast<double>(x) > distance;
    }
};

std::array<Edge, edges> random_edges(const ImageSize& size, std::uint64_t seed) {
    const CounterRandom random(seed, "image.edges");
    std::array<Edge, edges> result;
    for (std::size_t i = 0; i < edges; ++i) {
        auto& edge = result[i];
        edge.down = random.normal(2 * i);
        edge.across = random.normal(2 * i + 1);
        // Through a random pixel.
        edge.distance = edge.down * random.uniform(100 + 2 * i) * static_cast<double>(size.height) +
                        edge.across * random.uniform(101 + 2 * i) * static_cast<double>(size.width);
    }
    return result;
}

// Between values at the corners of a lattice, bilinear.
double smooth(const CounterRandom& random, std::int64_t columns, std::int64_t y, std::int64_t x) {
    const auto corner = [&](std::int64_t down, std::int64_t across) {
        return random.uniform(
            static_cast<std::uint64_t>((y / lattice + down) * columns + x / lattice + across));
    };
    const auto v = static_cast<double>(y % lattice) / static_cast<double>(lattice);
    const auto u = static_cast<double>(x % lattice) / static_cast<double>(lattice);
    return (1 - v) * ((1 - u) * corner(0, 0) + u * corner(0, 1)) +
           v * ((1 - u) * corner(1, 0) + u * corner(1, 1));
}

}  // namespace

SuperResolutionWeights synthetic_super_resolution(const SuperResolutionConfig& config, std::uint64_t seed) {
    check_super_resolution_config(config);
    const auto c = config.channels;
    const auto h = config.hidden;
    SuperResolutionWeights weights;
    weights.head = convolution(seed, "head", c, config.colors, head_deviation);
    for (int number = 0; number < config.units(); ++number) {
        const auto name = "body." + std::to_string(number) + ".";
        SuperResolutionUnitWeights unit;
        unit.fc1 = matrix(seed, name + "fc1", h, c, 1);
        unit.fc1_bias = bias(seed, name + "fc1", h);
        unit.fc2 = matrix(seed, name + "fc2", 2 * c, h, branch_deviation);
        unit.fc2_bias = bias(seed, name + "fc2", 2 * c, branch_deviation);
        unit.spatial = matrix(seed, name + "spatial", 1, c, 1);
        unit.spatial_bias = bias(seed, name + "spatial", 1);
        unit.convolution = matrix(seed, name + "conv", c, convolution_taps * c, 1);
        weights.units.push_back(std::move(unit));
    }
    for (int stage = 0; stage < config.stages(); ++stage) {
        weights.upsample.push_back(convolution(seed, "upsample." + std::to_string(stage), 4 * c, c, 1));
    }
    weights.tail = convolution(seed, "tail", config.colors, c, tail_deviation, tail_mean);
    return weights;
}

FeatureMap<float> synthetic_image(const ImageSize& size, std::int64_t colors, std::uint64_t seed) {
    FeatureMap<float> image(size, colors);
    const auto lines = random_edges(size, seed);
    const auto columns = size.width / lattice + 2;
    for (std::int64_t color = 0; color < colors; ++color) {
        const auto name = "image." + std::to_string(color);
        const CounterRandom values(seed, name);
        const CounterRandom heights(seed, name + ".edges");
        for (std::int64_t y = 0; y < size.height; ++y) {
            for (std::int64_t x = 0; x < size.width; ++x) {
                auto value = smooth(values, columns, y, x);
                for (std::size_t i = 0; i < edges; ++i) {
                    if (lines[i].beyond(y, x)) value += edge_height * (2 * heights.uniform(i) - 1);
                }
                const auto level = std::floor(std::clamp(value, 0.0, 1.0) * levels + 0.5);
                image.pixel(y, x)[static_cast<std::size_t>(color)] = static_cast<float>(level / levels);
            }
        }
    }
    return image;
}

}  // namespace tilewright::models
