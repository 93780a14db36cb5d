// SPDX-License-Identifier: Apache-2.0
// How far a recipe takes a block of GPT-BigCode from float64.
#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/block_taps.hpp"
#include "models/networks/gpt_bigcode.hpp"
#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::models {

// Of the operators of a seeded synthetic block over a text, and at last ("block") of what it adds to the
// residual stream; calibration sees another text. Throws std::invalid_argument for groups and rotations that
// do not fit the block.
std::vector<OperatorError> gpt_block_errors(const GptConfig& config, const TransformerRecipe& recipe,
                                            std::int64_t tokens, std::uint64_t seed);

}  // namespace tilewright::models
