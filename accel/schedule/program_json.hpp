// SPDX-License-Identifier: Apache-2.0
// Programs and graphs as JSON, to be looked at, and programs also to be edited and run again.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/schedule/tile_program.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

nlohmann::ordered_json graph_to_json(const models::OperatorGraph& graph);
nlohmann::ordered_json program_to_json(const TileProgram& program);

// Reads what program_to_json() wrote. Operators of its sections are those of `scheduled`, the program that
// the schedule makes of the design; engines and buffers are taken from the document. Throws ConfigError when
// the document does not pass configs/schemas/program.schema.json or names what is not there.
TileProgram program_from_json(const nlohmann::json& document, const TileProgram& scheduled,
                              const std::string& file);

}  // namespace tilewright::accel
