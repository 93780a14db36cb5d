// SPDX-License-Identifier: Apache-2.0
// What a transformer's block computes between its quantized linear layers, in binary32. Every addition,
// multiplication, division and square root is rounded to binary32 where it is written, sums run in increasing
// order from 0, and exp and tanh are those of binary64, rounded once. So results do not depend on how work is
// cut into tiles of tokens, heads or outputs; a hardware that sums in another order differs by rounding of
// binary32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tilewright::models {

// d r over one token's channels: mean = sum x / n; d = x - mean; variance = sum d^2 / n;
// r = 1 / sqrt(variance + epsilon).
std::vector<float> standardised(std::span<const float> x, float epsilon);

// (standardised(x, 1e-6) (1 + scale)) + shift, and (standardised(x, epsilon) weight) + bias.
std::vector<float> modulated_layer_norm(std::span<const float> x, std::span<const float> scale,
                                        std::span<const float> shift);
std::vector<float> layer_norm(std::span<const float> x, std::span<const float> weight,
                              std::span<const float> bias, float epsilon);

// x (factor / max(sqrt(sum x^2), 1e-12)), in place.
void l2_normalise(std::span<float> x, float factor);

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in binary64, rounded once.
float gelu_float(float x);

// x / (1 + exp(-x)) and 1 / (1 + exp(-x)), in binary64, rounded once.
float silu_float(float x);
float sigmoid_float(float x);

// Elements of both, added.
std::vector<float> add_float(std::span<const float> a, std::span<const float> b);

// W x + b: the sum of the products, then the bias. W is [b.size(), x.size()].
std::vector<float> linear_float(std::span<const float> weights, std::span<const float> bias,
                                std::span<const float> x);

// q k for all rows of keys. Row t begins at t * stride and has q.size() channels.
std::vector<float> attention_scores(std::span<const float> q, std::span<const float> keys,
                                    std::size_t stride);

// Scores become shares, in place: e^(score - largest) over the sum of all, added up in order.
void softmax_float(std::span<float> scores);

// sum of share times row of values, in order. Row t begins at t * stride and has out.size() channels.
void weighted_sum(std::span<const float> shares, std::span<const float> values, std::size_t stride,
                  std::span<float> out);

// One head of one token, all three: softmax(q k^T) v over all rows of keys and values. Row t of either begins
// at t * stride and has q.size() channels. score = sum q k; e = exp(score - largest score); sum of e in
// order; p = e / sum; out = sum p v in order.
void attend_float(std::span<const float> q, std::span<const float> keys, std::span<const float> values,
                  std::size_t stride, std::span<float> out);

// The rotation of rotate() (hadamard.hpp) for blocks of a power of two, in place: signs, then butterflies
// over pairs 1, 2, 4, ... apart, each sum and difference rounded, then times 1 / sqrt(block) rounded to
// binary32. Throws std::invalid_argument when x is not whole blocks of a power of two, or signs do not match
// a block.
void rotate_float(std::span<float> x, std::size_t block, std::span<const std::int8_t> signs);

}  // namespace tilewright::models
