// SPDX-License-Identifier: Apache-2.0
#include "models/networks/transformer_operators.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

#include "models/networks/float64_operators.hpp"
#include "models/networks/var_reference.hpp"

namespace tilewright::models {

namespace {

float sum_of_squares(std::span<const float> x) {
    float sum = 0;
    for (const auto value : x) sum += value * value;
    return sum;
}

float exp_float(float x) {
    return static_cast<float>(std::exp(static_cast<double>(x)));
}

}  // namespace

std::vector<float> standardised(std::span<const float> x, float epsilon) {
    const auto channels = static_cast<float>(x.size());
    float sum = 0;
    for (const auto value : x) sum += value;
    const auto mean = sum / channels;
    std::vector<float> y(x.size());
    for (std::size_t c = 0; c < x.size(); ++c) y[c] = x[c] - mean;
    const auto variance = sum_of_squares(y) / channels;
    const auto reciprocal = 1.0F / std::sqrt(variance + epsilon);
    for (auto& value : y) value *= reciprocal;
    return y;
}

std::vector<float> modulated_layer_norm(std::span<const float> x, std::span<const float> scale,
                                        std::span<const float> shift) {
    auto y = standardised(x, static_cast<float>(layer_norm_epsilon));
    for (std::size_t c = 0; c < x.size(); ++c) y[c] = y[c] * (1.0F + scale[c]) + shift[c];
    return y;
}

std::vector<float> layer_norm(std::span<const float> x, std::span<const float> weight,
                              std::span<const float> bias, float epsilon) {
    auto y = standardised(x, epsilon);
    for (std::size_t c = 0; c < x.size(); ++c) y[c] = y[c] * weight[c] + bias[c];
    return y;
}

void l2_normalise(std::span<float> x, float factor) {
    const auto norm = std::max(std::sqrt(sum_of_squares(x)), static_cast<float>(smallest_norm));
    const auto ratio = factor / norm;
    for (auto& value : x) value *= ratio;
}

float gelu_float(float x) {
    return static_cast<float>(gelu_tanh(static_cast<double>(x)));
}

float silu_float(float x) {
    const auto wide = static_cast<double>(x);
    return static_cast<float>(wide / (1 + std::exp(-wide)));
}

float sigmoid_float(float x) {
    return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x))));
}

std::vector<float> add_float(std::span<const float> a, std::span<const float> b) {
    std::vector<float> sum(a.begin(), a.end());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += b[i];
    return sum;
}

std::vector<float> linear_float(std::span<const float> weights, std::span<const float> bias,
                                std::span<const float> x) {
    std::vector<float> y(bias.size());
    for (std::size_t n = 0; n < y.size(); ++n) {
        const auto row = weights.subspan(n * x.size(), x.size());
        float sum = 0;
        for (std::size_t k = 0; k < x.size(); ++k) sum += row[k] * x[k];
        y[n] = sum + bias[n];
    }
    return y;
}

std::vector<float> attention_scores(std::span<const float> q, std::span<const float> keys,
                                    std::size_t stride) {
    std::vector<float> scores;
    scores.reserve(keys.size() / stride + 1);
    for (std::size_t at = 0; at + q.size() <= keys.size(); at += stride) {
        float score = 0;
        for (std::size_t c = 0; c < q.size(); ++c) score += q[c] * keys[at + c];
        scores.push_back(score);
    }
    return scores;
}

void softmax_float(std::span<float> scores) {
    const auto largest = *std::max_element(scores.begin(), scores.end());
    float sum = 0;
    for (auto& score : scores) {
        score = exp_float(score - largest);
        sum += score;
    }
    for (auto& score : scores) score /= sum;
}

void weighted_sum(std::span<const float> shares, std::span<const float> values, std::size_t stride,
                  std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0F);
    for (std::size_t t = 0; t < shares.size(); ++t) {
        for (std::size_t c = 0; c < out.size(); ++c) out[c] += shares[t] * values[t * stride + c];
    }
}

void attend_float(std::span<const float> q, std::span<const float> keys, std::span<const float> values,
                  std::size_t stride, std::span<float> out) {
    auto shares = attention_scores(q, keys, stride);
    softmax_float(shares);
    weighted_sum(shares, values, stride, out);
}

void rotate_float(std::span<float> x, std::size_t block, std::span<const std::int8_t> signs) {
    if (!std::has_single_bit(block) || x.size() % block != 0 || (!signs.empty() && signs.size() != block)) {
        throw std::invalid_argument(
            "a rotation of " + std::to_string(x.size()) + " channels in blocks of " + std::to_string(block) +
            " with " + std::to_string(signs.size()) +
            " signs; allowed: whole blocks of a power of two, a sign for each or none");
    }
    const auto factor = static_cast<float>(1 / std::sqrt(static_cast<double>(block)));
    for (std::size_t start = 0; start < x.size(); start += block) {
        const auto points = x.subspan(start, block);
        for (std::size_t i = 0; i < signs.size(); ++i) {
            if (signs[i] < 0) points[i] = -points[i];
        }
        for (std::size_t apart = 1; apart < block; apart *= 2) {
            for (std::size_t i = 0; i < block; ++i) {
                if ((i & apart) != 0) continue;
                const auto low = points[i];
                const auto high = points[i + apart];
                points[i] = low + high;
                points[i + apart] = low - high;
            }
        }
        for (auto& value : points) value *= factor;
    }
}

}  // namespace tilewright::models
