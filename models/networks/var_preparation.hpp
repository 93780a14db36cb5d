// SPDX-License-Identifier: Apache-2.0
// What happens to a VAR block's weights before they reach an accelerator: learned channel scales and
// rotations are merged into the linear layers and every matrix is rounded to its format, AdaLN's to fp16.
// Biases and query factors stay in binary32.
#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/transformer_linear.hpp"
#include "models/networks/var_reference.hpp"

namespace tilewright::models {

struct QuantizedVarBlock {
    QuantizedTransformerLinear qkv;  // the bias of the keys is 0
    QuantizedTransformerLinear proj;
    QuantizedTransformerLinear fc1;
    QuantizedTransformerLinear fc2;
    std::vector<float> query_factors;  // exp(min(scale_mul, ln 100)), per head
    std::vector<float> adaln;          // as fp16 has them
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
