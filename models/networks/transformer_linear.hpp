// SPDX-License-Identifier: Apache-2.0
// A linear layer of a transformer under a recipe, bit for bit: what is merged into its weights before, and
// what is done to its inputs at run time.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "models/calibration/learned_scales.hpp"
#include "models/kernels/dual_linear.hpp"
#include "models/kernels/group_quantizer.hpp"
#include "models/kernels/quantized_linear.hpp"
#include "models/kernels/quantized_matrix.hpp"
#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::models {

// A linear layer y = W' (R (x / s)) + b.
struct QuantizedTransformerLinear {
    QuantizedMatrix matrix;
    std::vector<float> bias;
    std::vector<float> reciprocal_scales;  // 1 / s, per input channel; empty without learned scales
    std::size_t rotation_block = 0;        // of R; 0: none
    std::vector<std::int8_t> rotation_signs;
};

// W [outputs, inputs] rounded to its format, behind rotation and learned scales. `calibration`, rows of
// inputs, is needed for learned scales only; without it a recipe that has them throws std::invalid_argument.
QuantizedTransformerLinear prepare_transformer_linear(const std::vector<float>& weights,
                                                      std::vector<float> bias, std::int64_t inputs,
                                                      const LinearRecipe& recipe,
                                                      const TransformerRecipe& all,
                                                      const std::vector<double>* calibration = nullptr,
                                                      const LearnedScalesOptions& options = {});

// The arithmetic of a layer's operands.
using TransformerKernel = std::variant<QuantizedLinear, DualLinear>;

// Throws std::invalid_argument for groups that do not divide the inputs.
TransformerKernel transformer_kernel(const LinearRecipe& recipe, std::int64_t inputs, TieRule ties);

// Width at which no exact sum of codes can overflow; 0 where sums are those of floating-point adders.
int required_accumulator_bits(const TransformerKernel& kernel);

// Of a head's vectors in the cache; nothing when it keeps binary32 numbers. Throws std::invalid_argument for
// groups that do not divide a vector.
std::optional<GroupQuantizer> make_cache_quantizer(const TransformerRecipe& recipe, std::int64_t head_dim);

// y = W' (R (x / s)) + b for one token; the bias is added to the finished sum, in binary32.
std::vector<float> apply_transformer_linear(const TransformerKernel& kernel,
                                            const QuantizedTransformerLinear& layer, std::vector<float> x);

}  // namespace tilewright::models
