// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_gpt_ends.hpp"

#include "models/networks/transformer_operators.hpp"
#include "models/networks/unquantized_linear.hpp"

namespace tilewright::models {

QuantizedGptEnds prepare_gpt_ends(const GptConfig& config, const GptEndWeights& weights) {
    return {weights.embedding, weights.positions, weights.norm, weights.norm_bias,
            unquantized_matrix(weights.head(), config.vocabulary, config.width)};
}

std::vector<float> gpt_logits(std::span<const float> weights, std::span<const float> normed) {
    const std::vector<float> no_bias(weights.size() / normed.size());
    return linear_float(weights, no_bias, normed);
}

}  // namespace tilewright::models
