// SPDX-License-Identifier: Apache-2.0
// The engines of a program that multiply linear layers: the fabric's matrix unit, the AI Engines, or both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "accel/schedule/program_builder.hpp"

namespace tilewright::accel {

// By LinearEngine: something that each of the engines of linear layers has. Absent: the design has no such
// engine.
template <typename T>
using ByLinearEngine = std::array<std::optional<T>, linear_engine_count>;

// Where the engines of linear layers stand in TileProgram::engines.
struct LinearEngines {
    ByLinearEngine<std::uint16_t> indices;

    std::uint16_t operator[](LinearEngine engine) const {
        return indices[static_cast<std::size_t>(engine)].value();
    }
    // The last instruction of each so far.
    std::vector<InstructionRef> last(const ProgramBuilder& builder) const;
};
// Adds those that a design has.
LinearEngines add_linear_engines(const Design& design, TileProgram& program);

// The last instruction of a layer as one that completes after all of it: where two engines share the layer,
// the one that comes last in `order` waits for the other.
InstructionRef join(ProgramBuilder& builder, const std::vector<InstructionRef>& order);

}  // namespace tilewright::accel
