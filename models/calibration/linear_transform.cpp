// SPDX-License-Identifier: Apache-2.0
#include "models/calibration/linear_transform.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "models/kernels/hadamard.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::models {

namespace {

void require_rows(std::size_t elements, std::size_t channels) {
    if (channels == 0 || elements % channels != 0) {
        throw std::invalid_argument(std::to_string(elements) + " elements are not whole rows of " +
                                    std::to_string(channels) + " channels");
    }
}

void check(const LinearTransform& transform, std::size_t channels) {
    const auto& scales = transform.channel_scales;
    const bool usable =
        std::all_of(scales.begin(), scales.end(), [](double s) { return s > 0 && std::isfinite(s); });
    if (!usable || (!scales.empty() && scales.size() != channels)) {
        throw std::invalid_argument(std::to_string(scales.size()) + " scales for " +
                                    std::to_string(channels) +
                                    " channels; allowed: one finite number above 0 each, or none");
    }
    const auto& signs = transform.rotation_signs;
    if (!signs.empty() && signs.size() != transform.rotation_block) {
        throw std::invalid_argument(std::to_string(signs.size()) + " signs for blocks of " +
                                    std::to_string(transform.rotation_block) + " channels");
    }
}

// The block's signs for every channel, as rotate() wants them.
std::vector<std::int8_t> repeated_signs(const LinearTransform& transform, std::size_t channels) {
    std::vector<std::int8_t> signs;
    if (transform.rotation_signs.empty()) return signs;
    for (std::size_t k = 0; k < channels; ++k) {
        signs.push_back(transform.rotation_signs[k % transform.rotation_block]);
    }
    return signs;
}

// Both sides are rotated by R: W R^T has the rows R w.
void rotate_rows(const LinearTransform& transform, std::span<double> matrix, std::size_t channels) {
    if (transform.rotation_block == 0) return;
    const auto signs = repeated_signs(transform, channels);
    for (std::size_t start = 0; start < matrix.size(); start += channels) {
        rotate(matrix.subspan(start, channels), transform.rotation_block, signs);
    }
}

std::vector<double> channel_maxima(std::span<const double> matrix, std::size_t channels) {
    std::vector<double> maxima(channels);
    for (std::size_t i = 0; i < matrix.size(); ++i) {
        maxima[i % channels] = std::max(maxima[i % channels], std::abs(matrix[i]));
    }
    return maxima;
}

}  // namespace

void apply_to_inputs(const LinearTransform& transform, std::span<double> inputs, std::size_t channels) {
    require_rows(inputs.size(), channels);
    check(transform, channels);
    if (!transform.channel_scales.empty()) {
        for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] /= transform.channel_scales[i % channels];
    }
    rotate_rows(transform, inputs, channels);
}

void merge_into_weights(const LinearTransform& transform, std::span<double> weights, std::size_t channels) {
    require_rows(weights.size(), channels);
    check(transform, channels);
    if (!transform.channel_scales.empty()) {
        for (std::size_t i = 0; i < weights.size(); ++i) weights[i] *= transform.channel_scales[i % channels];
    }
    rotate_rows(transform, weights, channels);
}

double smooth_quant_scale(double largest_input, double largest_weight, double alpha) {
    if (largest_input == 0 || largest_weight == 0) return 1;
    return std::pow(largest_input, alpha) / std::pow(largest_weight, 1 - alpha);
}

LinearTransform smooth_quant(const LinearSample& sample, double alpha) {
    if (!(alpha >= 0 && alpha <= 1)) {
        throw std::invalid_argument("alpha " + std::to_string(alpha) + "; allowed: 0 to 1");
    }
    require_rows(sample.weights.size(), sample.channels);
    require_rows(sample.inputs.size(), sample.channels);
    const auto inputs = channel_maxima(sample.inputs, sample.channels);
    const auto weights = channel_maxima(sample.weights, sample.channels);
    LinearTransform transform;
    for (std::size_t k = 0; k < sample.channels; ++k) {
        transform.channel_scales.push_back(smooth_quant_scale(inputs[k], weights[k], alpha));
    }
    return transform;
}

LinearTransform group_hadamard(std::size_t channels, std::size_t block, std::uint64_t seed) {
    if (block == 0 || channels % block != 0 || !find_hadamard_shape(block)) {
        throw std::invalid_argument("no Hadamard rotation of " + std::to_string(channels) +
                                    " channels in blocks of " + std::to_string(block));
    }
    LinearTransform transform;
    transform.rotation_block = block;
    const CounterRandom random(seed, "hadamard.signs");
    for (std::size_t k = 0; k < block; ++k) {
        transform.rotation_signs.push_back(random.bits(k) % 2 == 0 ? std::int8_t{1} : std::int8_t{-1});
    }
    return transform;
}

}  // namespace tilewright::models
