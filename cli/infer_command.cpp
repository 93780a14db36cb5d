// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/infer_gpt.hpp"
#include "cli/infer_mamba.hpp"
#include "cli/infer_super_resolution.hpp"
#include "cli/infer_var.hpp"
#include "models/weights/checkpoint_folder.hpp"
#include "models/weights/gpt_checkpoint.hpp"
#include "models/weights/safetensors.hpp"
#include "models/weights/super_resolution_checkpoint.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

// A family of networks, and the options that only some of them have.
struct Family {
    const char* name;
    int (*infer)(const po::variables_map& values);
    std::vector<std::string> options;
};

const char* const options_of_some[] = {"scan",  "calibration", "all",    "guidance", "top-k",
                                       "top-p", "seed",        "greedy", "image"};

Family family_of(const std::string& folder) {
    if (is_var_checkpoint(folder)) {
        return {"VAR",
                infer_var,
                {"calibration", "all", "guidance", "top-k", "top-p", "seed", "greedy", "image"}};
    }
    if (models::is_super_resolution_checkpoint(folder)) {
        return {"super-resolution", infer_super_resolution, {"image"}};
    }
    if (models::is_gpt_checkpoint(folder)) return {"GPT-BigCode", infer_gpt, {"calibration", "all"}};
    const auto file = std::filesystem::path(folder) / "config.json";
    const auto document = models::read_checkpoint_config(file);
    if (!document.contains("d_model") && !document.contains("hidden_size")) {
        throw models::CheckpointError(
            file.string() +
            ": no network that is known; allowed: Mamba1 and Mamba2 (d_model or hidden_size), VAR "
            "(patch_nums), GPT-BigCode (model_type), super-resolution (family)");
    }
    return {"Mamba", infer_mamba, {"scan", "calibration", "all"}};
}

void refuse_options_of_others(const Family& family, const po::variables_map& values) {
    for (const std::string option : options_of_some) {
        if (values.count(option) == 0 || values[option].defaulted()) continue;
        const auto& own = family.options;
        if (std::find(own.begin(), own.end(), option) != own.end()) continue;
        std::string allowed;
        for (const auto& one : own) allowed += (allowed.empty() ? "--" : ", --") + one;
        throw UsageError("--" + option + " is not for networks of the family " + family.name +
                         "; allowed here: " + allowed);
    }
}

}  // namespace

int infer_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("model", po::value<std::string>()->required(),
                          "checkpoint directory: config.json and *.safetensors")(
        "input", po::value<std::string>()->required(),
        "safetensors file with tokens (I64, [L]); of VAR, classes (I64, [N]); of super-resolution, image "
        "(F32, [colors, height, width], 0 to 1)")(
        "output", po::value<std::string>()->required(),
        "safetensors file for logits (F32, [L, vocabulary]; of VAR [N, "
        "L, codebook], with codes and image); of "
        "super-resolution, image")(
        "scan", po::value<std::string>()->default_value("recurrent"),
        "recurrent (token after token) or chunked (Mamba2 prefill by matrix products)")(
        "recipe", po::value<std::string>(),
        "quantization recipe: bit-accurate kernels instead of float64; a .json file, or a name in "
        "configs/recipes")(
        "calibration", po::value<std::string>(),
        "safetensors file with other tokens or classes, for recipes with smoothing or learned scales")(
        "all", "also write the residual stream after every block");
    options.add(var_options());
    po::variables_map values;
    if (!parse_options(arguments, "infer --model DIR --input F --output F [OPTIONS]", options, "argument", 0,
                       0, values)) {
        return success;
    }
    check_outputs(values, {{"output"}, {"image"}});
    std::vector<std::filesystem::path> inputs;
    for (const auto* name : {"model", "input", "recipe", "calibration"}) {
        if (values.count(name) > 0) inputs.emplace_back(values[name].as<std::string>());
    }
    keep_inputs(values, {"output", "image"}, inputs);
    try {
        const auto family = family_of(values["model"].as<std::string>());
        refuse_options_of_others(family, values);
        if (values.count("calibration") > 0 && values.count("recipe") == 0) {
            throw UsageError("--calibration is of a recipe; allowed: with --recipe, or without it");
        }
        return family.infer(values);
    } catch (const models::CheckpointError& error) {
        throw UsageError(error.what());
    } catch (const models::SafetensorsError& error) {
        throw UsageError(error.what());
    } catch (const std::out_of_range& error) {
        throw UsageError(values["input"].as<std::string>() + ": " + error.what());
    }
}

}  // namespace tilewright::cli
