// SPDX-License-Identifier: Apache-2.0
// From a design and the graph of its step to the program that the accelerator runs.
#pragma once

#include <stdexcept>

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

// A mapping that cannot be carried out on the design; names the place in the design as a JSON pointer.
class MappingError : public std::runtime_error {
  public:
    MappingError(std::string pointer, const std::string& what, std::string allowed)
        : std::runtime_error(what), pointer_(std::move(pointer)), allowed_(std::move(allowed)) {}
    const std::string& pointer() const { return pointer_; }
    const std::string& allowed() const { return allowed_; }

  private:
    std::string pointer_;
    std::string allowed_;
};

// The engines that programs for a design must have, in order: one DMA engine for every memory port, then the
// compute engines that its unrolling gives it.
std::vector<EngineDescription> engines_of(const Design& design);

// Builds the program of a Mamba2 step or of VAR images. Buffers whose size the design leaves open get the
// size that the schedule needs. Throws MappingError, for example when a tile does not fit its buffer. What it
// returns has passed check_program().
TileProgram build_program(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
