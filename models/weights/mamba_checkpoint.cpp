// SPDX-License-Identifier: Apache-2.0
#include "models/weights/mamba_checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

namespace tilewright::models {

using nlohmann::json;

namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text = "[";
    for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
    return text + "]";
}

// Reads counts from config.json and names what is missing or no count.
class ConfigReader {
  public:
    ConfigReader(const json& document, std::string file) : document_(document), file_(std::move(file)) {}

    std::int64_t required(const char* key) const {
        if (!document_.contains(key)) refuse(key, "is missing");
        return count(document_.at(key), key);
    }
    std::int64_t optional(const char* key, std::int64_t otherwise) const {
        return document_.contains(key) ? count(document_.at(key), key) : otherwise;
    }

  private:
    [[noreturn]] void refuse(const char* key, const std::string& what) const {
        throw CheckpointError(file_ + "#/" + key + ": " + what + "; allowed: a count from 1 to 100000000");
    }
    std::int64_t count(const json& value, const char* key) const {
        if (!value.is_number_integer() || value < 1 || value > 100'000'000)
            refuse(key, value.dump() + " is no size");
        return value.get<std::int64_t>();
    }

    const json& document_;
    std::string file_;
};

json read_json(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw CheckpointError(file.string() + ": cannot be read; a checkpoint has one");
    auto document = json::parse(stream, nullptr, false);
    if (!document.is_object()) throw CheckpointError(file.string() + ": is not a JSON object");
    return document;
}

// The names that the transformers project uses, in the spelling of state-spaces.
std::string canonical_name(std::string name) {
    if (name == "backbone.embeddings.weight") return "backbone.embedding.weight";
    return name;
}

}  // namespace

MambaCheckpoint::MambaCheckpoint(const std::filesystem::path& folder) : folder_(folder.string()) {
    read_config(folder / "config.json");
    map_shards(folder);
    check_tensors();
}

void MambaCheckpoint::read_config(const std::filesystem::path& file) {
    const auto document = read_json(file);
    const ConfigReader reader(document, file.string());
    const auto model_type = document.contains("model_type") && document.at("model_type").is_string()
                                ? document.at("model_type").get<std::string>()
                                : std::string();
    config_.name = model_type.empty() ? "mamba" : model_type;
    if (document.contains("hidden_size")) {  // transformers
        if (model_type != "mamba" && model_type != "mamba2") {
            throw CheckpointError(file.string() + "#/model_type: \"" + model_type +
                                  "\" is not a Mamba model; allowed: mamba, mamba2");
        }
        config_.version = model_type == "mamba2" ? MambaVersion::mamba2 : MambaVersion::mamba1;
        config_.d_model = reader.required("hidden_size");
        config_.layers = static_cast<int>(reader.required("num_hidden_layers"));
        config_.d_state = reader.required("state_size");
        config_.expand = reader.optional("expand", 2);
        config_.head_dim = reader.optional("head_dim", 64);
        config_.groups = reader.optional("n_groups", 1);
        config_.convolution_width = reader.optional("conv_kernel", 4);
        config_.vocabulary = reader.required("vocab_size");
    } else {
        const auto block = document.contains("ssm_cfg") && document.at("ssm_cfg").is_object()
                               ? document.at("ssm_cfg")
                               : json::object();
        const ConfigReader block_reader(block, file.string() + "#/ssm_cfg");
        const bool mamba2 = block.contains("layer") && block.at("layer") == "Mamba2";
        config_.version = mamba2 ? MambaVersion::mamba2 : MambaVersion::mamba1;
        config_.d_model = reader.required("d_model");
        config_.layers = static_cast<int>(reader.required("n_layer"));
        config_.d_state = block_reader.optional("d_state", mamba2 ? 128 : 16);
        config_.expand = block_reader.optional("expand", 2);
        config_.head_dim = block_reader.optional("headdim", 64);
        config_.groups = block_reader.optional("ngroups", 1);
        config_.convolution_width = block_reader.optional("d_conv", 4);
        // The embedding is padded to a multiple of this.
        const auto multiple = reader.optional("pad_vocab_size_multiple", 8);
        config_.vocabulary = (reader.required("vocab_size") + multiple - 1) / multiple * multiple;
    }
    if (config_.version != MambaVersion::mamba2) return;
    if (config_.d_inner() % config_.head_dim != 0) {
        throw CheckpointError(file.string() + ": the head dimension " + std::to_string(config_.head_dim) +
                              " does not divide expand * d_model = " + std::to_string(config_.d_inner()));
    }
    if (config_.heads() % config_.groups != 0) {
        throw CheckpointError(file.string() + ": " + std::to_string(config_.groups) +
                              " groups do not divide " + std::to_string(config_.heads()) + " heads");
    }
}

void MambaCheckpoint::map_shards(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> shards;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".safetensors") shards.push_back(entry.path());
    }
    if (shards.empty()) throw CheckpointError(folder_ + ": there is no .safetensors file");
    std::sort(shards.begin(), shards.end());
    files_.reserve(shards.size());
    for (const auto& shard : shards) {
        files_.emplace_back(shard);
        for (const auto& [name, view] : files_.back().tensors()) {
            if (!tensors_.emplace(canonical_name(name), &view).second) {
                throw CheckpointError(shard.string() + ": tensor \"" + name +
                                      "\" stands in another shard already");
            }
        }
    }
}

void MambaCheckpoint::check_tensors() const {
    // Before a table of weights is made that might be larger than any checkpoint.
    if (static_cast<std::size_t>(config_.layers) > tensors_.size()) {
        throw CheckpointError(folder_ + ": config.json says " + std::to_string(config_.layers) +
                              " layers; the files have " + std::to_string(tensors_.size()) + " tensors");
    }
    std::vector<double> values;
    for (const auto& [name, shape] : mamba_weight_shapes(config_)) {
        const auto& view = tensor(name);
        if (view.shape != shape) {
            throw CheckpointError(folder_ + ": tensor \"" + name + "\" has the shape " +
                                  shape_text(view.shape) + "; config.json asks for " + shape_text(shape));
        }
        constexpr std::int64_t piece = 1 << 14;
        values.resize(piece);
        const auto elements = view.elements();
        for (std::int64_t begin = 0; begin < elements; begin += piece) {
            const auto count = std::min(piece, elements - begin);
            view.read(begin, count, values.data());
            for (std::int64_t i = 0; i < count; ++i) {
                if (std::isfinite(values[static_cast<std::size_t>(i)])) continue;
                throw CheckpointError(folder_ + ": tensor \"" + name +
                                      "\" has a value that is not finite at element " +
                                      std::to_string(begin + i));
            }
        }
    }
}

const TensorView& MambaCheckpoint::tensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw CheckpointError(folder_ + ": tensor \"" + name + "\" is missing");
    return *found->second;
}

}  // namespace tilewright::models
