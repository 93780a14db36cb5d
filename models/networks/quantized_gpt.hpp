// SPDX-License-Identifier: Apache-2.0
// A GPT-BigCode block under a transformer recipe, bit for bit: linear layers on quantized operands,
// everything else in binary32, every operation rounded where it is written, sums in increasing order from 0.
// For each token, fl a rounding to binary32:
//
//   x = fl(fl(fl(x - mean) r) weight) + bias   layer_norm() with epsilon 1e-5 (transformer_operators.hpp)
//   q, k, v = fl(linear(x) + bias)             q times fl(1 / sqrt(D)); k, v as the cache has them
//   residual = fl(residual + fl(proj(a) + bias))   with a = attend_float(q, k, v)
//   residual = fl(residual + fl(fc2(g) + bias))    with g = gelu_float(fl(fc1(x) + bias))
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/kernels/group_quantizer.hpp"
#include "models/networks/gpt_reference.hpp"
#include "models/networks/transformer_linear.hpp"

namespace tilewright::models {

struct QuantizedGptBlock {
    std::vector<float> norm1, norm1_bias, norm2, norm2_bias;
    QuantizedTransformerLinear qkv;
    QuantizedTransformerLinear proj;
    QuantizedTransformerLinear fc1;
    QuantizedTransformerLinear fc2;
};

// `calibration` is needed for learned scales only. Throws std::invalid_argument for tensors that do not have
// their sizes, and groups and rotations that do not fit.
QuantizedGptBlock prepare_gpt_block(const GptConfig& config, const GptBlockWeights& weights,
                                    const TransformerRecipe& recipe,
                                    const GptLinearInputs* calibration = nullptr);

class QuantizedGpt {
  public:
    // Throws std::invalid_argument for groups that do not divide the inputs of a linear layer or a head's
    // vector.
    QuantizedGpt(const GptConfig& config, const TransformerRecipe& recipe);

    // A text through one block: `residual` is [tokens, width]. Throws std::invalid_argument when it is not
    // whole tokens, and for NaN.
    std::vector<float> block(const QuantizedGptBlock& block, std::span<const float> residual) const;

  private:
    GptConfig config_;
    TransformerKernel qkv_;
    TransformerKernel proj_;
    TransformerKernel fc1_;
    TransformerKernel fc2_;
    std::optional<GroupQuantizer> cache_quantizer_;
};

}  // namespace tilewright::models
