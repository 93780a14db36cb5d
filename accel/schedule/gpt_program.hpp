// SPDX-License-Identifier: Apache-2.0
// The program of a GPT-BigCode run: for every step its tokens' embedding, the blocks and, where logits are
// wanted, the head.
#pragma once

#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// `graph` is that of build_gpt_graph(). Throws MappingError. Buffers whose size the design leaves open are
// still to be sized.
TileProgram build_gpt_program(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
