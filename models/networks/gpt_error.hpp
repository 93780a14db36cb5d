// SPDX-License-Identifier: Apache-2.0
// How far a recipe takes a block of GPT-BigCode from float64.
#pragma once

#include <cstdint>

#include "models/kernels/error_measures.hpp"
#include "models/networks/gpt_bigcode.hpp"
#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::models {

// Of what a seeded synthetic block adds to the residual stream over a text; calibration sees another text.
// Throws std::invalid_argument for groups and rotations that do not fit the block.
ErrorMeasures gpt_update_error(const GptConfig& config, const TransformerRecipe& recipe, std::int64_t tokens,
                               std::uint64_t seed);

}  // namespace tilewright::models
