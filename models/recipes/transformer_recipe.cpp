// SPDX-License-Identifier: Apache-2.0
#include "models/recipes/transformer_recipe.hpp"

#include <array>
#include <stdexcept>

namespace tilewright::models {

namespace {

std::array<LinearRecipe*, 4> linears(TransformerRecipe& recipe) {
    return {&recipe.qkv, &recipe.proj, &recipe.fc1, &recipe.fc2};
}

}  // namespace

Quantization row_quantization(const OperandRecipe& operand, std::int64_t row) {
    Quantization result;
    result.format = operand.dual ? operand.dual->positive : operand.format;
    if (operand.sharing == ScaleSharing::none) return result;
    result.group_size = operand.sharing == ScaleSharing::row ? row : operand.group_size;
    result.scale_kind = ScaleKind::floating_point;
    result.scale_bits = operand.scale_bits;
    return result;
}

OperandRounding row_rounding(const OperandRecipe& operand, std::int64_t row, TieRule ties) {
    const auto quantization = row_quantization(operand, row);
    if (quantization.group_size == 0) {
        throw std::invalid_argument("calibration of a format without scales, " +
                                    std::string(quantization.format.name) +
                                    "; allowed: formats with a scale per group or row");
    }
    OperandRounding result;
    result.format = quantization.format;
    result.scaling.group = static_cast<std::size_t>(quantization.group_size);
    result.scaling.rule = ScaleRule::absmax;
    result.scaling.ties = ties;
    result.dual = operand.dual;
    return result;
}

std::int64_t row_bits(const OperandRecipe& operand, std::int64_t row) {
    const auto quantization = row_quantization(operand, row);
    return value_bits(quantization, row) + scale_bits(quantization, row) * (operand.dual ? 2 : 1);
}

TransformerRecipe without_learned_scales(TransformerRecipe recipe) {
    for (auto* linear : linears(recipe)) linear->learned_scales = false;
    return recipe;
}

bool needs_calibration(const TransformerRecipe& recipe) {
    return recipe.qkv.learned_scales || recipe.proj.learned_scales || recipe.fc1.learned_scales ||
           recipe.fc2.learned_scales;
}

TransformerRecipe without_rotation(TransformerRecipe recipe) {
    recipe = without_learned_scales(recipe);
    for (auto* linear : linears(recipe)) linear->rotation_block = 0;
    return recipe;
}

TransformerRecipe without_dual_formats(TransformerRecipe recipe) {
    for (auto* linear : linears(recipe)) {
        auto& inputs = linear->activations;
        if (!inputs.dual) continue;
        inputs.format = inputs.dual->positive;
        inputs.dual.reset();
    }
    return recipe;
}

TransformerRecipe without_kv_quantization(TransformerRecipe recipe) {
    recipe.kv_cache.reset();
    return recipe;
}

}  // namespace tilewright::models
