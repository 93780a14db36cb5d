// SPDX-License-Identifier: Apache-2.0
// Energy of a run from what happened in it: primitives switching, memories accessed, time passing.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "accel/cost/resources.hpp"
#include "accel/design/design.hpp"

namespace tilewright::accel {

// What the energy model has to know of a run; made from an Activity, or from a lower bound.
struct EnergyInput {
    double duration_s = 0;
    // By engine component: matrix, ssm, hadamard, vector, ports; time in which it switches (standing_cycles()
    // of product_cycles.hpp are none).
    std::map<std::string, double> busy_s;
    // Cycles in which a tile issues a vector MAC of a linear layer, over all tiles.
    double aie_vector_cycles = 0;
    double aie_floating_cycles = 0;  // likewise, of attention in fp32
    // Words (as wide as the buffer's word) written to and read from each buffer.
    std::array<double, buffer_count> buffer_words{};
    // By memory: bytes that ports asked for, those of whole accesses, which cross its pins, and rows opened.
    // What posted writes answer counts with the pins.
    struct Memory {
        double bytes = 0;
        double accessed_bytes = 0;
        double row_activations = 0;
    };
    std::map<std::string, Memory> memories;
};

struct EnergyUse {
    std::vector<std::pair<std::string, double>> components_j;
    double total_j = 0;
    // What a board's power reading rises by when the work starts: everything but static and standby power.
    double above_idle_j = 0;
};

EnergyUse energy(const Design& design, const ResourceUse& resources, const EnergyInput& input);

}  // namespace tilewright::accel
