// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_gpt.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>

#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

namespace {

std::size_t index(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

constexpr auto epsilon = static_cast<float>(gpt_norm_epsilon);

}  // namespace

QuantizedGptBlock prepare_gpt_block(const GptConfig& config, const GptBlockWeights& weights,
                                    const TransformerRecipe& recipe, const GptLinearInputs* calibration) {
    check_gpt_block(config, weights);
    const auto seen = [&](std::vector<double> GptLinearInputs::*inputs) {
        return calibration == nullptr ? nullptr : &(calibration->*inputs);
    };
    return {weights.norm1,
            weights.norm1_bias,
            weights.norm2,
            weights.norm2_bias,
            prepare_transformer_linear(weights.qkv, weights.qkv_bias, config.width, recipe.qkv, recipe,
                                       seen(&GptLinearInputs::qkv)),
            prepare_transformer_linear(weights.proj, weights.proj_bias, config.width, recipe.proj, recipe,
                                       seen(&GptLinearInputs::proj)),
            prepare_transformer_linear(weights.fc1, weights.fc1_bias, config.width, recipe.fc1, recipe,
                                       seen(&GptLinearInputs::fc1)),
            prepare_transformer_linear(weights.fc2, weights.fc2_bias, config.hidden, recipe.fc2, recipe,
                                       seen(&GptLinearInputs::fc2))};
}

QuantizedGpt::QuantizedGpt(const GptConfig& config, const TransformerRecipe& recipe)
    : config_(config),
      qkv_(transformer_kernel(recipe.qkv, config.width, recipe.ties)),
      proj_(transformer_kernel(recipe.proj, config.width, recipe.ties)),
      fc1_(transformer_kernel(recipe.fc1, config.width, recipe.ties)),
      fc2_(transformer_kernel(recipe.fc2, config.hidden, recipe.ties)),
      cache_quantizer_(make_cache_quantizer(recipe, config.head_dim())) {}

std::vector<float> QuantizedGpt::block(const QuantizedGptBlock& block,
                                       std::span<const float> residual) const {
    const auto width = index(config_.width);
    const auto dim = index(config_.head_dim());
    if (residual.size() % width != 0) {
        throw std::invalid_argument("the residual stream of a GPT-BigCode block is not whole tokens");
    }
    std::vector<float> result(residual.begin(), residual.end());
    std::vector<float> keys;
    std::vector<float> values;
    const auto remember = [&](std::span<const float> vector, std::vector<float>& cache) {
        std::vector<double> rounded(vector.begin(), vector.end());
        if (cache_quantizer_) cache_quantizer_->round(rounded);
        for (const auto value : rounded) cache.push_back(static_cast<float>(value));
    };
    const auto add = [](std::span<float> token, const std::vector<float>& update) {
        for (std::size_t c = 0; c < token.size(); ++c) token[c] += update[c];
    };
    const auto factor = 1.0F / std::sqrt(static_cast<float>(dim));
    for (std::size_t start = 0; start < result.size(); start += width) {
        const auto token = std::span(result).subspan(start, width);
        auto qkv = apply_transformer_linear(qkv_, block.qkv,
                                            layer_norm(token, block.norm1, block.norm1_bias, epsilon));
        const std::span<float> row(qkv);
        for (auto& value : row.first(width)) value *= factor;
        remember(row.subspan(width, dim), keys);
        remember(row.subspan(width + dim, dim), values);
        // The cache ends with this token.
        std::vector<float> attended(width);
        for (std::size_t h = 0; h < index(config_.heads); ++h) {
            attend_float(row.subspan(h * dim, dim), keys, values, dim,
                         std::span(attended).subspan(h * dim, dim));
        }
        add(token, apply_transformer_linear(proj_, block.proj, std::move(attended)));
        auto x = apply_transformer_linear(fc1_, block.fc1,
                                          layer_norm(token, block.norm2, block.norm2_bias, epsilon));
        for (auto& value : x) value = gelu_float(value);
        add(token, apply_transformer_linear(fc2_, block.fc2, std::move(x)));
    }
    return result;
}

}  // namespace tilewright::models
