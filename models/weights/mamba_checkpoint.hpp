// SPDX-License-Identifier: Apache-2.0
// A Mamba checkpoint directory: config.json and one or more safetensors files, as the state-spaces or the
// transformers project writes them.
#pragma once

#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

// A directory that is not a Mamba checkpoint, or an incomplete or damaged one.
class CheckpointError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class MambaCheckpoint final : public MambaWeights {
  public:
    // Maps all shards and checks that every tensor of the network is there with its shape and finite values.
    // Throws CheckpointError or SafetensorsError.
    explicit MambaCheckpoint(const std::filesystem::path& folder);

    const MambaConfig& config() const override { return config_; }
    // Throws CheckpointError.
    const TensorView& tensor(const std::string& name) const override;

  private:
    void read_config(const std::filesystem::path& file);
    void map_shards(const std::filesystem::path& folder);
    void check_tensors() const;

    std::string folder_;
    MambaConfig config_;
    std::vector<SafetensorsFile> files_;
    std::map<std::string, const TensorView*> tensors_;
};

}  // namespace tilewright::models
