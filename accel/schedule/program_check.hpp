// SPDX-License-Identifier: Apache-2.0
// What must hold of a program before it runs: it ends, no buffer overflows, and all work is done exactly
// once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

struct ProgramFindings {
    // The most bytes that each buffer can hold at any time, whatever the engines' speeds: derived from the
    // order that waits enforce, not from one run.
    std::array<std::int64_t, buffer_count> buffer_demand{};
    // Deadlocks, references to nothing, work that is not done once; whatever the buffers' sizes.
    std::vector<std::string> problems;
};
ProgramFindings examine_program(const TileProgram& program);

// All that is wrong with a program, in sentences; empty when it is right. Finds
//  - deadlock: instructions that wait for each other, with the cycle;
//  - waits and operators that do not exist;
//  - a buffer whose demand exceeds its capacity;
//  - work that no instruction does, or that several do, operator by operator.
std::vector<std::string> check_program(const TileProgram& program);

}  // namespace tilewright::accel
