// SPDX-License-Identifier: Apache-2.0
// From a schema-checked document to typed values, with the checks that a schema cannot express.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// `document` must have passed the schemas; `file` stands in errors. Throws ConfigError for contradictions
// between parts of the design.
Design parse_design(const nlohmann::json& document, const std::string& file);

}  // namespace tilewright::accel
