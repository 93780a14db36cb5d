// SPDX-License-Identifier: Apache-2.0
// Designs for binary super-resolution, and their recipes, from their documents. Both say "kind":
// "super_resolution".
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// Fills what such a design has. `document` must have passed
// configs/schemas/super_resolution_design.schema.json, and its memory ports must have been parsed. Throws
// ConfigError for contradictions between parts of the design.
void parse_super_resolution(const nlohmann::json& document, Design& design, const std::string& file);

}  // namespace tilewright::accel
