// SPDX-License-Identifier: Apache-2.0
#include "models/networks/gpt_text.hpp"

#include <stdexcept>
#include <string>

#include "models/index.hpp"
#include "models/networks/float64_operators.hpp"
#include "models/networks/quantized_gpt.hpp"
#include "models/networks/tokens.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

namespace {

// [tokens, width].
template <typename Number>
std::vector<Number> embed(const GptConfig& config, const GptEndWeights& ends,
                          std::span<const std::int64_t> tokens) {
    if (static_cast<std::int64_t>(tokens.size()) > config.positions) {
        throw std::out_of_range(std::to_string(tokens.size()) + " tokens are more than the network's " +
                                std::to_string(config.positions) + " positions");
    }
    const auto width = index(config.width);
    std::vector<Number> x;
    x.reserve(tokens.size() * width);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        require_token(tokens[t], config.vocabulary, t);
        for (std::size_t c = 0; c < width; ++c) {
            x.push_back(static_cast<Number>(ends.embedding[index(tokens[t]) * width + c]) +
                        static_cast<Number>(ends.positions[t * width + c]));
        }
    }
    return x;
}

template <typename Number>
void keep(GptTextOutput& output, const std::vector<Number>& x) {
    output.blocks.emplace_back(x.begin(), x.end());
}

}  // namespace

GptTextOutput run_gpt_reference(const GptModel& model, std::span<const std::int64_t> tokens,
                                bool keep_blocks) {
    const auto& config = model.config();
    const auto ends = model.ends();
    GptTextOutput output;
    auto x = embed<double>(config, ends, tokens);
    for (int layer = 0; layer < config.layers; ++layer) {
        x = gpt_block(config, model.block(layer), x);
        if (keep_blocks) keep(output, x);
    }
    output.logits =
        linear_rows(ends.head(), {}, gpt_norm_rows(x, ends.norm, ends.norm_bias), index(config.width));
    return output;
}

GptTextOutput run_gpt_quantized(const GptModel& model, const TransformerRecipe& recipe,
                                std::span<const std::int64_t> tokens, bool keep_blocks,
                                std::span<const std::int64_t> calibration) {
    const auto& config = model.config();
    const auto width = index(config.width);
    const auto ends = model.ends();
    const QuantizedGpt network(config, recipe);
    const bool calibrates = needs_calibration(recipe);
    GptTextOutput output;
    auto x = embed<float>(config, ends, tokens);
    auto seen = embed<double>(config, ends, calibrates ? calibration : std::span<const std::int64_t>());
    for (int layer = 0; layer < config.layers; ++layer) {
        const auto weights = model.block(layer);
        GptLinearInputs inputs;
        if (calibrates) seen = gpt_block(config, weights, seen, &inputs);
        x = network.block(prepare_gpt_block(config, weights, recipe, calibrates ? &inputs : nullptr), x);
        if (keep_blocks) keep(output, x);
    }
    const std::vector<float> no_bias(index(config.vocabulary));
    for (std::size_t at = 0; at < x.size(); at += width) {
        const auto normed = gpt_norm(std::span(x).subspan(at, width), ends.norm, ends.norm_bias);
        const auto row = linear_float(ends.head(), no_bias, normed);
        output.logits.insert(output.logits.end(), row.begin(), row.end());
    }
    return output;
}

}  // namespace tilewright::models
