// SPDX-License-Identifier: Apache-2.0
#include "models/networks/var_reference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/index.hpp"
#include "models/networks/float64_operators.hpp"

namespace tilewright::models {

namespace {

void normalise(std::span<double> vector, double factor) {
    double squares = 0;
    for (const auto value : vector) squares += value * value;
    const auto norm = std::max(std::sqrt(squares), smallest_norm);
    for (auto& value : vector) value *= factor / norm;
}

// Keys have no bias.
std::vector<double> qkv_of(const VarBlockWeights& weights, const std::vector<double>& x, std::size_t width) {
    auto qkv = linear_rows(weights.qkv, {}, x, width);
    for (std::size_t at = 0; at < qkv.size(); at += 3 * width) {
        for (std::size_t c = 0; c < width; ++c) {
            qkv[at + c] += static_cast<double>(weights.q_bias[c]);
            qkv[at + 2 * width + c] += static_cast<double>(weights.v_bias[c]);
        }
    }
    return qkv;
}

// Attention of the tokens in `qkv` [tokens, 3 C] over all that is cached, their own included.
std::vector<double> attend(const VarConfig& config, const VarBlockWeights& weights, std::vector<double> qkv,
                           VarCache& cache) {
    const auto width = index(config.width);
    const auto dim = index(config.head_dim());
    const auto heads = index(config.heads);
    const auto tokens = qkv.size() / (3 * width);
    for (std::size_t t = 0; t < tokens; ++t) {
        const std::span<double> row(qkv.data() + t * 3 * width, 3 * width);
        for (std::size_t h = 0; h < heads; ++h) {
            const auto scale_mul = static_cast<double>(weights.scale_mul[h]);
            normalise(row.subspan(h * dim, dim), std::exp(std::min(scale_mul, largest_scale_mul)));
            normalise(row.subspan(width + h * dim, dim), 1);
        }
        const auto keys = row.subspan(width, width);
        const auto values = row.subspan(2 * width, width);
        cache.keys.insert(cache.keys.end(), keys.begin(), keys.end());
        cache.values.insert(cache.values.end(), values.begin(), values.end());
    }
    const auto seen = cache.keys.size() / width;
    std::vector<double> result(tokens * width);
    std::vector<double> scores(seen);
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t h = 0; h < heads; ++h) {
            const auto* q = &qkv[t * 3 * width + h * dim];
            for (std::size_t s = 0; s < seen; ++s) {
                const auto* k = &cache.keys[s * width + h * dim];
                scores[s] = 0;
                for (std::size_t c = 0; c < dim; ++c) scores[s] += q[c] * k[c];
            }
            const auto most = *std::max_element(scores.begin(), scores.end());
            double sum = 0;
            for (auto& score : scores) {
                score = std::exp(score - most);
                sum += score;
            }
            for (std::size_t s = 0; s < seen; ++s) {
                const auto* v = &cache.values[s * width + h * dim];
                for (std::size_t c = 0; c < dim; ++c)
                    result[t * width + h * dim + c] += scores[s] / sum * v[c];
            }
        }
    }
    return result;
}

void add_scaled(std::span<double> residual, std::span<const double> update, std::span<const double> gamma) {
    for (std::size_t i = 0; i < residual.size(); ++i) residual[i] += gamma[i % gamma.size()] * update[i];
}

}  // namespace

std::vector<double> modulated_norm_rows(std::span<const double> x, std::span<const double> scale,
                                        std::span<const double> shift) {
    auto y = standardised_rows(x, scale.size(), layer_norm_epsilon);
    for (std::size_t i = 0; i < y.size(); ++i) {
        const auto c = i % scale.size();
        y[i] = y[i] * (1 + scale[c]) + shift[c];
    }
    return y;
}

void check_var_block(const VarConfig& config, const VarBlockWeights& weights) {
    const auto c = index(config.width);
    const auto h = index(config.hidden());
    const std::pair<const std::vector<float>*, std::size_t> sizes[] = {
        {&weights.qkv, 3 * c * c},   {&weights.q_bias, c},         {&weights.v_bias, c},
        {&weights.proj, c * c},      {&weights.proj_bias, c},      {&weights.fc1, h * c},
        {&weights.fc1_bias, h},      {&weights.fc2, c * h},        {&weights.fc2_bias, c},
        {&weights.adaln, 6 * c * c}, {&weights.adaln_bias, 6 * c}, {&weights.scale_mul, index(config.heads)}};
    for (const auto& [tensor, size] : sizes) {
        if (tensor->size() == size) continue;
        throw std::invalid_argument("a tensor of a VAR block has " + std::to_string(tensor->size()) +
                                    " elements; allowed: " + std::to_string(size));
    }
}

std::vector<double> var_modulation(const VarConfig& config, const VarBlockWeights& weights,
                                   std::span<const double> condition) {
    check_var_block(config, weights);
    if (condition.size() != index(config.width)) {
        throw std::invalid_argument("a condition of " + std::to_string(condition.size()) +
                                    " channels; allowed: " + std::to_string(config.width));
    }
    std::vector<double> activated;
    activated.reserve(condition.size());
    for (const auto value : condition) activated.push_back(value / (1 + std::exp(-value)));
    return linear_rows(weights.adaln, weights.adaln_bias, activated, condition.size());
}

void var_block(const VarConfig& config, const VarBlockWeights& weights, std::span<const double> modulation,
               std::span<double> residual, VarCache& cache, VarLinearInputs* inputs, BlockTaps* taps) {
    check_var_block(config, weights);
    const auto width = index(config.width);
    if (modulation.size() != 6 * width || residual.size() % width != 0) {
        throw std::invalid_argument(
            "the modulation or the residual stream of a VAR block has the wrong size");
    }
    const auto part = [&](std::size_t i) { return modulation.subspan(i * width, width); };
    const auto keep = [&](std::vector<double> VarLinearInputs::*to, const std::vector<double>& values) {
        if (inputs == nullptr) return;
        (inputs->*to).insert((inputs->*to).end(), values.begin(), values.end());
    };
    const auto tap = [&](const char* name, const std::vector<double>& values) {
        if (taps != nullptr) taps->add(name, values);
    };
    auto x = modulated_norm_rows(residual, part(2), part(4));
    keep(&VarLinearInputs::qkv, x);
    x = qkv_of(weights, x, width);
    tap("qkv", x);
    x = attend(config, weights, std::move(x), cache);
    tap("attention", x);
    keep(&VarLinearInputs::proj, x);
    x = linear_rows(weights.proj, weights.proj_bias, x, width);
    tap("proj", x);
    add_scaled(residual, x, part(0));
    x = modulated_norm_rows(residual, part(3), part(5));
    keep(&VarLinearInputs::fc1, x);
    x = linear_rows(weights.fc1, weights.fc1_bias, x, width);
    tap("fc1", x);
    for (auto& value : x) value = gelu_tanh(value);
    tap("gelu", x);
    keep(&VarLinearInputs::fc2, x);
    x = linear_rows(weights.fc2, weights.fc2_bias, x, index(config.hidden()));
    tap("fc2", x);
    add_scaled(residual, x, part(1));
}

std::vector<double> var_block_image(const VarConfig& config, const VarBlockWeights& weights,
                                    std::span<const double> condition, std::span<const double> residual,
                                    VarLinearInputs* inputs, BlockTaps* taps) {
    const auto width = index(config.width);
    if (residual.size() != index(config.tokens()) * width) {
        throw std::invalid_argument("a residual stream of " + std::to_string(residual.size()) +
                                    " elements; allowed: " + std::to_string(config.tokens() * config.width));
    }
    const auto modulation = var_modulation(config, weights, condition);
    std::vector<double> result(residual.begin(), residual.end());
    VarCache cache;
    for (std::size_t scale = 0; scale < config.scales.size(); ++scale) {
        const auto part = std::span(result).subspan(index(config.tokens_until(scale)) * width,
                                                    index(config.scale_tokens(scale)) * width);
        var_block(config, weights, modulation, part, cache, inputs, taps);
    }
    return result;
}

}  // namespace tilewright::models
