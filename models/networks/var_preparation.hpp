// SPDX-License-Identifier: Apache-2.0
// What happens to a VAR block's weights before they reach an accelerator: learned channel scales and
// rotations are merged into the linear layers and every matrix is rounded to its format. AdaLN, biases and
// query factors stay in binary32.
#pragma once

#include <cstdint>
#include <vector>

#include "models/calibration/learned_scales.hpp"
#include "models/kernels/quantized_matrix.hpp"
#include "models/networks/var_reference.hpp"
#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::models {

// A linear layer y = W' (R (x / s)) + b.
struct QuantizedVarLinear {
    QuantizedMatrix matrix;
    std::vector<float> bias;
    std::vector<float> reciprocal_scales;  // 1 / s, per input channel; empty without learned scales
    std::size_t rotation_block = 0;        // of R; 0: none
    std::vector<std::int8_t> rotation_signs;
};

struct QuantizedVarBlock {
    QuantizedVarLinear qkv;  // the bias of the keys is 0
    QuantizedVarLinear proj;
    QuantizedVarLinear fc1;
    QuantizedVarLinear fc2;
    std::vector<float> query_factors;  // exp(min(scale_mul, ln 100)), per head
    std::vector<float> adaln;
    std::vector<float> adaln_bias;
};

// `calibration`, what the reference fed the block's linear layers, is needed for learned scales only; without
// it a recipe that has them throws std::invalid_argument. So do tensors that do not have their sizes, and
// groups and rotations that do not fit.
QuantizedVarBlock prepare_var_block(const VarConfig& config, const VarBlockWeights& weights,
                                    const TransformerRecipe& recipe,
                                    const VarLinearInputs* calibration = nullptr,
                                    const LearnedScalesOptions& options = {});

}  // namespace tilewright::models
