// SPDX-License-Identifier: Apache-2.0
#include "models/networks/var_ablation.hpp"

#include "models/networks/quantized_var.hpp"
#include "models/weights/synthetic_var.hpp"

namespace tilewright::models {

VarSample make_var_sample(const VarConfig& config, std::uint64_t seed) {
    VarSample sample;
    sample.config = config;
    sample.weights = synthetic_var_block(config, seed);
    sample.condition = synthetic_var_condition(config, seed);
    const auto seen = synthetic_var_residual(config, seed, 1);
    var_block_image(config, sample.weights, sample.condition, seen, &sample.calibration);
    sample.residual = synthetic_var_residual(config, seed, 2);
    sample.output =
        var_block_image(config, sample.weights, sample.condition, sample.residual, nullptr, &sample.taps);
    return sample;
}

namespace {

// The sample's second image through a prepared block.
ErrorMeasures update_error(const VarSample& sample, const QuantizedVarBlock& block,
                           const TransformerRecipe& recipe, BlockTaps* taps = nullptr) {
    const std::vector<float> condition(sample.condition.begin(), sample.condition.end());
    const std::vector<float> residual(sample.residual.begin(), sample.residual.end());
    const auto made = QuantizedVar(sample.config, recipe).block_image(block, condition, residual, taps);
    return measure_update_error(sample.residual, sample.output, made);
}

QuantizedVarBlock prepare(const VarSample& sample, const TransformerRecipe& recipe,
                          const LearnedScalesOptions& options) {
    return prepare_var_block(sample.config, sample.weights, recipe, &sample.calibration, options);
}

}  // namespace

double var_update_sqnr_db(const VarSample& sample, const TransformerRecipe& recipe,
                          const LearnedScalesOptions& options) {
    return update_error(sample, prepare(sample, recipe, options), recipe).sqnr_db;
}

std::vector<OperatorError> var_block_errors(const VarSample& sample, const TransformerRecipe& recipe,
                                            const LearnedScalesOptions& options) {
    BlockTaps taps;
    const auto update = update_error(sample, prepare(sample, recipe, options), recipe, &taps);
    auto errors = transformer_operator_errors(sample.taps, taps);
    errors.push_back({"block", update});
    return errors;
}

std::vector<VarAblationStep> var_ablation(const VarSample& sample, const TransformerRecipe& recipe,
                                          const LearnedScalesOptions& options) {
    const auto no_cache = without_kv_quantization(recipe);
    const auto no_scales = without_learned_scales(no_cache);
    const auto no_rotation = without_rotation(no_cache);
    const auto any = [&](auto has) {
        return has(recipe.qkv) || has(recipe.proj) || has(recipe.fc1) || has(recipe.fc2);
    };
    // The cache's format changes no weights, so the last block is prepared once.
    std::vector<VarAblationStep> steps;
    QuantizedVarBlock block;
    const auto add = [&](const char* name, const TransformerRecipe& step) {
        block = prepare(sample, step, options);
        steps.push_back({name, update_error(sample, block, step).sqnr_db});
    };
    add("plain", without_dual_formats(no_rotation));
    if (any([](const LinearRecipe& linear) { return linear.activations.dual.has_value(); }))
        add("dual format", no_rotation);
    if (any([](const LinearRecipe& linear) { return linear.rotation_block > 0; })) add("rotation", no_scales);
    if (needs_calibration(recipe)) add("learned scales", no_cache);
    if (recipe.kv_cache) steps.push_back({"key/value cache", update_error(sample, block, recipe).sqnr_db});
    return steps;
}

}  // namespace tilewright::models
