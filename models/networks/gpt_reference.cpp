// SPDX-License-Identifier: Apache-2.0
#include "models/networks/gpt_reference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "models/index.hpp"
#include "models/networks/float64_operators.hpp"

namespace tilewright::models {

namespace {

// `qkv` is [tokens, C + 2 D].
std::vector<double> attend(const GptConfig& config, const std::vector<double>& qkv) {
    const auto width = index(config.width);
    const auto dim = index(config.head_dim());
    const auto stride = index(config.qkv_outputs());
    const auto tokens = qkv.size() / stride;
    const auto factor = 1 / std::sqrt(static_cast<double>(dim));
    std::vector<double> result(tokens * width);
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t h = 0; h < index(config.heads); ++h) {
            const auto* q = &qkv[t * stride + h * dim];
            std::vector<double> shares(t + 1);
            for (std::size_t s = 0; s <= t; ++s) {
                const auto* k = &qkv[s * stride + width];
                for (std::size_t c = 0; c < dim; ++c) shares[s] += q[c] * k[c];
                shares[s] *= factor;
            }
            const auto most = *std::max_element(shares.begin(), shares.end());
            double sum = 0;
            for (auto& share : shares) sum += share = std::exp(share - most);
            for (std::size_t s = 0; s <= t; ++s) {
                const auto* v = &qkv[s * stride + width + dim];
                for (std::size_t c = 0; c < dim; ++c) {
                    result[t * width + h * dim + c] += shares[s] / sum * v[c];
                }
            }
        }
    }
    return result;
}

}  // namespace

std::vector<double> gpt_norm_rows(std::span<const double> x, const std::vector<float>& weight,
                                  const std::vector<float>& bias) {
    auto y = standardised_rows(x, weight.size(), gpt_norm_epsilon);
    for (std::size_t i = 0; i < y.size(); ++i) {
        const auto c = i % weight.size();
        y[i] = y[i] * static_cast<double>(weight[c]) + static_cast<double>(bias[c]);
    }
    return y;
}

void check_gpt_block(const GptConfig& config, const GptBlockWeights& weights) {
    const auto c = index(config.width);
    const auto qkv = index(config.qkv_outputs());
    const auto hidden = index(config.hidden);
    const struct {
        const char* name;
        const std::vector<float>& tensor;
        std::size_t size;
    } tensors[] = {{"ln_1", weights.norm1, c},
                   {"ln_1's bias", weights.norm1_bias, c},
                   {"c_attn", weights.qkv, qkv * c},
                   {"c_attn's bias", weights.qkv_bias, qkv},
                   {"c_proj", weights.proj, c * c},
                   {"c_proj's bias", weights.proj_bias, c},
                   {"ln_2", weights.norm2, c},
                   {"ln_2's bias", weights.norm2_bias, c},
                   {"c_fc", weights.fc1, hidden * c},
                   {"c_fc's bias", weights.fc1_bias, hidden},
                   {"mlp.c_proj", weights.fc2, c * hidden},
                   {"mlp.c_proj's bias", weights.fc2_bias, c}};
    for (const auto& [name, tensor, size] : tensors) {
        if (tensor.size() == size) continue;
        throw std::invalid_argument(std::string(name) + " of a GPT-BigCode block has " +
                                    std::to_string(tensor.size()) +
                                    " elements; allowed: " + std::to_string(size));
    }
}

std::vector<double> gpt_block(const GptConfig& config, const GptBlockWeights& weights,
                              std::span<const double> residual, GptLinearInputs* inputs, BlockTaps* taps) {
    check_gpt_block(config, weights);
    const auto width = index(config.width);
    if (residual.size() % width != 0) {
        throw std::invalid_argument("the residual stream of a GPT-BigCode block is not whole tokens");
    }
    std::vector<double> x(residual.begin(), residual.end());
    const auto add = [&](const std::vector<double>& update) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += update[i];
    };
    const auto keep = [&](std::vector<double> GptLinearInputs::*to, const std::vector<double>& values) {
        if (inputs != nullptr) (inputs->*to).insert((inputs->*to).end(), values.begin(), values.end());
    };
    const auto tap = [&](const char* name, const std::vector<double>& values) {
        if (taps != nullptr) taps->add(name, values);
    };
    auto y = gpt_norm_rows(x, weights.norm1, weights.norm1_bias);
    keep(&GptLinearInputs::qkv, y);
    y = linear_rows(weights.qkv, weights.qkv_bias, y, width);
    tap("qkv", y);
    y = attend(config, y);
    tap("attention", y);
    keep(&GptLinearInputs::proj, y);
    y = linear_rows(weights.proj, weights.proj_bias, y, width);
    tap("proj", y);
    add(y);
    y = gpt_norm_rows(x, weights.norm2, weights.norm2_bias);
    keep(&GptLinearInputs::fc1, y);
    y = linear_rows(weights.fc1, weights.fc1_bias, y, width);
    tap("fc1", y);
    for (auto& value : y) value = gelu_tanh(value);
    tap("gelu", y);
    keep(&GptLinearInputs::fc2, y);
    y = linear_rows(weights.fc2, weights.fc2_bias, y, index(config.hidden));
    tap("fc2", y);
    add(y);
    return x;
}

}  // namespace tilewright::models
