// SPDX-License-Identifier: Apache-2.0
#include "models/networks/gpt_error.hpp"

#include <vector>

#include "models/networks/quantized_gpt.hpp"
#include "models/weights/synthetic_gpt.hpp"

namespace tilewright::models {

ErrorMeasures gpt_update_error(const GptConfig& config, const TransformerRecipe& recipe, std::int64_t tokens,
                               std::uint64_t seed) {
    const auto weights = synthetic_gpt_block(config, seed);
    GptLinearInputs calibration;
    gpt_block(config, weights, synthetic_gpt_residual(config, tokens, seed, 1), &calibration);
    const auto residual = synthetic_gpt_residual(config, tokens, seed, 2);
    const auto reference = gpt_block(config, weights, residual);
    const auto block = prepare_gpt_block(config, weights, recipe, &calibration);
    const std::vector<float> input(residual.begin(), residual.end());
    return measure_update_error(residual, reference, QuantizedGpt(config, recipe).block(block, input));
}

}  // namespace tilewright::models
