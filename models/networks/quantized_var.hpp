// SPDX-License-Identifier: Apache-2.0
// A VAR block under a transformer recipe, bit for bit: linear layers on quantized operands (QuantizedLinear,
// DualLinear), everything else in binary32 in the order that transformer_operators.hpp states. For each token
// of a scale, fl a rounding to binary32:
//
//   x  = modulated_layer_norm(residual)                  AdaLN by linear_float(silu_float(condition)), once
//   x  = rotate_float(fl(x * reciprocal scale))          qkv and fc1 where the recipe says so
//   q, k, v = fl(linear(x) + bias)                       bias added to the finished sum
//   q, k    l2_normalise; then k and v are rounded to the cache's format, each head's vector by itself, and
//           all tokens of the scale, the present ones included, are attended to as the cache has them
//   residual = fl(residual + fl(gamma * fl(proj + bias)))
//   residual = fl(residual + fl(gamma * fl(fc2(gelu_float(fl(fc1 + bias))) + bias)))
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/kernels/group_quantizer.hpp"
#include "models/networks/block_taps.hpp"
#include "models/networks/var_preparation.hpp"

namespace tilewright::models {

// [tokens, width] each, as the cache's format has them.
struct QuantizedVarCache {
    std::vector<float> keys;
    std::vector<float> values;
};

class QuantizedVar {
  public:
    // The arithmetic of one recipe on one size of block. Throws std::invalid_argument for groups that do not
    // divide the inputs of a linear layer.
    QuantizedVar(const VarConfig& config, const TransformerRecipe& recipe);

    // The six vectors of AdaLN, [6, width].
    std::vector<float> modulation(const QuantizedVarBlock& block, std::span<const float> condition) const;

    // One scale through one block: `residual` [tokens of the scale, width] becomes the block's output and
    // `cache` grows; `taps`, if given, is appended to. Throws std::invalid_argument for a residual that is
    // not whole tokens, and for NaN.
    void block(const QuantizedVarBlock& block, std::span<const float> modulation, std::span<float> residual,
               QuantizedVarCache& cache, BlockTaps* taps = nullptr) const;

    // All scales of an image: `residual` is [config.tokens(), width].
    std::vector<float> block_image(const QuantizedVarBlock& block, std::span<const float> condition,
                                   std::span<const float> residual, BlockTaps* taps = nullptr) const;

    using Linear = TransformerKernel;
    const Linear& qkv() const { return qkv_; }
    const Linear& proj() const { return proj_; }
    const Linear& fc1() const { return fc1_; }
    const Linear& fc2() const { return fc2_; }
    // Of a head's keys or values; nothing when the cache keeps binary32 numbers.
    const std::optional<GroupQuantizer>& cache_quantizer() const { return cache_quantizer_; }

  private:
    void attention(const QuantizedVarBlock& block, std::span<const float> modulation,
                   std::span<float> residual, QuantizedVarCache& cache, BlockTaps* taps) const;
    void feed_forward(const QuantizedVarBlock& block, std::span<const float> modulation,
                      std::span<float> token, BlockTaps* taps) const;
    void append_to_cache(std::span<const float> row, std::vector<float>& cache) const;

    VarConfig config_;
    Linear qkv_;
    Linear proj_;
    Linear fc1_;
    Linear fc2_;
    std::optional<GroupQuantizer> cache_quantizer_;
};

}  // namespace tilewright::models
