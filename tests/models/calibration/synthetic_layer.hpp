// SPDX-License-Identifier: Apache-2.0
// Linear layers of a VAR block in small, with the shapes that FPQVAR publishes: channels whose outliers move
// from one scale of the image to the next, and the skewed output of GELU.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "models/calibration/output_error.hpp"

namespace tilewright::test {

struct SyntheticLayer {
    std::vector<double> weights;
    std::vector<double> calibration;  // [tokens, channels]
    std::vector<double> unseen;       // the same distribution, other tokens
    std::size_t channels = 0;

    models::LinearSample calibration_sample() const { return {weights, calibration, channels}; }
    models::LinearSample unseen_sample() const { return {weights, unseen, channels}; }
};

inline std::vector<double> gaussian_matrix(std::size_t elements, double deviation, std::mt19937& random) {
    std::normal_distribution<double> normal(0, deviation);
    std::vector<double> result(elements);
    for (auto& value : result) value = normal(random);
    return result;
}

// Tokens of the scales 1, 4, 9, 16, 25; of `outliers` channels that are 5 to 40 times larger half are so at
// all scales, and the others at one scale each.
inline SyntheticLayer layer_with_moving_outliers(std::size_t channels, std::size_t outputs, unsigned seed) {
    std::mt19937 random(seed);
    SyntheticLayer layer;
    layer.channels = channels;
    layer.weights = gaussian_matrix(outputs * channels, 1 / std::sqrt(static_cast<double>(channels)), random);
    struct Outlier {
        std::size_t channel;
        double factor;
        std::size_t scale;  // 5: all
    };
    std::vector<Outlier> outliers;
    for (std::size_t i = 0; i < channels / 32; ++i) {
        const auto factor = 5 * std::pow(8.0, static_cast<double>(random() % 1000) / 1000);
        outliers.push_back({random() % channels, factor, i % 2 == 0 ? 5 : i / 2 % 5});
    }
    const auto draw = [&] {
        std::vector<double> inputs;
        for (std::size_t scale = 0; scale < 5; ++scale) {
            for (std::size_t token = 0; token < (scale + 1) * (scale + 1); ++token) {
                auto row = gaussian_matrix(channels, 1, random);
                for (const auto& outlier : outliers) {
                    if (outlier.scale == 5 || outlier.scale == scale) row[outlier.channel] *= outlier.factor;
                }
                inputs.insert(inputs.end(), row.begin(), row.end());
            }
        }
        return inputs;
    };
    layer.calibration = draw();
    layer.unseen = draw();
    return layer;
}

// The input of fc2: GELU of preactivations that are mostly negative (mean -1, deviation 1.5).
inline SyntheticLayer layer_after_gelu(std::size_t channels, std::size_t outputs, unsigned seed) {
    std::mt19937 random(seed);
    SyntheticLayer layer;
    layer.channels = channels;
    layer.weights = gaussian_matrix(outputs * channels, 1 / std::sqrt(static_cast<double>(channels)), random);
    const auto draw = [&] {
        auto inputs = gaussian_matrix(48 * channels, 1.5, random);
        for (auto& x : inputs) {
            x -= 1;
            x *= 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
        }
        return inputs;
    };
    layer.calibration = draw();
    layer.unseen = draw();
    return layer;
}

}  // namespace tilewright::test
