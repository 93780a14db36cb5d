// SPDX-License-Identifier: Apache-2.0
// A Mamba checkpoint directory: config.json and one or more safetensors files, as the state-spaces or the
// transformers project writes them.
#pragma once

#include <filesystem>
#include <string>

#include "models/weights/checkpoint_folder.hpp"
#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

class MambaCheckpoint final : public MambaWeights {
  public:
    // Maps all shards and checks that every tensor of the network is there with its shape and finite values.
    // Throws CheckpointError or SafetensorsError.
    explicit MambaCheckpoint(const std::filesystem::path& folder);

    const MambaConfig& config() const override { return config_; }
    // Throws CheckpointError.
    const TensorView& tensor(const std::string& name) const override { return folder_.tensor(name); }

  private:
    MambaConfig read_config(const std::filesystem::path& file);
    void check_tensors() const;

    bool own_head_ = false;  // said to be none of the embedding's
    MambaConfig config_;
    CheckpointFolder folder_;
};

}  // namespace tilewright::models
