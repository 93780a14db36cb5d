// SPDX-License-Identifier: Apache-2.0
// Recipes of transformers from their documents, and whether a recipe suits a network. A document of this kind
// says "kind": "transformer".
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/transformer_design.hpp"
#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::accel {

// An operand of a layer, from a member that has passed configs/schemas/transformer_recipe.schema.json. Throws
// ConfigError where its parts contradict each other.
models::OperandRecipe parse_operand(const nlohmann::json& from, const std::string& file,
                                    const std::string& pointer);

// Of a recipe's member "rounding"; to nearest, ties to even, where it has none.
models::TieRule parse_rounding(const nlohmann::json& recipe);

// `document` must have passed configs/schemas/transformer_recipe.schema.json; `pointer` is where it stands in
// `file`. Throws ConfigError for contradictions inside the recipe.
models::TransformerRecipe parse_transformer_recipe(const nlohmann::json& document, const std::string& file,
                                                   const std::string& pointer);

// Reads, checks and parses a recipe file. Throws ConfigError.
models::TransformerRecipe load_transformer_recipe(const std::filesystem::path& path);

// Groups must divide the inputs that they run along, and rotations the channels. Throws ConfigError.
void check_transformer_recipe(const models::TransformerRecipe& recipe, const TransformerBlock& block,
                              const std::string& file, const std::string& pointer);

}  // namespace tilewright::accel
