// SPDX-License-Identifier: Apache-2.0
// A checkpoint directory of a binary super-resolution network: config.json and safetensors files.
//
// Nobody has published weights of EBSR in a form of their own, so names are those of the operators
// (super_resolution.hpp) and shapes those of PyTorch: "head.conv.weight" [C, colors, 3, 3];
// "body.U.channel.fc1.weight" [H, C], "channel.fc2.weight" [2 C, H], "spatial.weight" [1, C], "conv.weight"
// [C, C, 3, 3]; "upsample.S.conv.weight" [4 C, C, 3, 3]; "tail.conv.weight" [colors, C, 3, 3]; and ".bias" of
// all but a unit's conv. Axes of one element may stand anywhere. config.json has family "super_resolution",
// blocks, channels, hidden, scale and, if not 3, colors.
#pragma once

#include <filesystem>

#include "models/networks/super_resolution_reference.hpp"

namespace tilewright::models {

struct SuperResolutionCheckpoint {
    SuperResolutionConfig config;
    SuperResolutionWeights weights;
};

// Whether a folder's config.json is that of such a network. Throws CheckpointError for one that is no JSON.
bool is_super_resolution_checkpoint(const std::filesystem::path& folder);

// Throws CheckpointError when a tensor is missing, has another shape or a value that is not finite, and for
// sizes that make no network; or SafetensorsError.
SuperResolutionCheckpoint read_super_resolution_checkpoint(const std::filesystem::path& folder);

}  // namespace tilewright::models
