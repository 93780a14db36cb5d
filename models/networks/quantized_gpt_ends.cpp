// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_gpt_ends.hpp"

#include "models/formats/codec.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

namespace {

Quantization head_format() {
    return {number_format("fp16"), 0, ScaleKind::none, 0, 0};
}

}  // namespace

QuantizedGptEnds prepare_gpt_ends(const GptConfig& config, const GptEndWeights& weights) {
    return {
        weights.embedding, weights.positions, weights.norm, weights.norm_bias,
        quantize_matrix(weights.head(), config.vocabulary, config.width, head_format(), TieRule::to_even)};
}

std::vector<float> gpt_head_weights(std::span<const std::uint16_t> codes) {
    static const auto table = decode_table(head_format().format);
    std::vector<float> weights;
    weights.reserve(codes.size());
    for (const auto code : codes) weights.push_back(static_cast<float>(table[code]));
    return weights;
}

std::vector<float> gpt_logits(std::span<const float> weights, std::span<const float> normed) {
    const std::vector<float> no_bias(weights.size() / normed.size());
    return linear_float(weights, no_bias, normed);
}

std::vector<float> gpt_embedding(std::span<const float> embedding, std::span<const float> position) {
    std::vector<float> x(embedding.begin(), embedding.end());
    for (std::size_t c = 0; c < x.size(); ++c) x[c] += position[c];
    return x;
}

}  // namespace tilewright::models
