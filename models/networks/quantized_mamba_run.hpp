// SPDX-License-Identifier: Apache-2.0
// A whole quantized Mamba network on a sequence of tokens, block by block, so that only one block's quantized
// weights are in memory.
#pragma once

#include <cstdint>
#include <span>

#include "models/networks/mamba_reference.hpp"
#include "models/recipes/recipe.hpp"
#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

// Feeds `tokens` in order from an empty state: a prefill token after token. Outputs are those of
// MambaReference, blocks in its basis even where the recipe keeps the residual stream rotated. `calibration`:
// other tokens, which recipes with smoothing take their channel scales from. Throws std::out_of_range for a
// token beyond the vocabulary and std::invalid_argument for smoothing without calibration tokens.
MambaOutput run_quantized(const MambaWeights& weights, const Recipe& recipe,
                          std::span<const std::int64_t> tokens,
                          std::span<const std::int64_t> calibration = {}, bool keep_blocks = false);

}  // namespace tilewright::models
