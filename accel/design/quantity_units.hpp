// SPDX-License-Identifier: Apache-2.0
// Units of the quantities in device files: numbers are read as they stand, so they have to be in the unit
// that the name of the quantity says.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace tilewright::accel {

// Throws ConfigError for a quantity below `document` in another unit. What counts (tiles, ports) has whatever
// name it likes.
void check_units(const nlohmann::json& document, const std::string& file, const std::string& pointer);

}  // namespace tilewright::accel
