// SPDX-License-Identifier: Apache-2.0
#include "cli/infer_input.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "accel/design/config_files.hpp"
#include "models/networks/tokens.hpp"
#include "models/weights/checkpoint_folder.hpp"
#include "sweeps/atomic_file.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

std::vector<std::int64_t> read_tokens(const std::string& path, std::int64_t vocabulary, std::int64_t most) {
    const models::SafetensorsFile file(path);
    const auto& view = file.tensor("tokens");
    if (view.type != models::ElementType::i64 || view.shape.size() != 1 || view.shape.front() == 0) {
        throw models::SafetensorsError(
            path + ": tensor \"tokens\" has another type or shape; allowed: I64, [L] with L > 0");
    }
    if (view.shape.front() > most) {
        throw models::SafetensorsError(
            path + ": " + std::to_string(view.shape.front()) +
            " tokens are more than the network has positions for; allowed: at most " + std::to_string(most));
    }
    std::vector<std::int64_t> tokens;
    for (std::int64_t i = 0; i < view.shape.front(); ++i) {
        tokens.push_back(static_cast<std::int64_t>(view.at(i)));
        try {
            models::require_token(tokens.back(), vocabulary, static_cast<std::size_t>(i));
        } catch (const std::out_of_range& error) {
            throw models::SafetensorsError(path + ": " + error.what());
        }
    }
    return tokens;
}

std::optional<std::string> calibration_path(const po::variables_map& values, const std::string& recipe,
                                            bool needed, const std::string& what) {
    const bool given = values.count("calibration") > 0;
    if (given && !needed) {
        throw UsageError("--calibration: the recipe " + recipe +
                         " has no channel scales; allowed: without it, or a recipe with smoothing or learned "
                         "scales");
    }
    if (!needed) return {};
    if (!given) {
        throw UsageError("the recipe " + recipe +
                         " has channel scales from calibration data; allowed: with --calibration F, " + what);
    }
    return values["calibration"].as<std::string>();
}

std::filesystem::path recipe_path(const po::variables_map& values) {
    return accel::find_recipe(values["recipe"].as<std::string>(), "--recipe");
}

std::string arithmetic(const po::variables_map& values) {
    return values.count("recipe") > 0 ? "with " + values["recipe"].as<std::string>() : "in float64";
}

models::OutputTensor output_rows(const std::vector<double>& values, std::int64_t rows) {
    models::OutputTensor tensor;
    tensor.shape = {rows, static_cast<std::int64_t>(values.size()) / rows};
    tensor.values.assign(values.begin(), values.end());
    return tensor;
}

namespace {

void require_numbers(const po::variables_map& values, const std::vector<double>& numbers) {
    const auto held = [](double number) { return std::isfinite(static_cast<float>(number)); };
    if (std::all_of(numbers.begin(), numbers.end(), held)) return;
    throw models::CheckpointError(values["model"].as<std::string>() + ": " + weights_too_large);
}

}  // namespace

void write_text_output(const po::variables_map& values, std::int64_t rows, const std::vector<double>& logits,
                       const std::vector<std::vector<double>>& blocks) {
    require_numbers(values, logits);
    for (const auto& block : blocks) require_numbers(values, block);
    std::map<std::string, models::OutputTensor> outputs;
    outputs.emplace("logits", output_rows(logits, rows));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        outputs.emplace("blocks." + std::to_string(i), output_rows(blocks[i], rows));
    }
    sweeps::write_file_atomically(values["output"].as<std::string>(), models::safetensors_bytes(outputs));
}

}  // namespace tilewright::cli
