// SPDX-License-Identifier: Apache-2.0
// Whether a program that a user has edited still does the work of the one that the schedule makes.
#pragma once

#include <string>

#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// A program that was edited must still do the design's work: the same engines, sections and repetitions, and
// at least the bytes that the schedule moves, and buffers that hold what one use of them needs. What it does
// inside a section is for check_program().
// Throws ConfigError, which names `file`.
void check_edited(const TileProgram& program, const TileProgram& scheduled, const std::string& file);

}  // namespace tilewright::accel
