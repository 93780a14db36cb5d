// SPDX-License-Identifier: Apache-2.0
// The program of a Mamba2 step: embedding, all blocks, and the head of the network.
#pragma once

#include "accel/design/design.hpp"
#include "accel/schedule/mamba2_schedule.hpp"
#include "accel/schedule/tile_program.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

EngineIndices add_mamba2_engines(const Design& design, TileProgram& program);

// Throws MappingError. Buffers whose size the design leaves open are left at 0.
TileProgram build_mamba2_program(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
