// SPDX-License-Identifier: Apache-2.0
#include "models/weights/var_checkpoint.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

namespace tilewright::models {

using nlohmann::json;

VarCheckpoint::VarCheckpoint(const std::filesystem::path& folder)
    : folder_(folder), config_(read_config(folder / "config.json")) {
    // The authors keep a block's offset of the shared AdaLN row by row; in memory it is the same.
    const std::vector<std::int64_t> rows = {1, 1, 6, config_.width};
    for (const auto& tensor : build_var_graph(config_).tensors) {
        if (tensor.role != TensorRole::weight) continue;
        const bool by_rows = tensor.name.ends_with(".ada_gss") && folder_.tensor(tensor.name).shape == rows;
        folder_.check(tensor.name, by_rows ? rows : tensor.shape, true);
    }
}

VarConfig VarCheckpoint::read_config(const std::filesystem::path& file) const {
    const auto document = read_checkpoint_config(file);
    const ConfigReader reader(document, file.string());
    VarConfig config;
    config.name = "var";
    config.depth = static_cast<int>(reader.required("depth"));
    config.width = reader.required("embed_dim");
    config.heads = reader.required("num_heads");
    config.classes = reader.required("num_classes");
    config.scales = reader.required_list("patch_nums");
    if (document.contains("mlp_ratio")) {
        const auto& ratio = document.at("mlp_ratio");
        const auto value = ratio.is_number() ? ratio.get<double>() : 0.0;
        if (value < 1 || value > 64 || value != std::floor(value)) {
            throw CheckpointError(
                file.string() + "#/mlp_ratio: " + ratio.dump(-1, ' ', false, json::error_handler_t::replace) +
                " is no whole ratio; allowed: 1 to 64");
        }
        config.mlp_ratio = static_cast<std::int64_t>(value);
    }
    if (document.contains("shared_aln") && document.at("shared_aln").is_boolean()) {
        config.shared_adaln = document.at("shared_aln").get<bool>();
    }
    for (std::size_t i = 0; i < config.scales.size(); ++i) {
        constexpr std::int64_t most = 1024;
        if (config.scales[i] <= most) continue;
        throw CheckpointError(file.string() + "#/patch_nums/" + std::to_string(i) + ": " +
                              std::to_string(config.scales[i]) + " is too many; allowed: at most " +
                              std::to_string(most));
    }
    require_whole_heads(file.string() + "#/num_heads", config.heads, config.width);
    folder_.require_blocks(file.string() + "#/depth", config.depth);
    const auto axis = [&](const char* name, std::size_t which) {
        const auto& shape = folder_.tensor(name).shape;
        if (shape.size() != 2) {
            throw CheckpointError(folder_.folder() + ": tensor \"" + name + "\" has the shape " +
                                  shape_text(shape) + "; allowed: two axes");
        }
        return shape[which];
    };
    config.codebook = axis("head.weight", 0);
    config.codebook_width = axis("word_embed.weight", 1);
    const auto positions = folder_.tensor("pos_1LC").elements() / config.width;
    if (positions != config.tokens()) {
        std::string list;
        for (const auto side : config.scales) list += (list.empty() ? "" : ", ") + std::to_string(side);
        throw CheckpointError(file.string() + "#/patch_nums: the scales " + list + " have " +
                              std::to_string(config.tokens()) + " tokens, but pos_1LC has positions for " +
                              std::to_string(positions) + "; allowed: sides whose squares add up to it");
    }
    return config;
}

VarEndWeights VarCheckpoint::ends() const {
    return {folder_.read("class_emb.weight"),
            folder_.read("pos_start"),
            folder_.read("pos_1LC"),
            folder_.read("lvl_embed.weight"),
            folder_.read("word_embed.weight"),
            folder_.read("word_embed.bias"),
            folder_.read("head_nm.ada_lin.1.weight"),
            folder_.read("head_nm.ada_lin.1.bias"),
            folder_.read("head.weight"),
            folder_.read("head.bias")};
}

VarBlockWeights VarCheckpoint::block(int layer) const {
    const auto read = [&](const char* name) {
        return folder_.read("blocks." + std::to_string(layer) + "." + name);
    };
    VarBlockWeights weights;
    weights.qkv = read("attn.mat_qkv.weight");
    weights.q_bias = read("attn.q_bias");
    weights.v_bias = read("attn.v_bias");
    weights.scale_mul = read("attn.scale_mul_1H11");
    weights.proj = read("attn.proj.weight");
    weights.proj_bias = read("attn.proj.bias");
    weights.fc1 = read("ffn.fc1.weight");
    weights.fc1_bias = read("ffn.fc1.bias");
    weights.fc2 = read("ffn.fc2.weight");
    weights.fc2_bias = read("ffn.fc2.bias");
    if (!config_.shared_adaln) {
        weights.adaln = read("ada_lin.1.weight");
        weights.adaln_bias = read("ada_lin.1.bias");
        return weights;
    }
    // One layer for all blocks, and an offset in each.
    weights.adaln = folder_.read("shared_ada_lin.1.weight");
    weights.adaln_bias = folder_.read("shared_ada_lin.1.bias");
    const auto offset = read("ada_gss");
    for (std::size_t i = 0; i < offset.size(); ++i) weights.adaln_bias[i] += offset[i];
    return weights;
}

}  // namespace tilewright::models
