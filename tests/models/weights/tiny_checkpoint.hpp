// SPDX-License-Identifier: Apache-2.0
// Small checkpoints with seeded random weights, written as real ones are.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include <unistd.h>

#include "models/weights/mamba_checkpoint.hpp"

namespace tilewright::test {

namespace fs = std::filesystem;

// The bytes of a safetensors file.
inline std::string file_with_header(const std::string& header, const std::string& data = "") {
    const auto length = static_cast<std::uint64_t>(header.size());
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

// A folder that goes away with its owner.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        auto name = (fs::temp_directory_path() / "tilewright-checkpoint-XXXXXX").string();
        if (mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const fs::path& path() const { return path_; }
    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(path_ / name, std::ios::binary) << bytes;
    }

  private:
    fs::path path_;
};

inline models::MambaConfig tiny_config(models::MambaVersion version) {
    models::MambaConfig config;
    config.version = version;
    config.layers = 2;
    config.d_model = 24;
    config.d_state = 8;
    config.head_dim = 12;
    config.vocabulary = 40;
    return config;
}

inline std::map<std::string, models::OutputTensor> tiny_weights(const models::MambaConfig& config) {
    std::map<std::string, models::OutputTensor> tensors;
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (const auto& [name, shape] : models::mamba_weight_shapes(config)) {
        models::OutputTensor tensor;
        tensor.shape = shape;
        std::int64_t elements = 1;
        for (const auto size : shape) elements *= size;
        for (std::int64_t i = 0; i < elements; ++i) tensor.values.push_back(0.3F * normal(random));
        tensors.emplace(name, std::move(tensor));
    }
    return tensors;
}

inline std::string state_spaces_config(const models::MambaConfig& config) {
    const bool mamba2 = config.version == models::MambaVersion::mamba2;
    return R"({"d_model": )" + std::to_string(config.d_model) + R"(, "n_layer": )" +
           std::to_string(config.layers) + R"(, "vocab_size": )" + std::to_string(config.vocabulary) +
           R"(, "ssm_cfg": {"layer": ")" + (mamba2 ? "Mamba2" : "Mamba1") + R"(", "d_state": )" +
           std::to_string(config.d_state) + R"(, "headdim": )" + std::to_string(config.head_dim) + "}}";
}

inline void write_checkpoint(const TemporaryFolder& folder, const models::MambaConfig& config) {
    folder.write("config.json", state_spaces_config(config));
    folder.write("model.safetensors", models::safetensors_bytes(tiny_weights(config)));
}

}  // namespace tilewright::test
