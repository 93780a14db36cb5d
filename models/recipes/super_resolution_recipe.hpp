// SPDX-License-Identifier: Apache-2.0
// How a binary super-resolution network is quantized beside its binary convolutions: the operands of head,
// upsampler and tail, and what the pixels between the layers are rounded to.
#pragma once

#include <string>

#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::models {

struct SuperResolutionRecipe {
    std::string name;
    // A row of weights is an output channel with its taps, the channels of a tap side by side; a row of
    // inputs a pixel, rounded once for all taps that read it.
    OperandRecipe weights;
    OperandRecipe activations;
    NumberFormat feature_map;  // of every pixel between layers
    TieRule ties = TieRule::to_even;
};

}  // namespace tilewright::models
