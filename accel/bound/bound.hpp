// SPDX-License-Identifier: Apache-2.0
// Closed-form lower bounds on the time and the energy of a step. No simulation of the same design can be
// below them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "accel/cost/energy.hpp"
#include "accel/design/design.hpp"
#include "accel/schedule/linear_split.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

struct Bound {
    // Seconds that each limit alone would take: every engine's work over its width, every port's and memory's
    // bytes over its rate, and the longest chain of operators that must follow each other.
    std::vector<std::pair<std::string, double>> limits_s;
    double latency_s = 0;  // the largest of them
    std::string binds;     // its name
    EnergyInput energy;    // the least activity that any schedule causes
};

// The least that the engines of a linear layer do for their parts of it: cycles of the accelerator clock, and
// cycles in which AI Engine tiles issue vector MACs.
struct LinearWork {
    double fabric_cycles = 0;
    double aie_cycles = 0;
    double aie_vector_cycles = 0;
};
LinearWork least_linear_work(const Design& design, const models::Operator& op, const LinearSplit& split);

Bound lower_bound(const Design& design, const models::OperatorGraph& graph);

// What bounds of all networks share. The limits of ports, links and memories that must carry `port_bytes`, by
// port; and latency and what binds it from the limits that are there.
void add_memory_limits(const Design& design, const std::vector<double>& port_bytes, Bound& bound);
void take_largest(Bound& bound);

}  // namespace tilewright::accel
