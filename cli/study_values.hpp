// SPDX-License-Identifier: Apache-2.0
// Values of a study that no design can have.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/config_files.hpp"
#include "sweeps/study.hpp"

namespace tilewright::cli {

// Throws accel::ConfigError for a value that sets what no design has, or sets it to what it cannot be, in
// every point that has the value: `document` is the study as it stands in `file`. What depends on other
// values too is for the points to tell. Looks at 10,000 points at most; of larger spaces what
// other values may still make good is left to the points, too.
void check_values(const sweeps::Study& study, const accel::DesignDocument& base,
                  const nlohmann::json& document, const std::string& file);

}  // namespace tilewright::cli
