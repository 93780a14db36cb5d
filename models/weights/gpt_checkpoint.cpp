// SPDX-License-Identifier: Apache-2.0
#include "models/weights/gpt_checkpoint.hpp"

#include <charconv>
#include <string>

#include <nlohmann/json.hpp>

namespace tilewright::models {

using nlohmann::json;

namespace {

const std::string block_prefix = "transformer.h.";

// A checkpoint without the head on top leaves the first part of names away.
std::string transformers_name(std::string name) {
    for (const auto* begin : {"wte.", "wpe.", "ln_f.", "h."}) {
        if (name.starts_with(begin)) return "transformer." + name;
    }
    return name;
}

}  // namespace

bool is_gpt_checkpoint(const std::filesystem::path& folder) {
    return read_checkpoint_config(folder / "config.json").value("model_type", json()) == "gpt_bigcode";
}

GptCheckpoint::GptCheckpoint(const std::filesystem::path& folder)
    : folder_(folder, transformers_name), config_(read_config(folder / "config.json")) {
    for (const auto& tensor : build_gpt_graph(config_, {}).tensors) {
        if (tensor.role == TensorRole::weight) folder_.check(tensor.name, tensor.shape);
    }
    const auto file = folder / "config.json";
    const auto document = read_checkpoint_config(file);
    const auto tied = document.value("tie_word_embeddings", json(true));
    if (!tied.is_boolean()) {
        throw CheckpointError(file.string() + "#/tie_word_embeddings: " +
                              tied.dump(-1, ' ', false, json::error_handler_t::replace) +
                              " is neither; allowed: true, false");
    }
    check_head(file.string(), tied.get<bool>());
    for (const auto& name : folder_.names()) {
        if (!name.starts_with(block_prefix)) continue;
        const auto number =
            name.substr(block_prefix.size(), name.find('.', block_prefix.size()) - block_prefix.size());
        int block = -1;
        std::from_chars(number.data(), number.data() + number.size(), block);
        if (std::to_string(block) == number && block < config_.layers) continue;
        throw CheckpointError(file.string() + "#/n_layer: " + std::to_string(config_.layers) +
                              " blocks, but the files have \"" + name + "\"; allowed: all blocks");
    }
}

// The head is the embedding, or has a tensor of its own: both in one file have to agree.
void GptCheckpoint::check_head(const std::string& file, bool tied) {
    own_head_ = !tied;
    if (!tied || folder_.contains(checkpoint_head_name)) {
        folder_.check(checkpoint_head_name, {config_.vocabulary, config_.width});
    }
    if (!tied || !folder_.contains(checkpoint_head_name)) return;
    if (folder_.same(checkpoint_head_name, "transformer.wte.weight")) return;
    throw CheckpointError(file + "#/tie_word_embeddings: true, but " + checkpoint_head_name +
                          " is not the embedding; allowed: false, or the same tensor");
}

GptConfig GptCheckpoint::read_config(const std::filesystem::path& file) const {
    const auto document = read_checkpoint_config(file);
    const ConfigReader reader(document, file.string());
    reader.fixed("multi_query", {true});
    reader.fixed("scale_attn_weights", {true});
    reader.fixed("activation_function", {"gelu_pytorch_tanh"});
    reader.fixed("layer_norm_epsilon", {gpt_norm_epsilon});
    reader.fixed("add_cross_attention", {false});
    GptConfig config;
    config.name = "gpt_bigcode";
    config.layers = static_cast<int>(reader.required("n_layer"));
    config.width = reader.required("n_embd");
    config.heads = reader.required("n_head");
    config.positions = reader.required("n_positions");
    config.vocabulary = reader.required("vocab_size");
    const bool has_hidden = document.contains("n_inner") && !document.at("n_inner").is_null();
    config.hidden = has_hidden ? reader.required("n_inner") : 4 * config.width;
    require_whole_heads(file.string() + "#/n_head", config.heads, config.width);
    folder_.require_blocks(file.string() + "#/n_layer", config.layers);
    return config;
}

GptEndWeights GptCheckpoint::ends() const {
    return {folder_.read("transformer.wte.weight"), folder_.read("transformer.wpe.weight"),
            folder_.read("transformer.ln_f.weight"), folder_.read("transformer.ln_f.bias"),
            own_head_ ? folder_.read(checkpoint_head_name) : std::vector<float>()};
}

GptBlockWeights GptCheckpoint::block(int layer) const {
    const auto read = [&](const char* name) {
        return folder_.read(block_prefix + std::to_string(layer) + "." + name);
    };
    GptBlockWeights weights;
    weights.norm1 = read("ln_1.weight");
    weights.norm1_bias = read("ln_1.bias");
    weights.qkv = read("attn.c_attn.weight");
    weights.qkv_bias = read("attn.c_attn.bias");
    weights.proj = read("attn.c_proj.weight");
    weights.proj_bias = read("attn.c_proj.bias");
    weights.norm2 = read("ln_2.weight");
    weights.norm2_bias = read("ln_2.bias");
    weights.fc1 = read("mlp.c_fc.weight");
    weights.fc1_bias = read("mlp.c_fc.bias");
    weights.fc2 = read("mlp.c_proj.weight");
    weights.fc2_bias = read("mlp.c_proj.bias");
    return weights;
}

}  // namespace tilewright::models
