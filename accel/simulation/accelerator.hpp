// SPDX-License-Identifier: Apache-2.0
// The SystemC top: engines, DMA, interconnect and memory controllers of one design, and the run of one
// program on it.
#pragma once

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/activity.hpp"
#include "accel/simulation/executor.hpp"
#include "accel/simulation/observer.hpp"
#include "accel/simulation/simulation_error.hpp"
#include "memory/time.hpp"

namespace tilewright::accel {

// Simulates the program from its first instruction to its last, every instruction and every burst; with an
// executor the data move too, which changes no time. Builds a SystemC kernel of its own, so that it can be
// called any number of times, but not from several threads. `quantum`: how far the model runs ahead of the
// kernel's time (memory::Agenda), without any effect on what it does. Throws DeadlockError and
// SimulationError.
Activity simulate(const Design& design, const TileProgram& program, Observer* observer = nullptr,
                  Executor* executor = nullptr, memory::TimeFs quantum = 100 * memory::fs_per_us);

}  // namespace tilewright::accel
