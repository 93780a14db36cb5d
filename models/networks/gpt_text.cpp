// SPDX-License-Identifier: Apache-2.0
#include "models/networks/gpt_text.hpp"

#include <stdexcept>
#include <string>

#include "models/index.hpp"
#include "models/networks/float64_operators.hpp"
#include "models/networks/quantized_gpt.hpp"
#include "models/networks/quantized_gpt_ends.hpp"
#include "models/networks/tokens.hpp"
#include "models/networks/transformer_operators.hpp"
#include "models/networks/unquantized_linear.hpp"

namespace tilewright::models {

namespace {

void require_text(const GptConfig& config, std::span<const std::int64_t> tokens) {
    if (static_cast<std::int64_t>(tokens.size()) > config.positions) {
        throw std::out_of_range(std::to_string(tokens.size()) + " tokens are more than the network's " +
                                std::to_string(config.positions) + " positions");
    }
    for (std::size_t t = 0; t < tokens.size(); ++t) require_token(tokens[t], config.vocabulary, t);
}

std::span<const float> row_of(const std::vector<float>& rows, std::size_t row, std::size_t width) {
    return std::span(rows).subspan(row * width, width);
}

// [tokens, width].
std::vector<double> embed(const GptConfig& config, const GptEndWeights& ends,
                          std::span<const std::int64_t> tokens) {
    require_text(config, tokens);
    const auto width = index(config.width);
    std::vector<double> x;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        const auto embedding = row_of(ends.embedding, index(tokens[t]), width);
        const auto position = row_of(ends.positions, t, width);
        for (std::size_t c = 0; c < width; ++c) {
            x.push_back(static_cast<double>(embedding[c]) + static_cast<double>(position[c]));
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
    auto x = embed(config, ends, tokens);
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
    require_text(config, tokens);
    const bool calibrates = needs_calibration(recipe);
    const QuantizedGpt network(config, recipe);
    QuantizedGptEnds ends;
    std::vector<double> seen;
    {
        const auto weights = model.ends();
        if (calibrates) seen = embed(config, weights, calibration);
        ends = prepare_gpt_ends(config, weights);
    }
    GptTextOutput output;
    std::vector<float> x;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        const auto row =
            add_float(row_of(ends.embedding, index(tokens[t]), width), row_of(ends.positions, t, width));
        x.insert(x.end(), row.begin(), row.end());
    }
    for (int layer = 0; layer < config.layers; ++layer) {
        const auto weights = model.block(layer);
        GptLinearInputs inputs;
        if (calibrates) seen = gpt_block(config, weights, seen, &inputs);
        x = network.block(prepare_gpt_block(config, weights, recipe, calibrates ? &inputs : nullptr), x);
        if (keep_blocks) keep(output, x);
    }
    const auto head = unquantized_numbers(ends.head.codes);
    for (std::size_t at = 0; at < x.size(); at += width) {
        const auto row =
            gpt_logits(head, gpt_norm(std::span(x).subspan(at, width), ends.norm, ends.norm_bias));
        output.logits.insert(output.logits.end(), row.begin(), row.end());
    }
    return output;
}

}  // namespace tilewright::models
