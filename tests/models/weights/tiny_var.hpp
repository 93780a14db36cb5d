// SPDX-License-Identifier: Apache-2.0
// A small VAR checkpoint with its VQVAE, seeded random weights, written as real ones are.
#pragma once

#include <random>
#include <string>

#include "models/weights/var_checkpoint.hpp"
#include "tiny_checkpoint.hpp"

namespace tilewright::test {

inline models::VarConfig tiny_var_config() {
    models::VarConfig config;
    config.name = "var";
    config.depth = 2;
    config.width = 32;
    config.heads = 2;
    config.mlp_ratio = 2;
    config.scales = {1, 2, 3, 4};
    config.codebook = 24;
    config.codebook_width = 4;
    config.classes = 5;
    return config;
}

class TinyVar {
  public:
    // `shared`: one AdaLN layer for all blocks, as the models of 512 x 512 pixels have it.
    explicit TinyVar(bool shared = false) : random_(7) {
        auto config = tiny_var_config();
        config.shared_adaln = shared;
        for (const auto& tensor : models::build_var_graph(config).tensors) {
            if (tensor.role == models::TensorRole::weight) add(tensor.name, tensor.shape);
        }
        // As in the authors' files.
        for (int layer = 0; layer < 2; ++layer) {
            auto& factors = tensors["blocks." + std::to_string(layer) + ".attn.scale_mul_1H11"];
            factors.shape = {1, 2, 1, 1};
        }
        add("quantize.embedding.weight", {24, 4});
        for (int i = 0; i < 4; ++i) convolution("quantize.quant_resi.qresi_ls." + std::to_string(i), 4, 4, 3);
        convolution("post_quant_conv", 4, 4, 3);
        convolution("decoder.conv_in", 64, 4, 3);
        block("decoder.mid.block_1", 64, 64);
        attention("decoder.mid.attn_1", 64);
        block("decoder.mid.block_2", 64, 64);
        block("decoder.up.1.block.0", 64, 64);
        attention("decoder.up.1.attn.0", 64);
        convolution("decoder.up.1.upsample.conv", 64, 64, 3);
        block("decoder.up.0.block.0", 64, 32);
        block("decoder.up.0.block.1", 32, 32);
        norm("decoder.norm_out", 32);
        convolution("decoder.conv_out", 3, 32, 3);
    }

    static std::string standard_config(const std::string& patch_nums = "[1, 2, 3, 4]") {
        return R"({"depth": 2, "embed_dim": 32, "num_heads": 2, "mlp_ratio": 2.0, "num_classes": 5, "shared_aln": )"
               R"(false, "patch_nums": )" +
               patch_nums + "}";
    }

    void write(const TemporaryFolder& folder, const std::string& config = standard_config()) const {
        folder.write("config.json", config);
        folder.write("var.safetensors", models::safetensors_bytes(tensors));
    }

    std::map<std::string, models::OutputTensor> tensors;

  private:
    void add(const std::string& name, const std::vector<std::int64_t>& shape, float scale = 0.3F,
             float mean = 0) {
        models::OutputTensor tensor;
        tensor.shape = shape;
        std::int64_t elements = 1;
        for (const auto size : shape) elements *= size;
        for (std::int64_t i = 0; i < elements; ++i) tensor.values.push_back(mean + scale * normal_(random_));
        tensors[name] = std::move(tensor);
    }
    void convolution(const std::string& name, std::int64_t outputs, std::int64_t inputs, std::int64_t size) {
        add(name + ".weight", {outputs, inputs, size, size}, 0.1F);
        add(name + ".bias", {outputs}, 0.1F);
    }
    void norm(const std::string& name, std::int64_t channels) {
        add(name + ".weight", {channels}, 0.1F, 1);
        add(name + ".bias", {channels}, 0.1F);
    }
    void block(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
        norm(name + ".norm1", inputs);
        convolution(name + ".conv1", outputs, inputs, 3);
        norm(name + ".norm2", outputs);
        convolution(name + ".conv2", outputs, outputs, 3);
        if (inputs != outputs) convolution(name + ".nin_shortcut", outputs, inputs, 1);
    }
    void attention(const std::string& name, std::int64_t channels) {
        norm(name + ".norm", channels);
        convolution(name + ".qkv", 3 * channels, channels, 1);
        convolution(name + ".proj_out", channels, channels, 1);
    }

    std::mt19937 random_;
    std::normal_distribution<float> normal_;
};

}  // namespace tilewright::test
