// SPDX-License-Identifier: Apache-2.0
// A VAR checkpoint directory: config.json and safetensors files with the tensor names of the public
// checkpoints (FoundationVision/VAR), the transformer's and, if images are wanted, the VQVAE's.
//
// With shared_aln every block gets the shared AdaLN layer, its bias and the block's offset added up in
// binary32.
//
// config.json has the arguments of the authors' constructor: depth, embed_dim, num_heads, mlp_ratio,
// num_classes, patch_nums, shared_aln. Codebook and its width are read off the tensors head.weight and
// word_embed.weight.
#pragma once

#include <filesystem>

#include "models/weights/checkpoint_folder.hpp"
#include "models/weights/var_model.hpp"

namespace tilewright::models {

class VarCheckpoint final : public VarModel {
  public:
    // Maps all shards and checks that every tensor of the transformer is there with its shape and finite
    // values. Throws CheckpointError, also when patch_nums does not add up to the tokens that pos_1LC has
    // positions for, or SafetensorsError.
    explicit VarCheckpoint(const std::filesystem::path& folder);

    const VarConfig& config() const override { return config_; }
    VarEndWeights ends() const override;
    VarBlockWeights block(int layer) const override;

    const CheckpointFolder& files() const { return folder_; }

  private:
    VarConfig read_config(const std::filesystem::path& file) const;

    CheckpointFolder folder_;
    VarConfig config_;
};

}  // namespace tilewright::models
