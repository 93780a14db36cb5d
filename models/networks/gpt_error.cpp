// SPDX-License-Identifier: Apache-2.0
#include "models/networks/gpt_error.hpp"

#include <vector>

#include "models/networks/quantized_gpt.hpp"
#include "models/weights/synthetic_gpt.hpp"

namespace tilewright::models {

std::vector<OperatorError> gpt_block_errors(const GptConfig& config, const TransformerRecipe& recipe,
                                            std::int64_t tokens, std::uint64_t seed) {
    const auto weights = synthetic_gpt_block(config, seed);
    GptLinearInputs calibration;
    gpt_block(config, weights, synthetic_gpt_residual(config, tokens, seed, 1), &calibration);
    const auto residual = synthetic_gpt_residual(config, tokens, seed, 2);
    BlockTaps reference_taps;
    const auto reference = gpt_block(config, weights, residual, nullptr, &reference_taps);
    const auto block = prepare_gpt_block(config, weights, recipe, &calibration);
    const std::vector<float> input(residual.begin(), residual.end());
    BlockTaps taps;
    const auto made = QuantizedGpt(config, recipe).block(block, input, &taps);
    auto errors = transformer_operator_errors(reference_taps, taps);
    errors.push_back({"block", measure_update_error(residual, reference, made)});
    return errors;
}

}  // namespace tilewright::models
