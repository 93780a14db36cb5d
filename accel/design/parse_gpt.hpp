// SPDX-License-Identifier: Apache-2.0
// What only designs for GPT-BigCode have, from their documents.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// Fills design.gpt, the engines and the mapping. `document` must have passed
// configs/schemas/gpt_design.schema.json. Throws ConfigError for contradictions between parts of the design.
void parse_gpt(const nlohmann::json& document, Design& design, const std::string& file);

}  // namespace tilewright::accel
