// SPDX-License-Identifier: Apache-2.0
// What a transformer recipe does to the output of a synthetic VAR block, and which part of the recipe does
// it: the block-level counterpart of FPQVAR's ablation (arXiv 2505.16335), which is about images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/networks/block_taps.hpp"
#include "models/networks/var_preparation.hpp"

namespace tilewright::models {

// A synthetic block, two images that it is seen to process, and what the reference makes of the second.
struct VarSample {
    VarConfig config;
    VarBlockWeights weights;
    std::vector<double> condition;
    VarLinearInputs calibration;   // of the first image
    std::vector<double> residual;  // of the second, [tokens, width]
    std::vector<double> output;    // of the reference for it
    BlockTaps taps;                // of its operators
};

// Throws std::invalid_argument for a config without channels.
VarSample make_var_sample(const VarConfig& config, std::uint64_t seed = 1);

// Signal to noise in decibels of what the block adds to the residual stream, output - residual, which is what
// quantization touches: prepared on the first image, run on the second, over all scales.
double var_update_sqnr_db(const VarSample& sample, const TransformerRecipe& recipe,
                          const LearnedScalesOptions& options = {});

// Of all operators, and at last ("block") the same of what the block adds.
std::vector<OperatorError> var_block_errors(const VarSample& sample, const TransformerRecipe& recipe,
                                            const LearnedScalesOptions& options = {});

struct VarAblationStep {
    std::string name;
    double sqnr_db = 0;
};

// From plain rounding to the whole recipe: "plain", "dual format", "rotation", "learned scales", each with
// all before it, and "key/value cache". Steps that the recipe does not have are left out.
std::vector<VarAblationStep> var_ablation(const VarSample& sample, const TransformerRecipe& recipe,
                                          const LearnedScalesOptions& options = {});

}  // namespace tilewright::models
