// SPDX-License-Identifier: Apache-2.0
#include "models/networks/var_preparation.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tilewright::models {

namespace {

QuantizedVarLinear prepare_linear(const std::vector<float>& weights, std::vector<float> bias,
                                  std::int64_t inputs, const LinearRecipe& recipe,
                                  const TransformerRecipe& all, const std::vector<double>* calibration,
                                  const LearnedScalesOptions& options) {
    const auto channels = static_cast<std::size_t>(inputs);
    const auto outputs = static_cast<std::int64_t>(weights.size()) / inputs;
    LinearTransform transform;
    if (recipe.rotation_block > 0) {
        transform =
            group_hadamard(channels, static_cast<std::size_t>(recipe.rotation_block), all.rotation_seed);
    }
    std::vector<double> matrix(weights.begin(), weights.end());
    QuantizedVarLinear result;
    if (recipe.learned_scales) {
        if (calibration == nullptr) {
            throw std::invalid_argument("learned channel scales without calibration inputs");
        }
        const LinearRounding rounding{row_rounding(recipe.weights, inputs, all.ties),
                                      row_rounding(recipe.activations, inputs, all.ties)};
        transform =
            learn_channel_scales({matrix, *calibration, channels}, transform, rounding, options).transform;
        // What the hardware multiplies by is what the weights are multiplied back with.
        for (auto& scale : transform.channel_scales) {
            result.reciprocal_scales.push_back(static_cast<float>(1 / scale));
            scale = 1 / static_cast<double>(result.reciprocal_scales.back());
        }
    }
    merge_into_weights(transform, matrix, channels);
    const std::vector<float> merged(matrix.begin(), matrix.end());
    result.matrix =
        quantize_matrix(merged, outputs, inputs, row_quantization(recipe.weights, inputs), all.ties);
    result.bias = std::move(bias);
    result.rotation_block = transform.rotation_block;
    result.rotation_signs = transform.rotation_signs;
    return result;
}

}  // namespace

QuantizedVarBlock prepare_var_block(const VarConfig& config, const VarBlockWeights& weights,
                                    const TransformerRecipe& recipe, const VarLinearInputs* calibration,
                                    const LearnedScalesOptions& options) {
    check_var_block(config, weights);
    const auto prepare = [&](const std::vector<float>& matrix, std::vector<float> bias, std::int64_t inputs,
                             const LinearRecipe& linear, std::vector<double> VarLinearInputs::*seen) {
        return prepare_linear(matrix, std::move(bias), inputs, linear, recipe,
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
    block.adaln = weights.adaln;
    block.adaln_bias = weights.adaln_bias;
    return block;
}

}  // namespace tilewright::models
