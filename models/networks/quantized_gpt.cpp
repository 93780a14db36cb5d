// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_gpt.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>

#include "models/index.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

QuantizedGptBlock prepare_gpt_block(const GptConfig& config, const GptBlockWeights& weights,
                                    const TransformerRecipe& recipe, const GptLinearInputs* calibration,
                                    const LearnedScalesOptions& options) {
    check_gpt_block(config, weights);
    const auto prepare = [&](const std::vector<float>& matrix, const std::vector<float>& bias,
                             std::int64_t inputs, const LinearRecipe& linear,
                             std::vector<double> GptLinearInputs::*seen) {
        return prepare_transformer_linear(matrix, bias, inputs, linear, recipe,
                                          calibration == nullptr ? nullptr : &(calibration->*seen), options);
    };
    return {weights.norm1,
            weights.norm1_bias,
            weights.norm2,
            weights.norm2_bias,
            prepare(weights.qkv, weights.qkv_bias, config.width, recipe.qkv, &GptLinearInputs::qkv),
            prepare(weights.proj, weights.proj_bias, config.width, recipe.proj, &GptLinearInputs::proj),
            prepare(weights.fc1, weights.fc1_bias, config.width, recipe.fc1, &GptLinearInputs::fc1),
            prepare(weights.fc2, weights.fc2_bias, config.hidden, recipe.fc2, &GptLinearInputs::fc2)};
}

QuantizedGpt::QuantizedGpt(const GptConfig& config, const TransformerRecipe& recipe)
    : config_(config),
      qkv_(transformer_kernel(recipe.qkv, config.width, recipe.ties)),
      proj_(transformer_kernel(recipe.proj, config.width, recipe.ties)),
      fc1_(transformer_kernel(recipe.fc1, config.width, recipe.ties)),
      fc2_(transformer_kernel(recipe.fc2, config.hidden, recipe.ties)),
      cache_quantizer_(make_cache_quantizer(recipe, config.head_dim())) {}

std::vector<float> gpt_norm(std::span<const float> x, std::span<const float> weight,
                            std::span<const float> bias) {
    return layer_norm(x, weight, bias, static_cast<float>(gpt_norm_epsilon));
}

float gpt_query_factor(std::int64_t head_dim) {
    return 1.0F / std::sqrt(static_cast<float>(head_dim));
}

std::vector<float> QuantizedGpt::block(const QuantizedGptBlock& weights, std::span<const float> residual,
                                       BlockTaps* taps) const {
    std::vector<float> result(residual.begin(), residual.end());
    QuantizedGptCache cache;
    block(weights, result, cache, taps);
    return result;
}

void QuantizedGpt::block(const QuantizedGptBlock& block, std::span<float> residual, QuantizedGptCache& cache,
                         BlockTaps* taps) const {
    const auto width = index(config_.width);
    const auto dim = index(config_.head_dim());
    if (residual.size() % width != 0) {
        throw std::invalid_argument("the residual stream of a GPT-BigCode block is not whole tokens");
    }
    const auto remember = [&](std::span<const float> vector, std::vector<float>& vectors) {
        std::vector<double> rounded(vector.begin(), vector.end());
        if (cache_quantizer_) cache_quantizer_->round(rounded);
        for (const auto value : rounded) vectors.push_back(static_cast<float>(value));
    };
    const auto add = [](std::span<float> token, const std::vector<float>& update) {
        for (std::size_t c = 0; c < token.size(); ++c) token[c] += update[c];
    };
    const auto tap = [&](const char* name, const std::vector<float>& values) {
        if (taps != nullptr) taps->add(name, values);
    };
    const auto factor = gpt_query_factor(config_.head_dim());
    for (std::size_t start = 0; start < residual.size(); start += width) {
        const auto token = residual.subspan(start, width);
        auto qkv = apply_transformer_linear(qkv_, block.qkv, gpt_norm(token, block.norm1, block.norm1_bias));
        tap("qkv", qkv);
        const std::span<float> row(qkv);
        for (auto& value : row.first(width)) value *= factor;
        remember(row.subspan(width, dim), cache.keys);
        remember(row.subspan(width + dim, dim), cache.values);
        // The cache ends with this token.
        std::vector<float> attended(width);
        for (std::size_t h = 0; h < index(config_.heads); ++h) {
            attend_float(row.subspan(h * dim, dim), cache.keys, cache.values, dim,
                         std::span(attended).subspan(h * dim, dim));
        }
        tap("attention", attended);
        auto x = apply_transformer_linear(proj_, block.proj, std::move(attended));
        tap("proj", x);
        add(token, x);
        x = apply_transformer_linear(fc1_, block.fc1, gpt_norm(token, block.norm2, block.norm2_bias));
        tap("fc1", x);
        for (auto& value : x) value = gelu_float(value);
        tap("gelu", x);
        x = apply_transformer_linear(fc2_, block.fc2, std::move(x));
        tap("fc2", x);
        add(token, x);
    }
}

}  // namespace tilewright::models
