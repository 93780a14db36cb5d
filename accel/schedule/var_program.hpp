// SPDX-License-Identifier: Apache-2.0
// The program of whole images of VAR: conditions, then for every scale its input, its blocks and the head.
#pragma once

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

// `graph` is that of build_var_graph(). Throws MappingError. Buffers whose size the design leaves open are
// left at 0.
TileProgram build_var_program(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
