// SPDX-License-Identifier: Apache-2.0
// How the blocks of a transformer are quantized: formats and scales of every linear layer's operands, what is
// done to its inputs first, and the format of the key/value cache. Attention products, norms, AdaLN and the
// residual stream stay in binary32.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/calibration/output_error.hpp"
#include "models/formats/dual_format.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

// Elements that share a scale.
enum class ScaleSharing {
    none,   // the format has no scales
    group,  // runs of group_size consecutive inputs
    row     // a weight's output channel, a token, or a head's vector in the key/value cache
};

// One operand. Scales are absmax over the format's largest value, floating-point numbers of `scale_bits`
// bits.
struct OperandRecipe {
    NumberFormat format;
    std::optional<DualFormat> dual;  // inputs of a linear layer only: instead of `format`, two scales each
    ScaleSharing sharing = ScaleSharing::none;
    std::int64_t group_size = 0;  // of ScaleSharing::group
    int scale_bits = 0;           // 16 or 32; 32 with a dual format

    int bits() const { return dual ? dual->positive.bits : format.bits; }
};

// One class of linear layers.
struct LinearRecipe {
    OperandRecipe weights;
    OperandRecipe activations;
    // GHT: the inputs are rotated by a block-diagonal Hadamard matrix of this many points, a power of two, at
    // run time, and the weights offline; 0: they are not.
    std::int64_t rotation_block = 0;
    // GALT: one scale per input channel in front of the rotation, learned on calibration inputs.
    bool learned_scales = false;
};

struct TransformerRecipe {
    std::string name;
    LinearRecipe qkv;
    LinearRecipe proj;
    LinearRecipe fc1;
    LinearRecipe fc2;
    std::optional<OperandRecipe> kv_cache;  // nothing: binary32
    std::uint64_t rotation_seed = 1;        // of the sign vector that all rotated blocks share
    TieRule ties = TieRule::to_even;        // of every rounding to a format
};

// An operand of rows of `row` elements as the kernels take it. A dual format is given as its positive one.
Quantization row_quantization(const OperandRecipe& operand, std::int64_t row);

// The same as calibration takes it: absmax scales in binary32 whatever scale_bits. Throws
// std::invalid_argument for a format without scales.
OperandRounding row_rounding(const OperandRecipe& operand, std::int64_t row, TieRule ties);

// Bits of one row, scales included; a dual format has two scales where another has one.
std::int64_t row_bits(const OperandRecipe& operand, std::int64_t row);

// Whether a linear layer has learned scales, which come from inputs that have been seen.
bool needs_calibration(const TransformerRecipe& recipe);

// Steps of FPQVAR's ablation: the recipe with less of what makes it better than plain rounding.
TransformerRecipe without_learned_scales(TransformerRecipe recipe);
TransformerRecipe without_rotation(TransformerRecipe recipe);  // and without learned scales
// Inputs in a dual format are rounded to its positive format, which has as many negative values.
TransformerRecipe without_dual_formats(TransformerRecipe recipe);
TransformerRecipe without_kv_quantization(TransformerRecipe recipe);

}  // namespace tilewright::models
