// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_mamba_run.hpp"

#include <stdexcept>

#include "models/networks/mamba_preparation.hpp"
#include "models/networks/quantized_mamba.hpp"
#include "models/networks/tokens.hpp"

namespace tilewright::models {

namespace {

// What every block feeds its linear layers on calibration tokens, in float64.
std::vector<LinearInputs> calibrate(const MambaWeights& weights, std::span<const std::int64_t> tokens) {
    const MambaReference reference(weights);
    auto stream = reference.embed(tokens);
    auto state = reference.initial_state();
    return reference.run_blocks(stream, state);
}

}  // namespace

MambaOutput run_quantized(const MambaWeights& weights, const Recipe& recipe,
                          std::span<const std::int64_t> tokens, std::span<const std::int64_t> calibration,
                          bool keep_blocks) {
    const auto& config = weights.config();
    if (recipe.smoothing_alpha && calibration.empty()) {
        throw std::invalid_argument("smoothing needs calibration tokens");
    }
    const QuantizedMamba network(config, recipe);
    const auto ends = prepare_ends(weights, recipe);
    const auto width = static_cast<std::size_t>(config.d_model);
    std::vector<double> stream;
    for (const auto token : tokens) {
        require_token(token, config.vocabulary, stream.size() / width);
        const auto row = network.embed(ends, token);
        stream.insert(stream.end(), row.begin(), row.end());
    }
    std::vector<LinearInputs> inputs(static_cast<std::size_t>(config.layers));
    if (recipe.smoothing_alpha) inputs = calibrate(weights, calibration);
    MambaOutput output;
    for (int layer = 0; layer < config.layers; ++layer) {
        const auto block = prepare_block(weights, recipe, layer, &inputs[static_cast<std::size_t>(layer)]);
        auto state = network.operators().initial_state();
        for (std::size_t at = 0; at < stream.size(); at += width) {
            network.block(block, std::span(stream).subspan(at, width), state);
        }
        if (!keep_blocks) continue;
        auto& kept = output.blocks.emplace_back();
        for (std::size_t at = 0; at < stream.size(); at += width) {
            const auto row = network.unrotated(std::span(stream).subspan(at, width));
            kept.insert(kept.end(), row.begin(), row.end());
        }
    }
    for (std::size_t at = 0; at < stream.size(); at += width) {
        const auto row = network.logits(ends, std::span(stream).subspan(at, width));
        output.logits.insert(output.logits.end(), row.begin(), row.end());
    }
    return output;
}

}  // namespace tilewright::models
