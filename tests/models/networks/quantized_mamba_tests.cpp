// SPDX-License-Identifier: Apache-2.0
// Quantized networks against the float64 reference.
#include <vector>

#include <catch2/catch.hpp>

#include "models/kernels/error_measures.hpp"
#include "models/networks/mamba_preparation.hpp"
#include "models/networks/quantized_mamba.hpp"
#include "models/weights/synthetic_mamba.hpp"

using namespace tilewright::models;

namespace {

Quantization plain(const char* format) {
    Quantization result;
    result.format = number_format(format);
    return result;
}

// Formats so wide that only a wrong formula is visible.
Recipe wide_recipe() {
    Recipe recipe;
    recipe.weights = recipe.activations = recipe.convolution = recipe.state = plain("fp16");
    recipe.ssm_intermediate = number_format("fp32");
    recipe.residual = number_format("fp32");
    return recipe;
}

MambaConfig network(MambaVersion version) {
    MambaConfig config;
    config.version = version;
    config.layers = 2;
    config.d_model = 64;
    config.d_state = 16;
    config.head_dim = 32;
    config.groups = version == MambaVersion::mamba2 ? 2 : 1;
    config.vocabulary = 40;
    return config;
}

std::vector<double> quantized_logits(const SyntheticMamba& weights, const Recipe& recipe,
                                     const std::vector<std::int64_t>& tokens) {
    const QuantizedMamba kernel(weights.config(), recipe);
    const auto ends = prepare_ends(weights, recipe);
    std::vector<QuantizedMambaBlock> blocks;
    std::vector<QuantizedBlockState> states;
    const MambaReference reference(weights);
    auto state = reference.initial_state();
    std::vector<double> stream = synthetic_residual(weights.config(), 12, 99);
    const auto calibration = reference.run_blocks(stream, state);
    for (int layer = 0; layer < weights.config().layers; ++layer) {
        blocks.push_back(
            prepare_block(weights, recipe, layer, &calibration[static_cast<std::size_t>(layer)]));
        states.push_back(kernel.operators().initial_state());
    }
    std::vector<double> logits;
    for (const auto token : tokens) {
        auto residual = kernel.embed(ends, token);
        for (std::size_t layer = 0; layer < blocks.size(); ++layer) {
            kernel.block(blocks[layer], residual, states[layer]);
        }
        const auto row = kernel.logits(ends, residual);
        logits.insert(logits.end(), row.begin(), row.end());
    }
    return logits;
}

}  // namespace

TEST_CASE("with wide formats every way of preparing the weights computes the reference's network") {
    const std::vector<std::int64_t> tokens = {3, 17, 0, 39, 8, 8, 21};
    for (const auto version : {MambaVersion::mamba1, MambaVersion::mamba2}) {
        const SyntheticMamba weights(network(version), 4);
        const MambaReference reference(weights);
        auto state = reference.initial_state();
        const auto expected = reference.run(tokens, state).logits;
        auto recipe = wide_recipe();
        const auto sqnr = [&] {
            return measure_error(expected, quantized_logits(weights, recipe, tokens)).sqnr_db;
        };
        CHECK(sqnr() > 50);
        recipe.rotate_residual = true;
        CHECK(sqnr() > 50);
        recipe.smoothing_alpha = 0.5;
        CHECK(sqnr() > 50);
        recipe.rotate_residual = false;
        CHECK(sqnr() > 50);
        if (version == MambaVersion::mamba1) continue;
        recipe.online_hadamard = true;
        CHECK(sqnr() > 50);
        recipe.smoothing_alpha.reset();
        recipe.rotate_residual = true;
        recipe.functions = FunctionUnits::tables;
        CHECK(sqnr() > 35);
    }
}

TEST_CASE("smoothing without calibration data is refused") {
    const SyntheticMamba weights(network(MambaVersion::mamba2), 4);
    auto recipe = wide_recipe();
    recipe.smoothing_alpha = 0.5;
    CHECK_THROWS_AS(prepare_block(weights, recipe, 0), std::invalid_argument);
}
