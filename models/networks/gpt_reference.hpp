// SPDX-License-Identifier: Apache-2.0
// The block of GPT-BigCode in float64: what quantized results are measured against.
//
//   x = x + proj(attention(norm1(x)))
//   x = x + fc2(gelu(fc1(norm2(x))))
//
//   norm       (x - mean) / sqrt(variance + 1e-5) weight + bias over the channels
//   attention  every head of queries attends to the one head of keys and values:
//              softmax(q k^T / sqrt(dim)) v over the token itself and those before it
//   gelu       x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
//
// After the authors' configuration (gelu_pytorch_tanh, layer_norm_epsilon 1e-5, scale_attn_weights).
#pragma once

#include <span>
#include <vector>

#include "models/networks/block_taps.hpp"
#include "models/networks/gpt_bigcode.hpp"

namespace tilewright::models {

inline constexpr double gpt_norm_epsilon = 1e-5;

// The weights of one block as checkpoints hold them; C is the width, D the channels of a head, H the hidden
// width.
struct GptBlockWeights {
    std::vector<float> norm1, norm1_bias;  // [C]
    std::vector<float> qkv;                // [C + 2 D, C]: queries head by head, keys, values
    std::vector<float> qkv_bias;
    std::vector<float> proj;  // [C, C]
    std::vector<float> proj_bias;
    std::vector<float> norm2, norm2_bias;  // [C]
    std::vector<float> fc1;                // [H, C]
    std::vector<float> fc1_bias;
    std::vector<float> fc2;  // [C, H]
    std::vector<float> fc2_bias;
};

// What a block fed its linear layers, token after token: what calibration looks at.
struct GptLinearInputs {
    std::vector<double> qkv, proj, fc1;  // [tokens, C]
    std::vector<double> fc2;             // [tokens, H], behind GELU
};

// Every token of x, [tokens, C].
std::vector<double> gpt_norm_rows(std::span<const double> x, const std::vector<float>& weight,
                                  const std::vector<float>& bias);

// A text through one block: `residual` is [tokens, C]. `inputs` and `taps`, if given, are appended to. Throws
// std::invalid_argument for sizes that do not fit.
std::vector<double> gpt_block(const GptConfig& config, const GptBlockWeights& weights,
                              std::span<const double> residual, GptLinearInputs* inputs = nullptr,
                              BlockTaps* taps = nullptr);

// Throws std::invalid_argument when a tensor does not have its size.
void check_gpt_block(const GptConfig& config, const GptBlockWeights& weights);

}  // namespace tilewright::models
