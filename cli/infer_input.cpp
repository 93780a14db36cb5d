// SPDX-License-Identifier: Apache-2.0
#include "cli/infer_input.hpp"

#include <iostream>

#include "accel/design/config_files.hpp"
#include "sweeps/atomic_file.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

std::vector<std::int64_t> read_tokens(const std::string& path) {
    const models::SafetensorsFile file(path);
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

std::filesystem::path recipe_path(const po::variables_map& values) {
    const auto name = values["recipe"].as<std::string>();
    std::error_code error;
    return std::filesystem::exists(name, error) ? std::filesystem::path(name)
                                                : accel::config_root() / "recipes" / (name + ".json");
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

void write_text_output(const po::variables_map& values, std::int64_t rows, const std::vector<double>& logits,
                       const std::vector<std::vector<double>>& blocks) {
    std::map<std::string, models::OutputTensor> outputs;
    outputs.emplace("logits", output_rows(logits, rows));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        outputs.emplace("blocks." + std::to_string(i), output_rows(blocks[i], rows));
    }
    sweeps::write_file_atomically(values["output"].as<std::string>(), models::safetensors_bytes(outputs));
}

}  // namespace tilewright::cli
