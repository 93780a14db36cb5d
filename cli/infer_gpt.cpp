// SPDX-License-Identifier: Apache-2.0
#include "cli/infer_gpt.hpp"

#include <iostream>
#include <stdexcept>

#include "accel/design/parse_transformer_recipe.hpp"
#include "accel/design/transformer_design.hpp"
#include "cli/infer_input.hpp"
#include "models/networks/gpt_text.hpp"
#include "models/weights/gpt_checkpoint.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

models::GptTextOutput run_with_recipe(const models::GptCheckpoint& checkpoint,
                                      const po::variables_map& values,
                                      const std::vector<std::int64_t>& tokens, bool keep_blocks) {
    const auto path = recipe_path(values);
    const auto recipe = accel::load_transformer_recipe(path);
    accel::check_transformer_recipe(recipe, accel::block_of(checkpoint.config()), path.string(), "");
    std::vector<std::int64_t> calibration;
    const bool needed = models::needs_calibration(recipe);
    if (const auto file = calibration_path(values, recipe.name, needed, "other tokens")) {
        calibration = read_tokens(*file, checkpoint.config().vocabulary, checkpoint.config().positions);
    }
    return models::run_gpt_quantized(checkpoint, recipe, tokens, keep_blocks, calibration);
}

models::GptTextOutput run(const models::GptCheckpoint& checkpoint, const po::variables_map& values,
                          const std::vector<std::int64_t>& tokens) {
    const bool keep_blocks = values.count("all") > 0;
    try {
        return values.count("recipe") > 0 ? run_with_recipe(checkpoint, values, tokens, keep_blocks)
                                          : models::run_gpt_reference(checkpoint, tokens, keep_blocks);
    } catch (const std::invalid_argument&) {  // what came of two infinities
        throw models::CheckpointError(values["model"].as<std::string>() + ": " + weights_too_large);
    }
}

}  // namespace

int infer_gpt(const po::variables_map& values) {
    const models::GptCheckpoint checkpoint(values["model"].as<std::string>());
    const auto& config = checkpoint.config();
    const auto tokens = read_tokens(values["input"].as<std::string>(), config.vocabulary, config.positions);
    const auto result = run(checkpoint, values, tokens);
    write_text_output(values, static_cast<std::int64_t>(tokens.size()), result.logits, result.blocks);
    std::cout << tokens.size() << " tokens through " << config.layers << " blocks " << arithmetic(values)
              << "\n";
    return success;
}

}  // namespace tilewright::cli
