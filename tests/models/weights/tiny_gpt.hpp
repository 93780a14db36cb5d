// SPDX-License-Identifier: Apache-2.0
// A small GPT-BigCode checkpoint, seeded random weights, written as the transformers project does.
#pragma once

#include <map>
#include <random>
#include <string>

#include "models/weights/gpt_checkpoint.hpp"
#include "tiny_checkpoint.hpp"

namespace tilewright::test {

inline models::GptConfig tiny_gpt_config() {
    models::GptConfig config;
    config.name = "gpt_bigcode";
    config.layers = 2;
    config.width = 32;
    config.heads = 4;
    config.hidden = 64;
    config.positions = 20;
    config.vocabulary = 40;
    return config;
}

struct TinyGpt {
    TinyGpt() {
        std::mt19937 random(11);
        std::normal_distribution<float> normal;
        for (const auto& tensor : models::build_gpt_graph(tiny_gpt_config(), {}).tensors) {
            if (tensor.role != models::TensorRole::weight) continue;
            models::OutputTensor made;
            made.shape = tensor.shape;
            const bool norm_weight =
                tensor.name.find("ln_") != std::string::npos && tensor.name.find("bias") == std::string::npos;
            for (std::int64_t i = 0; i < tensor.elements(); ++i) {
                made.values.push_back((norm_weight ? 1.0F : 0.0F) + 0.3F * normal(random));
            }
            tensors[tensor.name] = std::move(made);
        }
    }

    static std::string standard_config(const std::string& more = "") {
        return R"({"model_type": "gpt_bigcode", "n_layer": 2, "n_embd": 32, "n_head": 4, "n_inner": 64, )"
               R"("n_positions": 20, "vocab_size": 40, "multi_query": true, )"
               R"("activation_function": "gelu_pytorch_tanh", "layer_norm_epsilon": 1e-05)" +
               more + "}";
    }

    void write(const TemporaryFolder& folder, const std::string& config = standard_config()) const {
        folder.write("config.json", config);
        folder.write("model.safetensors", models::safetensors_bytes(tensors));
    }

    std::map<std::string, models::OutputTensor> tensors;
};

}  // namespace tilewright::test
