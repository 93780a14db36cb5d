// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "cli/command.hpp"
#include "models/networks/mamba_reference.hpp"
#include "models/weights/mamba_checkpoint.hpp"
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

}  // namespace

int infer_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("model", po::value<std::string>()->required(),
                          "checkpoint directory: config.json and *.safetensors")(
        "input", po::value<std::string>()->required(), "safetensors file with tokens (I64, [L])")(
        "output", po::value<std::string>()->required(), "safetensors file for logits (F32, [L, vocabulary])")(
        "scan", po::value<std::string>()->default_value("recurrent"),
        "recurrent (token after token) or chunked (Mamba2 prefill by matrix products)")(
        "all", "also write the residual stream after every block");
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
        const models::MambaCheckpoint checkpoint(values["model"].as<std::string>());
        if (scan == models::ScanForm::chunked &&
            checkpoint.config().version == models::MambaVersion::mamba1) {
            throw UsageError("--scan chunked needs a Mamba2 model; allowed here: recurrent");
        }
        const auto input_path = values["input"].as<std::string>();
        const models::SafetensorsFile input(input_path);
        const auto tokens = read_tokens(input, input_path);
        const models::MambaReference network(checkpoint);
        auto state = network.initial_state();
        constexpr std::int64_t chunk = 256;
        const auto result = network.run(tokens, state, scan, chunk, values.count("all") > 0);
        const auto rows = static_cast<std::int64_t>(tokens.size());
        std::map<std::string, models::OutputTensor> outputs;
        outputs.emplace("logits", to_output(result.logits, rows));
        for (std::size_t i = 0; i < result.blocks.size(); ++i) {
            outputs.emplace("blocks." + std::to_string(i), to_output(result.blocks[i], rows));
        }
        sweeps::write_file_atomically(values["output"].as<std::string>(), models::safetensors_bytes(outputs));
        std::cout << tokens.size() << " tokens through " << checkpoint.config().layers
                  << " blocks in float64\n";
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
