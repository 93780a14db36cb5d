// SPDX-License-Identifier: Apache-2.0
// A Mamba checkpoint directory: config.json and one or more safetensors files, as the state-spaces or the
// transformers project writes them.
#pragma once

#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/networks/mamba.hpp"
#include "models/weights/safetensors.hpp"

namespace tilewright::models {

// A directory that is not a Mamba checkpoint, or an incomplete or damaged one.
class CheckpointError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class MambaCheckpoint {
  public:
    // Maps all shards and checks that every tensor of the network is there with its shape and finite values.
    // Throws CheckpointError or SafetensorsError.
    explicit MambaCheckpoint(const std::filesystem::path& folder);

    const MambaConfig& config() const { return config_; }
    // By the name that state-spaces checkpoints use, such as "backbone.layers.0.mixer.in_proj.weight".
    const TensorView& tensor(const std::string& name) const;

  private:
    void read_config(const std::filesystem::path& file);
    void map_shards(const std::filesystem::path& folder);
    void check_tensors() const;

    std::string folder_;
    MambaConfig config_;
    std::vector<SafetensorsFile> files_;
    std::map<std::string, const TensorView*> tensors_;
};

// Every weight that a network of these sizes has, with its shape (convolution weights as [channels, 1,
// width]).
std::map<std::string, std::vector<std::int64_t>> mamba_weight_shapes(const MambaConfig& config);

}  // namespace tilewright::models
