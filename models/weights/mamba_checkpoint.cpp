// SPDX-License-Identifier: Apache-2.0
#include "models/weights/mamba_checkpoint.hpp"

#include <nlohmann/json.hpp>

namespace tilewright::models {

using nlohmann::json;

namespace {

// The names that the transformers project uses, in the spelling of state-spaces.
std::string state_spaces_name(std::string name) {
    if (name == "backbone.embeddings.weight") return "backbone.embedding.weight";
    return name;
}

const char* const embedding_name = "backbone.embedding.weight";

// Steps are not limited; null is infinity, which the transformers project may also write as an object.
const std::vector<json> no_limit = {json::array({0.0, nullptr}),
                                    json::array({0.0, {{"__float__", "Infinity"}}})};

// What the state-spaces project builds in several ways and is computed here in its usual one.
void require_state_spaces(const ConfigReader& model, const ConfigReader& block) {
    model.fixed("rms_norm", {true});
    model.fixed("d_intermediate", {0});
    model.fixed("attn_layer_idx", {json::array(), nullptr});
    block.known_keys({"layer",     "d_state",    "d_conv",        "expand",           "headdim",
                      "ngroups",   "d_ssm",      "dt_rank",       "dt_min",           "dt_max",
                      "dt_init",   "dt_scale",   "dt_init_floor", "dt_limit",         "A_init_range",
                      "conv_init", "D_has_hdim", "rmsnorm",       "norm_before_gate", "bias",
                      "conv_bias", "activation", "chunk_size",    "use_fast_path",    "use_mem_eff_path"});
    block.fixed("layer", {"Mamba1", "Mamba2"});
    block.fixed("rmsnorm", {true});
    block.fixed("norm_before_gate", {false});
    block.fixed("D_has_hdim", {false});
    block.fixed("activation", {"swish", "silu"});
    block.fixed("bias", {false});
    block.fixed("conv_bias", {true});
    block.fixed("dt_limit", no_limit);
    // With several groups the gated norm there is one for each.
    block.fixed("ngroups", {1});
}

// The same of the transformers project.
void require_transformers(const ConfigReader& model, const MambaConfig& config) {
    model.fixed("hidden_act", {"silu", "swish"});
    model.fixed("layer_norm_epsilon", {mamba_norm_epsilon});
    model.fixed("rms_norm", {true});
    model.fixed("use_bias", {false});
    model.fixed("use_conv_bias", {true});
    model.fixed("time_step_limit", no_limit);
    if (config.version == MambaVersion::mamba2) {
        if (config.d_inner() % config.head_dim == 0) model.fixed("num_heads", {config.heads()});
    } else {
        model.fixed("intermediate_size", {config.d_inner()});
        model.fixed("time_step_rank", {"auto", config.dt_rank()});
    }
}

}  // namespace

MambaCheckpoint::MambaCheckpoint(const std::filesystem::path& folder)
    : config_(read_config(folder / "config.json")), folder_(folder, state_spaces_name) {
    check_tensors();
}

MambaConfig MambaCheckpoint::read_config(const std::filesystem::path& file) {
    const auto document = read_checkpoint_config(file);
    MambaConfig config;
    const ConfigReader reader(document, file.string());
    // The names of the transformers and the state-spaces project.
    for (const char* key : {"tie_word_embeddings", "tie_embeddings"}) {
        reader.fixed(key, {true, false});
        own_head_ = own_head_ || document.value(key, json(true)) == false;
    }
    const auto model_type = document.contains("model_type") && document.at("model_type").is_string()
                                ? document.at("model_type").get<std::string>()
                                : std::string();
    config.name = model_type.empty() ? "mamba" : model_type;
    if (document.contains("hidden_size")) {  // transformers
        if (model_type != "mamba" && model_type != "mamba2") {
            throw CheckpointError(file.string() + "#/model_type: \"" + model_type +
                                  "\" is not a Mamba model; allowed: mamba, mamba2");
        }
        config.version = model_type == "mamba2" ? MambaVersion::mamba2 : MambaVersion::mamba1;
        config.d_model = reader.required("hidden_size");
        config.layers = static_cast<int>(reader.required("num_hidden_layers"));
        config.d_state = reader.required("state_size");
        config.expand = reader.optional("expand", 2);
        config.head_dim = reader.optional("head_dim", 64);
        config.groups = reader.optional("n_groups", 1);
        config.convolution_width = reader.optional("conv_kernel", 4);
        config.vocabulary = reader.required("vocab_size");
        require_transformers(reader, config);
    } else {
        const auto block = document.value("ssm_cfg", json::object());
        if (!block.is_object()) {
            throw CheckpointError(file.string() + "#/ssm_cfg: is no object; allowed: one, or nothing");
        }
        const ConfigReader block_reader(block, file.string(), "/ssm_cfg");
        require_state_spaces(reader, block_reader);
        const bool mamba2 = block.value("layer", json()) == "Mamba2";
        config.version = mamba2 ? MambaVersion::mamba2 : MambaVersion::mamba1;
        config.d_model = reader.required("d_model");
        config.layers = static_cast<int>(reader.required("n_layer"));
        config.d_state = block_reader.optional("d_state", mamba2 ? 128 : 16);
        config.expand = block_reader.optional("expand", 2);
        config.head_dim = block_reader.optional("headdim", 64);
        config.groups = block_reader.optional("ngroups", 1);
        config.convolution_width = block_reader.optional("d_conv", 4);
        block_reader.fixed("d_ssm", {nullptr, config.d_inner()});
        block_reader.fixed("dt_rank", {"auto", config.dt_rank()});
        // The embedding is padded to a multiple of this.
        const auto multiple = reader.optional("pad_vocab_size_multiple", 8);
        config.vocabulary = (reader.required("vocab_size") + multiple - 1) / multiple * multiple;
    }
    if (config.version != MambaVersion::mamba2) return config;
    if (config.d_inner() % config.head_dim != 0) {
        throw CheckpointError(file.string() + ": the head dimension " + std::to_string(config.head_dim) +
                              " does not divide expand * d_model = " + std::to_string(config.d_inner()));
    }
    if (config.heads() % config.groups != 0) {
        throw CheckpointError(file.string() + ": " + std::to_string(config.groups) +
                              " groups do not divide " + std::to_string(config.heads()) + " heads");
    }
    return config;
}

void MambaCheckpoint::check_tensors() const {
    // Before a table of weights is made that might be larger than any checkpoint.
    if (static_cast<std::size_t>(config_.layers) > folder_.size()) {
        throw CheckpointError(folder_.folder() + ": config.json says " + std::to_string(config_.layers) +
                              " layers; the files have " + std::to_string(folder_.size()) + " tensors");
    }
    const auto shapes = mamba_weight_shapes(config_);
    for (const auto& [name, shape] : shapes) folder_.check(name, shape);
    for (const auto& name : folder_.names()) {
        if (shapes.count(name) > 0 || name == checkpoint_head_name) continue;
        throw CheckpointError(folder_.folder() + ": tensor \"" + name +
                              "\" is of nothing that is computed; config.json says " +
                              std::to_string(config_.layers) + " layers of Mamba" +
                              (config_.version == MambaVersion::mamba2 ? "2" : "1"));
    }
    if (own_head_ && !folder_.contains(checkpoint_head_name)) {
        throw CheckpointError(folder_.folder() + ": tensor \"" + checkpoint_head_name +
                              "\" is missing; config.json says that the head is not tied to the embedding");
    }
    if (folder_.contains(checkpoint_head_name) && !folder_.same(checkpoint_head_name, embedding_name)) {
        throw CheckpointError(folder_.folder() + ": tensor \"" + checkpoint_head_name +
                              "\" is not the embedding, which is the head that is computed");
    }
}

}  // namespace tilewright::models
