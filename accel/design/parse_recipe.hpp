// SPDX-License-Identifier: Apache-2.0
// Recipes from their documents, and whether a recipe suits a network.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "models/networks/mamba.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::accel {

// `document` must have passed configs/schemas/recipe.schema.json; `pointer` is where it stands in `file`.
// Throws ConfigError for contradictions inside the recipe.
models::Recipe parse_recipe(const nlohmann::json& document, const std::string& file,
                            const std::string& pointer);

// Reads, checks and parses a recipe file. Throws ConfigError.
models::Recipe load_recipe(const std::filesystem::path& path);

// Groups that share a scale must divide the channels that they run along, and a rotation needs a Hadamard
// matrix of its size. Throws ConfigError.
void check_recipe(const models::Recipe& recipe, const models::MambaConfig& network, const std::string& file,
                  const std::string& pointer);

}  // namespace tilewright::accel
