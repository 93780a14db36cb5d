// SPDX-License-Identifier: Apache-2.0
// Designs for binary super-resolution, and their recipes, from their documents. Both say "kind":
// "super_resolution".
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// Fills what such a design has. `document` must have passed
// configs/schemas/super_resolution_design.schema.json, and its memory ports must have been parsed. Throws
// ConfigError for contradictions between parts of the design.
void parse_super_resolution(const nlohmann::json& document, Design& design, const std::string& file);

// Reads, checks and parses a recipe file. Throws ConfigError.
models::SuperResolutionRecipe load_super_resolution_recipe(const std::filesystem::path& path);

// Groups must divide the channels that they run along, and nothing has a format for each sign. Throws
// ConfigError; `pointer`: where the recipe stands in `file`.
void check_super_resolution_recipe(const models::SuperResolutionRecipe& recipe,
                                   const models::SuperResolutionConfig& network, const std::string& file,
                                   const std::string& pointer);

}  // namespace tilewright::accel
