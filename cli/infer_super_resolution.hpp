// SPDX-License-Identifier: Apache-2.0
// infer on a checkpoint of a super-resolution network: images for images.
#pragma once

#include "cli/command.hpp"

namespace tilewright::cli {

// Runs the command with the options of infer. Throws CheckpointError, SafetensorsError, UsageError and
// ConfigError.
int infer_super_resolution(const boost::program_options::variables_map& values);

}  // namespace tilewright::cli
