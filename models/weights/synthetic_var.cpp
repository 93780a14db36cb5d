// SPDX-License-Identifier: Apache-2.0
#include "models/weights/synthetic_var.hpp"

#include <cmath>
#include <stdexcept>
#include <string>

#include "models/index.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::models {

namespace {

constexpr double weight_channel_spread = 0.2;
constexpr double fc1_deviation = 1.5;
constexpr double fc1_bias_mean = -1;
constexpr double bias_deviation = 0.1;
constexpr double gamma_median = 0.5;
constexpr double modulation_deviation = 0.3;
constexpr double condition_share = 0.1;  // of the modulation: what the condition adds, as a deviation
constexpr double place_deviation = 0.02;
constexpr double residual_channel_spread = 0.4;
constexpr std::size_t channels_per_outlier = 32;
constexpr double least_outlier = 5;
constexpr double outlier_range = 8;  // the largest over the least

std::vector<float> matrix(std::uint64_t seed, const std::string& name, std::size_t outputs,
                          std::size_t inputs, double deviation) {
    const CounterRandom random(seed, name);
    const CounterRandom channels(seed, name + ".channels");
    const auto& student = StudentTable::get();
    std::vector<float> scales;
    scales.reserve(inputs);
    const auto unit = deviation / std::sqrt(static_cast<double>(inputs));
    for (std::size_t k = 0; k < inputs; ++k)
        scales.push_back(static_cast<float>(unit * portable_exp(weight_channel_spread * channels.normal(k))));
    std::vector<float> result;
    result.reserve(outputs * inputs);
    for (std::size_t n = 0; n < outputs; ++n) {
        for (const auto scale : scales)
            result.push_back(student(static_cast<std::uint32_t>(random.bits(result.size()))) * scale);
    }
    return result;
}

void check(const VarConfig& config) {
    if (config.width >= 1 && config.heads >= 1 && config.width % config.heads == 0) return;
    throw std::invalid_argument("a VAR block of " + std::to_string(config.width) + " channels and " +
                                std::to_string(config.heads) +
                                " heads; allowed: heads that divide at least 1");
}

}  // namespace

VarBlockWeights synthetic_var_block(const VarConfig& config, std::uint64_t seed) {
    check(config);
    const auto c = index(config.width);
    const auto h = index(config.hidden());
    VarBlockWeights weights;
    weights.qkv = matrix(seed, "qkv", 3 * c, c, 1);
    weights.q_bias = normal_vector(seed, "q_bias", c, 0, bias_deviation);
    weights.v_bias = normal_vector(seed, "v_bias", c, 0, bias_deviation);
    const CounterRandom factors(seed, "scale_mul");
    for (std::int64_t i = 0; i < config.heads; ++i) {
        weights.scale_mul.push_back(
            static_cast<float>(portable_log(4) * (1 + factors.uniform(static_cast<std::uint64_t>(i)))));
    }
    weights.proj = matrix(seed, "proj", c, c, 1);
    weights.proj_bias = normal_vector(seed, "proj_bias", c, 0, bias_deviation);
    weights.fc1 = matrix(seed, "fc1", h, c, fc1_deviation);
    weights.fc1_bias = normal_vector(seed, "fc1_bias", h, fc1_bias_mean, bias_deviation);
    weights.fc2 = matrix(seed, "fc2", c, h, 1);
    weights.fc2_bias = normal_vector(seed, "fc2_bias", c, 0, bias_deviation);
    weights.adaln = matrix(seed, "adaln", 6 * c, c, condition_share);
    weights.adaln_bias = normal_vector(seed, "adaln_bias", 6 * c, 0, modulation_deviation);
    for (std::size_t i = 0; i < 2 * c; ++i) {  // gamma 1 and 2
        weights.adaln_bias[i] =
            static_cast<float>(gamma_median * portable_exp(static_cast<double>(weights.adaln_bias[i])));
    }
    return weights;
}

std::vector<double> synthetic_var_condition(const VarConfig& config, std::uint64_t seed) {
    check(config);
    const auto numbers = normal_vector(seed, "condition", index(config.width), 0, 1);
    return {numbers.begin(), numbers.end()};
}

VarEndWeights synthetic_var_ends(const VarConfig& config, std::uint64_t seed) {
    check(config);
    const auto c = index(config.width);
    const auto codes = index(config.codebook);
    VarEndWeights ends;
    ends.classes = normal_vector(seed, "classes", index(config.classes + 1) * c, 0, 1);
    ends.start = normal_vector(seed, "start", index(config.scale_tokens(0)) * c, 0, place_deviation);
    ends.positions = normal_vector(seed, "positions", index(config.tokens()) * c, 0, place_deviation);
    ends.levels = normal_vector(seed, "levels", config.scales.size() * c, 0, place_deviation);
    ends.word = matrix(seed, "word", c, index(config.codebook_width), 1);
    ends.word_bias = normal_vector(seed, "word_bias", c, 0, bias_deviation);
    ends.head_adaln = matrix(seed, "head_adaln", 2 * c, c, condition_share);
    ends.head_adaln_bias = normal_vector(seed, "head_adaln_bias", 2 * c, 0, modulation_deviation);
    ends.head = matrix(seed, "head", codes, c, 1);
    ends.head_bias = normal_vector(seed, "head_bias", codes, 0, bias_deviation);
    return ends;
}

std::vector<double> synthetic_var_residual(const VarConfig& config, std::uint64_t seed, std::uint64_t image) {
    check(config);
    const auto width = index(config.width);
    const auto scales = config.scales.size();
    const CounterRandom channel_random(seed, "residual.channels");
    std::vector<double> everywhere(width);
    for (std::size_t c = 0; c < width; ++c)
        everywhere[c] = portable_exp(residual_channel_spread * channel_random.normal(c));
    std::vector<std::vector<double>> sizes(scales, everywhere);
    const CounterRandom outliers(seed, "residual.outliers");
    for (std::size_t i = 0; i < width / channels_per_outlier; ++i) {
        const auto channel = i * channels_per_outlier + outliers.bits(2 * i) % channels_per_outlier;
        const auto factor =
            least_outlier * portable_exp(outliers.uniform(2 * i + 1) * portable_log(outlier_range));
        for (std::size_t scale = 0; scale < scales; ++scale) {
            if (i % 2 == 0 || i / 2 % scales == scale) sizes[scale][channel] *= factor;
        }
    }
    const CounterRandom random(mix_bits(seed) + image, "residual.tokens");
    const auto& student = StudentTable::get();
    std::vector<double> residual;
    residual.reserve(index(config.tokens()) * width);
    for (std::size_t scale = 0; scale < scales; ++scale) {
        const auto elements = index(config.scale_tokens(scale)) * width;
        for (std::size_t i = 0; i < elements; ++i) {
            const auto draw = student(static_cast<std::uint32_t>(random.bits(residual.size())));
            residual.push_back(
                static_cast<double>(static_cast<float>(static_cast<double>(draw) * sizes[scale][i % width])));
        }
    }
    return residual;
}

}  // namespace tilewright::models
