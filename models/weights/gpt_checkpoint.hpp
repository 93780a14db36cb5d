// SPDX-License-Identifier: Apache-2.0
// A checkpoint directory of CodeS, StarCoder or another network of the GPT-BigCode family, as the
// transformers project writes it: config.json with "model_type": "gpt_bigcode", and safetensors files.
#pragma once

#include <filesystem>

#include "models/weights/checkpoint_folder.hpp"
#include "models/weights/gpt_model.hpp"

namespace tilewright::models {

// Throws CheckpointError when the folder has no readable config.json.
bool is_gpt_checkpoint(const std::filesystem::path& folder);

class GptCheckpoint final : public GptModel {
  public:
    // Maps all files and checks that every tensor of the network is there with its shape and finite values.
    // Throws CheckpointError, also for variants that the kernels do not compute (heads with keys of their
    // own, another activation, another epsilon), for a head that is not what "tie_word_embeddings" says, and
    // for files with more blocks than config.json; or SafetensorsError.
    explicit GptCheckpoint(const std::filesystem::path& folder);

    const GptConfig& config() const override { return config_; }
    GptEndWeights ends() const override;
    GptBlockWeights block(int layer) const override;

  private:
    GptConfig read_config(const std::filesystem::path& file) const;
    void check_head(const std::string& file, bool tied);

    CheckpointFolder folder_;
    GptConfig config_;
    bool own_head_ = false;
};

}  // namespace tilewright::models
