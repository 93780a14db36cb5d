// SPDX-License-Identifier: Apache-2.0
// The block of a VAR transformer in float64, scale after scale: what quantized results are measured against.
//
// With the condition c (class embedding) and (gamma1, gamma2, scale1, scale2, shift1, shift2) = A silu(c) +
// a,
//
//   x = x + gamma1 proj(attention(norm(x) (1 + scale1) + shift1))
//   x = x + gamma2 fc2(gelu(fc1(norm(x) (1 + scale2) + shift2)))
//
//   norm       (x - mean) / sqrt(variance + 1e-6) over the channels
//   attention  q = s q' / max(|q'|, 1e-12) with s = exp(min(scale_mul, ln 100)) of the head, k = k' /
//   max(|k'|,
//              1e-12), both over the channels of a head; softmax(q k^T) v without a further factor
//   gelu       x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
//
// A token sees all tokens of its own scale and of those before: "block-causal" (VAR, arXiv 2404.02905, and
// the authors' code, models/basic_var.py). Keys and values of earlier scales come from the cache.
#pragma once

#include <span>
#include <vector>

#include "models/networks/block_taps.hpp"
#include "models/networks/var.hpp"
#include "models/weights/var_weights.hpp"

namespace tilewright::models {

// The largest logarithm of a query factor, ln 100, and the smallest norm that is divided by.
inline constexpr double largest_scale_mul = 4.605170185988092;
inline constexpr double smallest_norm = 1e-12;
inline constexpr double layer_norm_epsilon = 1e-6;

// What attention of one block remembers of the scales so far, [tokens, width] each.
struct VarCache {
    std::vector<double> keys;  // normalised
    std::vector<double> values;
};

// What a block fed its linear layers, scale after scale: what calibration looks at.
struct VarLinearInputs {
    std::vector<double> qkv;   // [tokens, width]
    std::vector<double> proj;  // [tokens, width]
    std::vector<double> fc1;   // [tokens, width]
    std::vector<double> fc2;   // [tokens, hidden], behind GELU
};

// norm(x) (1 + scale) + shift for every row of x.
std::vector<double> modulated_norm_rows(std::span<const double> x, std::span<const double> scale,
                                        std::span<const double> shift);

// The six vectors of AdaLN, [6, width], from a condition [width].
// Throws std::invalid_argument when weights or condition do not have their sizes.
std::vector<double> var_modulation(const VarConfig& config, const VarBlockWeights& weights,
                                   std::span<const double> condition);

// One scale through one block: `residual` [tokens of the scale, width] becomes the block's output and `cache`
// grows. `inputs` and `taps`, if given, are appended to. Throws std::invalid_argument for sizes that do not
// fit.
void var_block(const VarConfig& config, const VarBlockWeights& weights, std::span<const double> modulation,
               std::span<double> residual, VarCache& cache, VarLinearInputs* inputs = nullptr,
               BlockTaps* taps = nullptr);

// All scales of an image, one after the other: `residual` is [config.tokens(), width].
std::vector<double> var_block_image(const VarConfig& config, const VarBlockWeights& weights,
                                    std::span<const double> condition, std::span<const double> residual,
                                    VarLinearInputs* inputs = nullptr, BlockTaps* taps = nullptr);

// Throws std::invalid_argument when a tensor does not have its size.
void check_var_block(const VarConfig& config, const VarBlockWeights& weights);

}  // namespace tilewright::models
