// SPDX-License-Identifier: Apache-2.0
// What designs for all transformers have, from their documents.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// Fills the recipe, the engines and the mapping of a design whose network is known: `transformer` is
// design.transformer(), and its block is filled. `document` must have passed its schema. Throws ConfigError
// for contradictions between parts of the design.
void parse_transformer(const nlohmann::json& document, Design& design, TransformerDesign& transformer,
                       const std::string& file);

}  // namespace tilewright::accel
