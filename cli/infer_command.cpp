// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include "accel/design/config_files.hpp"
#include "accel/design/parse_recipe.hpp"
#include "cli/command.hpp"
#include "cli/infer_super_resolution.hpp"
#include "cli/infer_var.hpp"
#include "models/networks/mamba_reference.hpp"
#include "models/networks/quantized_mamba_run.hpp"
#include "models/weights/mamba_checkpoint.hpp"
#include "models/weights/super_resolution_checkpoint.hpp"
#include "sweeps/atomic_file.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

std::vector<std::int64_t> read_tokens(const models::SafetensorsFile& file, const std::string& path) {
    const auto& view = file.tensor("tokens");
    if (view.type != models::ElementType::i64 || view.shape.size() != 1 || view.shape.front() == 0) {
        throw models::SafetensorsError(
            path + ": tensor \"tokens\" has another type or shape; allowed: I64, [L] with L > 0");
    }
    std::vector<std::int64_t> tokens;
    for (std::int64_t i = 0; i < view.shape.front(); ++i)
        tokens.push_back(static_cast<std::int64_t>(view.at(i)));
    return tokens;
}

models::OutputTensor to_output(const std::vector<double>& values, std::int64_t rows) {
    models::OutputTensor tensor;
    tensor.shape = {rows, static_cast<std::int64_t>(values.size()) / rows};
    tensor.values.assign(values.begin(), values.end());
    return tensor;
}

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
    const auto name = values["recipe"].as<std::string>();
    std::error_code error;
    const bool file = std::filesystem::exists(name, error);
    const auto path =
        file ? std::filesystem::path(name) : accel::config_root() / "recipes" / (name + ".json");
    const auto recipe = accel::load_recipe(path);
    accel::check_recipe(recipe, weights.config(), path.string(), "");
    std::vector<std::int64_t> calibration;
    if (values.count("calibration") > 0) {
        const auto calibration_path = values["calibration"].as<std::string>();
        calibration = read_tokens(models::SafetensorsFile(calibration_path), calibration_path);
    }
    if (recipe.smoothing_alpha && calibration.empty()) {
        throw UsageError("the recipe " + recipe.name +
                         " has channel scales from calibration data; allowed: with --calibration F");
    }
    return models::run_quantized(weights, recipe, tokens, calibration, keep_blocks);
}

}  // namespace

int infer_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("model", po::value<std::string>()->required(),
                          "checkpoint directory: config.json and *.safetensors")(
        "input", po::value<std::string>()->required(),
        "safetensors file with tokens (I64, [L]); of VAR, classes (I64, [N]); of super-resolution, image "
        "(F32, "
        "[colors, height, width], 0 to 1)")("output", po::value<std::string>()->required(),
                                            "safetensors file for logits (F32, [L, vocabulary]; of VAR [N, "
                                            "L, codebook], with codes and image); of "
                                            "super-resolution, image")(
        "scan", po::value<std::string>()->default_value("recurrent"),
        "recurrent (token after token) or chunked (Mamba2 prefill by matrix products)")(
        "recipe", po::value<std::string>(),
        "quantization recipe: bit-accurate kernels instead of float64; a file, or a name in configs/recipes")(
        "calibration", po::value<std::string>(),
        "safetensors file with other tokens, for recipes with smoothing")(
        "all", "also write the residual stream after every block");
    options.add(var_options());
    po::variables_map values;
    if (!parse_options(arguments, "infer --model DIR --input F --output F [OPTIONS]", options, "argument", 0,
                       0, values)) {
        return success;
    }
    const auto scan_name = values["scan"].as<std::string>();
    if (scan_name != "recurrent" && scan_name != "chunked") {
        throw UsageError("--scan \"" + scan_name + "\" is unknown; allowed: recurrent, chunked");
    }
    const auto scan = scan_name == "chunked" ? models::ScanForm::chunked : models::ScanForm::recurrent;
    try {
        const auto folder = values["model"].as<std::string>();
        if (is_var_checkpoint(folder)) return infer_var(values);
        if (models::is_super_resolution_checkpoint(folder)) return infer_super_resolution(values);
        const models::MambaCheckpoint checkpoint(values["model"].as<std::string>());
        if (scan == models::ScanForm::chunked &&
            checkpoint.config().version == models::MambaVersion::mamba1) {
            throw UsageError("--scan chunked needs a Mamba2 model; allowed here: recurrent");
        }
        const auto input_path = values["input"].as<std::string>();
        const models::SafetensorsFile input(input_path);
        const auto tokens = read_tokens(input, input_path);
        const bool keep_blocks = values.count("all") > 0;
        const auto result = values.count("recipe") > 0
                                ? run_with_recipe(checkpoint, values, tokens, scan, keep_blocks)
                                : run_in_float64(checkpoint, tokens, scan, keep_blocks);
        const auto rows = static_cast<std::int64_t>(tokens.size());
        std::map<std::string, models::OutputTensor> outputs;
        outputs.emplace("logits", to_output(result.logits, rows));
        for (std::size_t i = 0; i < result.blocks.size(); ++i) {
            outputs.emplace("blocks." + std::to_string(i), to_output(result.blocks[i], rows));
        }
        sweeps::write_file_atomically(values["output"].as<std::string>(), models::safetensors_bytes(outputs));
        std::cout << tokens.size() << " tokens through " << checkpoint.config().layers << " blocks "
                  << (values.count("recipe") > 0 ? "with " + values["recipe"].as<std::string>()
                                                 : "in float64")
                  << "\n";
    } catch (const models::CheckpointError& error) {
        throw UsageError(error.what());
    } catch (const models::SafetensorsError& error) {
        throw UsageError(error.what());
    } catch (const std::out_of_range& error) {
        throw UsageError(values["input"].as<std::string>() + ": " + error.what());
    }
    return success;
}

}  // namespace tilewright::cli
