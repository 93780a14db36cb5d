// SPDX-License-Identifier: Apache-2.0
// What only designs for VAR have, from their documents.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// Fills design.var, the engines and the mapping. `document` must have passed
// configs/schemas/var_design.schema.json. Throws ConfigError for contradictions between parts of the design.
void parse_var(const nlohmann::json& document, Design& design, const std::string& file);

// `document` must have passed configs/schemas/var_network.schema.json; `pointer` is where it stands in
// `file`. Throws ConfigError.
models::VarConfig parse_var_network(const nlohmann::json& document, const std::string& file,
                                    const std::string& pointer);

}  // namespace tilewright::accel
