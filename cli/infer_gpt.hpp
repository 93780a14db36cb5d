// SPDX-License-Identifier: Apache-2.0
// infer on a checkpoint of the GPT-BigCode family: logits for tokens.
#pragma once

#include "cli/command.hpp"

namespace tilewright::cli {

// Runs the command with the options of infer. Throws CheckpointError, SafetensorsError, UsageError,
// ConfigError and, for a token that the vocabulary does not have, std::out_of_range.
int infer_gpt(const boost::program_options::variables_map& values);

}  // namespace tilewright::cli
