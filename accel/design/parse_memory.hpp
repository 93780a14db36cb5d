// SPDX-License-Identifier: Apache-2.0
// A design's ports into memory, and how the memories behind them are controlled.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// "memory_ports" and "memories" of a document that the schema has admitted; the design has its device. Throws
// ConfigError.
void parse_memories(const nlohmann::json& document, Design& design, const std::string& file);

}  // namespace tilewright::accel
