// SPDX-License-Identifier: Apache-2.0
#include "models/networks/transformer_linear.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

QuantizedTransformerLinear prepare_transformer_linear(const std::vector<float>& weights,
                                                      std::vector<float> bias, std::int64_t inputs,
                                                      const LinearRecipe& recipe,
                                                      const TransformerRecipe& all,
                                                      const std::vector<double>* calibration,
                                                      const LearnedScalesOptions& options) {
    const auto channels = static_cast<std::size_t>(inputs);
    const auto outputs = static_cast<std::int64_t>(weights.size()) / inputs;
    LinearTransform transform;
    if (recipe.rotation_block > 0) {
        transform =
            group_hadamard(channels, static_cast<std::size_t>(recipe.rotation_block), all.rotation_seed);
    }
    std::vector<double> matrix(weights.begin(), weights.end());
    QuantizedTransformerLinear result;
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

TransformerKernel transformer_kernel(const LinearRecipe& recipe, std::int64_t inputs, TieRule ties) {
    const auto weights = row_quantization(recipe.weights, inputs);
    const auto activations = row_quantization(recipe.activations, inputs);
    for (const auto group : {weights.group_size, activations.group_size}) {
        if (group == 0 || inputs % group == 0) continue;
        throw std::invalid_argument("groups of " + std::to_string(group) + " in a linear layer of " +
                                    std::to_string(inputs) + " inputs; allowed: whole groups");
    }
    if (recipe.activations.dual) {
        return DualLinear(weights, *recipe.activations.dual, activations.group_size, inputs, ties);
    }
    return QuantizedLinear(weights, activations, inputs, exact_accumulator, ties);
}

int required_accumulator_bits(const TransformerKernel& kernel) {
    return std::visit([](const auto& kind) { return kind.required_accumulator_bits(); }, kernel);
}

std::vector<float> apply_transformer_linear(const TransformerKernel& linear,
                                            const QuantizedTransformerLinear& layer, std::vector<float> x) {
    for (std::size_t c = 0; c < layer.reciprocal_scales.size(); ++c) x[c] *= layer.reciprocal_scales[c];
    if (layer.rotation_block > 0) rotate_float(x, layer.rotation_block, layer.rotation_signs);
    const std::vector<double> input(x.begin(), x.end());
    const auto sums = std::visit([&](const auto& kind) { return kind.apply(layer.matrix, input); }, linear);
    std::vector<float> y(sums.begin(), sums.end());
    for (std::size_t n = 0; n < y.size(); ++n) y[n] += layer.bias[n];
    return y;
}

std::optional<GroupQuantizer> make_cache_quantizer(const TransformerRecipe& recipe, std::int64_t head_dim) {
    if (!recipe.kv_cache) return {};
    std::optional<GroupQuantizer> quantizer;
    quantizer.emplace(row_quantization(*recipe.kv_cache, head_dim), recipe.ties);
    const auto group = static_cast<std::int64_t>(quantizer->group());
    if (head_dim % group != 0) {
        throw std::invalid_argument("groups of " + std::to_string(group) + " in a head's vector of " +
                                    std::to_string(head_dim) + "; allowed: whole groups");
    }
    return quantizer;
}

}  // namespace tilewright::models
