// SPDX-License-Identifier: Apache-2.0
// From what happened in a simulation to what the energy model has to know.
#pragma once

#include "accel/cost/energy.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/activity.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

EnergyInput energy_input(const Design& design, const models::OperatorGraph& graph, const TileProgram& program,
                         const Activity& activity);

}  // namespace tilewright::accel
