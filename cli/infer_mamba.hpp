// SPDX-License-Identifier: Apache-2.0
// infer on a checkpoint of a Mamba1 or Mamba2 network: logits for tokens.
#pragma once

#include "cli/command.hpp"

namespace tilewright::cli {

// Runs the command with the options of infer. Throws CheckpointError, SafetensorsError, UsageError,
// ConfigError and, for a token that the vocabulary does not have, std::out_of_range.
int infer_mamba(const boost::program_options::variables_map& values);

}  // namespace tilewright::cli
