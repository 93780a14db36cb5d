// SPDX-License-Identifier: Apache-2.0
// infer on a VAR checkpoint: images instead of tokens.
#pragma once

#include <string>

#include "cli/command.hpp"

namespace tilewright::cli {

// Whether a folder's config.json is that of a VAR.
bool is_var_checkpoint(const std::string& folder);

// Options that only images have.
boost::program_options::options_description var_options();

// Runs the command with the options of infer and those above. Throws CheckpointError, SafetensorsError,
// UsageError and ConfigError.
int infer_var(const boost::program_options::variables_map& values);

}  // namespace tilewright::cli
