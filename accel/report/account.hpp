// SPDX-License-Identifier: Apache-2.0
// Where the cycles of the engines of the linear layers go.
#pragma once

#include <nlohmann/json.hpp>

#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/activity.hpp"

namespace tilewright::accel {

// Multiplying, padding (steps in which multipliers have no work of their own), what stands around every tile
// (drain and, of VAR, weight registers that are not filled yet and rescaling that nothing hides; fill and
// drain of the AI Engines), and waiting by cause. Null when no linear layer runs on the engine.
nlohmann::ordered_json account_json(const Design& design, const TileProgram& program,
                                    const Activity& activity, LinearEngine engine);

// The engine that was busy for most of the run, and its part of it.
nlohmann::ordered_json busiest_json(const Activity& activity);

// The engine with most of the critical path, its part of the run, and what of the run comes behind the path:
// what the simulated design waits for, where the lower bound has what an ideal one would.
nlohmann::ordered_json bottleneck_json(const Activity& activity);

}  // namespace tilewright::accel
