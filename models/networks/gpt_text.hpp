// SPDX-License-Identifier: Apache-2.0
// A text through a whole GPT-BigCode network, in float64 or under a recipe. Blocks are read one after the
// other, all tokens through each, so that one block's weights are in memory at a time.
//
//   x of token t at position p   embedding(t) + positions(p)
//   logits                       head(norm(x)), the norm that of the blocks (gpt_reference.hpp)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/recipes/transformer_recipe.hpp"
#include "models/weights/gpt_model.hpp"

namespace tilewright::models {

struct GptTextOutput {
    std::vector<double> logits;               // [tokens, vocabulary]
    std::vector<std::vector<double>> blocks;  // if asked for: [tokens, width] behind each
};

// Throw std::out_of_range for a token that the vocabulary does not have, and for more tokens than positions.
GptTextOutput run_gpt_reference(const GptModel& model, std::span<const std::int64_t> tokens,
                                bool keep_blocks);

// Bit for bit: blocks as in quantized_gpt.hpp; embedding, norm and head as in
// quantized_gpt_ends.hpp. `calibration`, other tokens, which go through the network in float64, is
// needed for learned scales only.
GptTextOutput run_gpt_quantized(const GptModel& model, const TransformerRecipe& recipe,
                                std::span<const std::int64_t> tokens, bool keep_blocks,
                                std::span<const std::int64_t> calibration = {});

}  // namespace tilewright::models
