// SPDX-License-Identifier: Apache-2.0
// Seeded weights and activations of a GPT-BigCode block that no checkpoint is needed for. Linear weights,
// biases behind fc1 and the residual stream with its channels of outliers are drawn as those of a VAR block
// (synthetic_var.hpp); norms have weights of deviation 0.3 around 1 and biases of deviation 0.1: assumptions,
// chosen before any result was seen.
#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/gpt_reference.hpp"
#include "models/weights/gpt_model.hpp"

namespace tilewright::models {

GptBlockWeights synthetic_gpt_block(const GptConfig& config, std::uint64_t seed = 1);

// Embeddings and positions have the deviation 0.02, with which networks of this family are initialised
// (initializer_range of GPTBigCodeConfig), norms that of blocks; the head is the embedding.
GptEndWeights synthetic_gpt_ends(const GptConfig& config, std::uint64_t seed = 1);

// What enters a block, [tokens, width], f32 numbers. `seed` decides the channels, `text` the tokens.
std::vector<double> synthetic_gpt_residual(const GptConfig& config, std::int64_t tokens,
                                           std::uint64_t seed = 1, std::uint64_t text = 1);

}  // namespace tilewright::models
