// SPDX-License-Identifier: Apache-2.0
#include "models/weights/synthetic_gpt.hpp"

#include <utility>

#include "models/weights/counter_random.hpp"
#include "models/weights/synthetic_var.hpp"

namespace tilewright::models {

namespace {

constexpr double norm_weight_deviation = 0.3;
constexpr double norm_bias_deviation = 0.1;

// A VAR block of the same sizes, whose only scale has at least so many tokens.
VarConfig alike(const GptConfig& config, std::int64_t tokens) {
    VarConfig var;
    var.name = config.name;
    var.depth = 1;
    var.width = config.width;
    var.heads = config.heads;
    var.mlp_ratio = (config.hidden + config.width - 1) / config.width;
    std::int64_t side = 1;
    while (side * side < tokens) ++side;
    var.scales = {side};
    return var;
}

}  // namespace

GptBlockWeights synthetic_gpt_block(const GptConfig& config, std::uint64_t seed) {
    auto var = synthetic_var_block(alike(config, 1), seed);
    GptBlockWeights weights;
    weights.norm1 =
        normal_vector(seed, "ln_1", static_cast<std::size_t>(config.width), 1, norm_weight_deviation);
    weights.norm1_bias =
        normal_vector(seed, "ln_1.bias", static_cast<std::size_t>(config.width), 0, norm_bias_deviation);
    weights.norm2 =
        normal_vector(seed, "ln_2", static_cast<std::size_t>(config.width), 1, norm_weight_deviation);
    weights.norm2_bias =
        normal_vector(seed, "ln_2.bias", static_cast<std::size_t>(config.width), 0, norm_bias_deviation);
    weights.qkv = std::move(var.qkv);  // the first of its rows
    weights.qkv.resize(static_cast<std::size_t>(config.qkv_outputs() * config.width));
    weights.qkv_bias = normal_vector(seed, "c_attn.bias", static_cast<std::size_t>(config.qkv_outputs()), 0,
                                     norm_bias_deviation);
    weights.proj = std::move(var.proj);
    weights.proj_bias = std::move(var.proj_bias);
    // The first of fc1's outputs, which are fc2's inputs.
    const auto hidden = static_cast<std::size_t>(config.hidden);
    const auto drawn = var.fc1_bias.size();
    weights.fc1 = std::move(var.fc1);
    weights.fc1.resize(hidden * static_cast<std::size_t>(config.width));
    weights.fc1_bias = std::move(var.fc1_bias);
    weights.fc1_bias.resize(hidden);
    for (std::size_t row = 0; row < static_cast<std::size_t>(config.width); ++row) {
        const auto first = var.fc2.begin() + static_cast<std::ptrdiff_t>(row * drawn);
        weights.fc2.insert(weights.fc2.end(), first, first + static_cast<std::ptrdiff_t>(hidden));
    }
    weights.fc2_bias = std::move(var.fc2_bias);
    return weights;
}

GptEndWeights synthetic_gpt_ends(const GptConfig& config, std::uint64_t seed) {
    const auto width = static_cast<std::size_t>(config.width);
    constexpr double embedding_deviation = 0.02;
    return {normal_vector(seed, "wte", static_cast<std::size_t>(config.vocabulary) * width, 0,
                          embedding_deviation),
            normal_vector(seed, "wpe", static_cast<std::size_t>(config.positions) * width, 0,
                          embedding_deviation),
            normal_vector(seed, "ln_f", width, 1, norm_weight_deviation),
            normal_vector(seed, "ln_f.bias", width, 0, norm_bias_deviation),
            {}};
}

std::vector<double> synthetic_gpt_residual(const GptConfig& config, std::int64_t tokens, std::uint64_t seed,
                                           std::uint64_t text) {
    auto residual = synthetic_var_residual(alike(config, tokens), seed, text);
    residual.resize(static_cast<std::size_t>(tokens * config.width));
    return residual;
}

}  // namespace tilewright::models
