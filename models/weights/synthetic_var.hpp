// SPDX-License-Identifier: Apache-2.0
// Seeded weights and activations of a VAR block that no checkpoint is needed for, with the two properties
// that FPQVAR (arXiv 2505.16335) publishes of real ones: fc2's input is highly imbalanced behind GELU, and
// channels with outliers change from scale to scale. The same on every platform.
//
// What is drawn, and why; all sizes are assumptions, chosen before any result was seen unless marked:
//   linear weights   Student t with six degrees of freedom times a log-normal scale per input channel, over
//                    sqrt(inputs): trained weights have tails beyond the Gaussian
//   fc1              preactivations of deviation near 1.5 around a bias near -1: mostly negative, so GELU
//                    leaves many small negative numbers, no less than -0.17, and a long positive tail
//   scale_mul        ln 4 (the value that training starts from in the authors' code) up to ln 16
//   AdaLN            gamma log-normal around 0.5; scale and shift normal with deviation 0.3; the condition
//   moves
//                    them by a fraction of that
//   residual stream  Student t times a log-normal scale per channel. One channel in each run of 32 has
//                    outliers, 5 to 40 times larger: half of them at all scales, the others at one scale each
#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/var.hpp"
#include "models/weights/var_model.hpp"

namespace tilewright::models {

// Throws std::invalid_argument for a config without channels.
VarBlockWeights synthetic_var_block(const VarConfig& config, std::uint64_t seed = 1);

// A class embedding, [width], normal with variance 1.
std::vector<double> synthetic_var_condition(const VarConfig& config, std::uint64_t seed = 1);

// The ends of a VAR: embeddings normal with variance 1, start, positions and levels with deviation 0.02,
// matrices as those of a block.
VarEndWeights synthetic_var_ends(const VarConfig& config, std::uint64_t seed = 1);

// What enters a block over a whole image, [config.tokens(), width], f32 numbers. `seed` decides the channels,
// `image` the tokens.
std::vector<double> synthetic_var_residual(const VarConfig& config, std::uint64_t seed = 1,
                                           std::uint64_t image = 1);

}  // namespace tilewright::models
