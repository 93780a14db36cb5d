// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_var.hpp"

#include <stdexcept>
#include <string>

#include "models/index.hpp"
#include "models/networks/quantized_var_ends.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

namespace {

void add_scaled(std::span<float> token, std::span<const float> update, std::span<const float> gamma) {
    for (std::size_t c = 0; c < token.size(); ++c) {
        const auto scaled = gamma[c] * update[c];
        token[c] += scaled;
    }
}

void tap(BlockTaps* taps, const char* name, const std::vector<float>& values) {
    if (taps != nullptr) taps->add(name, values);
}

}  // namespace

QuantizedVar::QuantizedVar(const VarConfig& config, const TransformerRecipe& recipe)
    : config_(config),
      qkv_(transformer_kernel(recipe.qkv, config.width, recipe.ties)),
      proj_(transformer_kernel(recipe.proj, config.width, recipe.ties)),
      fc1_(transformer_kernel(recipe.fc1, config.width, recipe.ties)),
      fc2_(transformer_kernel(recipe.fc2, config.hidden(), recipe.ties)),
      cache_quantizer_(make_cache_quantizer(recipe, config.head_dim())) {}

std::vector<float> QuantizedVar::modulation(const QuantizedVarBlock& block,
                                            std::span<const float> condition) const {
    if (condition.size() != index(config_.width)) {
        throw std::invalid_argument("a condition of " + std::to_string(condition.size()) +
                                    " channels; allowed: " + std::to_string(config_.width));
    }
    return linear_float(block.adaln, block.adaln_bias, activated_condition(condition));
}

void QuantizedVar::append_to_cache(std::span<const float> row, std::vector<float>& cache) const {
    std::vector<double> values(row.begin(), row.end());
    // Groups do not cross heads: a head's vector is whole groups.
    if (cache_quantizer_) cache_quantizer_->round(values);
    for (const auto value : values) cache.push_back(static_cast<float>(value));
}

void QuantizedVar::attention(const QuantizedVarBlock& block, std::span<const float> modulation,
                             std::span<float> residual, QuantizedVarCache& cache, BlockTaps* taps) const {
    const auto width = index(config_.width);
    const auto dim = index(config_.head_dim());
    const auto heads = index(config_.heads);
    std::vector<std::vector<float>> queries;
    queries.reserve(residual.size() / width);
    for (std::size_t start = 0; start < residual.size(); start += width) {
        const auto x =
            modulated_layer_norm(residual.subspan(start, width), modulation.subspan(2 * width, width),
                                 modulation.subspan(4 * width, width));
        auto qkv = apply_transformer_linear(qkv_, block.qkv, x);
        tap(taps, "qkv", qkv);
        const std::span<float> row(qkv);
        for (std::size_t h = 0; h < heads; ++h) {
            l2_normalise(row.subspan(h * dim, dim), block.query_factors[h]);
            l2_normalise(row.subspan(width + h * dim, dim), 1.0F);
        }
        append_to_cache(row.subspan(width, width), cache.keys);
        append_to_cache(row.subspan(2 * width, width), cache.values);
        qkv.resize(width);
        queries.push_back(std::move(qkv));
    }
    for (std::size_t t = 0; t < queries.size(); ++t) {
        std::vector<float> attended(width);
        for (std::size_t h = 0; h < heads; ++h) {
            const auto head = [&](auto&& all) { return std::span(all).subspan(h * dim); };
            attend_float(head(queries[t]).first(dim), head(cache.keys), head(cache.values), width,
                         head(attended).first(dim));
        }
        tap(taps, "attention", attended);
        const auto update = apply_transformer_linear(proj_, block.proj, std::move(attended));
        tap(taps, "proj", update);
        add_scaled(residual.subspan(t * width, width), update, modulation.first(width));
    }
}

void QuantizedVar::feed_forward(const QuantizedVarBlock& block, std::span<const float> modulation,
                                std::span<float> token, BlockTaps* taps) const {
    const auto width = token.size();
    auto x = modulated_layer_norm(token, modulation.subspan(3 * width, width),
                                  modulation.subspan(5 * width, width));
    x = apply_transformer_linear(fc1_, block.fc1, std::move(x));
    tap(taps, "fc1", x);
    for (auto& value : x) value = gelu_float(value);
    tap(taps, "gelu", x);
    const auto update = apply_transformer_linear(fc2_, block.fc2, std::move(x));
    tap(taps, "fc2", update);
    add_scaled(token, update, modulation.subspan(width, width));
}

void QuantizedVar::block(const QuantizedVarBlock& block, std::span<const float> modulation,
                         std::span<float> residual, QuantizedVarCache& cache, BlockTaps* taps) const {
    const auto width = index(config_.width);
    if (modulation.size() != 6 * width || residual.size() % width != 0) {
        throw std::invalid_argument(
            "the modulation or the residual stream of a VAR block has the wrong size");
    }
    attention(block, modulation, residual, cache, taps);
    for (std::size_t start = 0; start < residual.size(); start += width)
        feed_forward(block, modulation, residual.subspan(start, width), taps);
}

std::vector<float> QuantizedVar::block_image(const QuantizedVarBlock& block, std::span<const float> condition,
                                             std::span<const float> residual, BlockTaps* taps) const {
    const auto width = index(config_.width);
    if (residual.size() != index(config_.tokens()) * width) {
        throw std::invalid_argument(
            "a residual stream of " + std::to_string(residual.size()) +
            " elements; allowed: " + std::to_string(config_.tokens() * config_.width));
    }
    const auto vectors = modulation(block, condition);
    std::vector<float> result(residual.begin(), residual.end());
    QuantizedVarCache cache;
    for (std::size_t scale = 0; scale < config_.scales.size(); ++scale) {
        const auto part = std::span(result).subspan(index(config_.tokens_until(scale)) * width,
                                                    index(config_.scale_tokens(scale)) * width);
        this->block(block, vectors, part, cache, taps);
    }
    return result;
}

}  // namespace tilewright::models
