// SPDX-License-Identifier: Apache-2.0
#include "cli/infer_mamba.hpp"

#include <iostream>

#include "accel/design/parse_recipe.hpp"
#include "cli/infer_input.hpp"
#include "models/networks/mamba_reference.hpp"
#include "models/networks/quantized_mamba_run.hpp"
#include "models/weights/mamba_checkpoint.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

models::MambaOutput run_in_float64(const models::MambaWeights& weights,
                                   const std::vector<std::int64_t>& tokens, models::ScanForm scan,
                                   bool keep_blocks) {
    const models::MambaReference network(weights);
    auto state = network.initial_state();
    constexpr std::int64_t chunk = 256;
    return network.run(tokens, state, scan, chunk, keep_blocks);
}

models::MambaOutput run_with_recipe(const models::MambaWeights& weights, const po::variables_map& values,
                                    const std::vector<std::int64_t>& tokens, models::ScanForm scan,
                                    bool keep_blocks) {
    if (scan == models::ScanForm::chunked) {
        throw UsageError(
            "--scan chunked is for float64: the quantized state is rounded at every token; "
            "allowed here: recurrent");
    }
    const auto path = recipe_path(values);
    const auto recipe = accel::load_recipe(path);
    accel::check_recipe(recipe, weights.config(), path.string(), "");
    std::vector<std::int64_t> calibration;
    const bool smooths = recipe.smoothing_alpha.has_value();
    if (const auto file = calibration_path(values, recipe.name, smooths, "other tokens")) {
        calibration = read_tokens(*file, weights.config().vocabulary);
    }
    return models::run_quantized(weights, recipe, tokens, calibration, keep_blocks);
}

}  // namespace

int infer_mamba(const po::variables_map& values) {
    const auto scan_name = values["scan"].as<std::string>();
    if (scan_name != "recurrent" && scan_name != "chunked") {
        throw UsageError("--scan \"" + scan_name + "\" is unknown; allowed: recurrent, chunked");
    }
    const auto scan = scan_name == "chunked" ? models::ScanForm::chunked : models::ScanForm::recurrent;
    const models::MambaCheckpoint checkpoint(values["model"].as<std::string>());
    if (scan == models::ScanForm::chunked && checkpoint.config().version == models::MambaVersion::mamba1) {
        throw UsageError("--scan chunked needs a Mamba2 model; allowed here: recurrent");
    }
    const auto tokens = read_tokens(values["input"].as<std::string>(), checkpoint.config().vocabulary);
    const bool keep_blocks = values.count("all") > 0;
    const auto result = values.count("recipe") > 0
                            ? run_with_recipe(checkpoint, values, tokens, scan, keep_blocks)
                            : run_in_float64(checkpoint, tokens, scan, keep_blocks);
    write_text_output(values, static_cast<std::int64_t>(tokens.size()), result.logits, result.blocks);
    std::cout << tokens.size() << " tokens through " << checkpoint.config().layers << " blocks "
              << arithmetic(values) << "\n";
    return success;
}

}  // namespace tilewright::cli
