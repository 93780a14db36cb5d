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

#include <cstdint>
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
                                    const GptLinearInputs* calibration = nullptr,
                                    const LearnedScalesOptions& options = {});

// A block's norms, and what queries are multiplied by, 1 / sqrt(D): in binary32.
std::vector<float> gpt_norm(std::span<const float> x, std::span<const float> weight,
                            std::span<const float> bias);
float gpt_query_factor(std::int64_t head_dim);

// The one head of keys and values of the tokens so far, [tokens, D] each, as the cache's format has them.
struct QuantizedGptCache {
    std::vector<float> keys;
    std::vector<float> values;
};

class QuantizedGpt {
  public:
    // Throws std::invalid_argument for groups that do not divide the inputs of a linear layer or a head's
    // vector.
    QuantizedGpt(const GptConfig& config, const TransformerRecipe& recipe);

    // The next tokens of a text through one block: `residual`, [tokens, width], becomes the block's output,
    // and `cache`, which has the tokens before, grows. Throws std::invalid_argument when it is not whole
    // tokens, and for NaN.
    // `taps`, if given, is appended to.
    void block(const QuantizedGptBlock& block, std::span<float> residual, QuantizedGptCache& cache,
               BlockTaps* taps = nullptr) const;
    // A whole text.
    std::vector<float> block(const QuantizedGptBlock& block, std::span<const float> residual,
                             BlockTaps* taps = nullptr) const;

    const TransformerKernel& qkv() const { return qkv_; }
    const TransformerKernel& proj() const { return proj_; }
    const TransformerKernel& fc1() const { return fc1_; }
    const TransformerKernel& fc2() const { return fc2_; }
    // Of keys or values; nothing when the cache keeps binary32 numbers.
    const std::optional<GroupQuantizer>& cache_quantizer() const { return cache_quantizer_; }

  private:
    GptConfig config_;
    TransformerKernel qkv_;
    TransformerKernel proj_;
    TransformerKernel fc1_;
    TransformerKernel fc2_;
    std::optional<GroupQuantizer> cache_quantizer_;
};

}  // namespace tilewright::models
