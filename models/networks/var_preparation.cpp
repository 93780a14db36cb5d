// SPDX-License-Identifier: Apache-2.0
#include "models/networks/var_preparation.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/networks/unquantized_linear.hpp"

namespace tilewright::models {

QuantizedVarBlock prepare_var_block(const VarConfig& config, const VarBlockWeights& weights,
                                    const TransformerRecipe& recipe, const VarLinearInputs* calibration,
                                    const LearnedScalesOptions& options) {
    check_var_block(config, weights);
    const auto prepare = [&](const std::vector<float>& matrix, std::vector<float> bias, std::int64_t inputs,
                             const LinearRecipe& linear, std::vector<double> VarLinearInputs::*seen) {
        return prepare_transformer_linear(matrix, std::move(bias), inputs, linear, recipe,
                                          calibration == nullptr ? nullptr : &(calibration->*seen), options);
    };
    const auto width = static_cast<std::size_t>(config.width);
    std::vector<float> qkv_bias(3 * width);
    std::copy(weights.q_bias.begin(), weights.q_bias.end(), qkv_bias.begin());
    std::copy(weights.v_bias.begin(), weights.v_bias.end(),
              qkv_bias.begin() + static_cast<std::ptrdiff_t>(2 * width));
    QuantizedVarBlock block;
    block.qkv = prepare(weights.qkv, std::move(qkv_bias), config.width, recipe.qkv, &VarLinearInputs::qkv);
    block.proj = prepare(weights.proj, weights.proj_bias, config.width, recipe.proj, &VarLinearInputs::proj);
    block.fc1 = prepare(weights.fc1, weights.fc1_bias, config.width, recipe.fc1, &VarLinearInputs::fc1);
    block.fc2 = prepare(weights.fc2, weights.fc2_bias, config.hidden(), recipe.fc2, &VarLinearInputs::fc2);
    block.query_factors.reserve(weights.scale_mul.size());
    for (const auto scale_mul : weights.scale_mul) {
        block.query_factors.push_back(
            static_cast<float>(std::exp(std::min(static_cast<double>(scale_mul), largest_scale_mul))));
    }
    block.adaln = unquantized_rounded(weights.adaln);
    block.adaln_bias = weights.adaln_bias;
    return block;
}

}  // namespace tilewright::models
