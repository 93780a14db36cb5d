// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/energy.hpp"

#include <algorithm>

namespace tilewright::accel {

namespace {

// Primitives that one access of a buffer wakes: as many as its word is wide.
double access_j(const Design& design, const memory::ScratchpadSpecification& buffer) {
    const auto primitives = (buffer.word_bits + 71) / 72;
    const auto& power = design.device.power;
    return static_cast<double>(primitives) *
           (buffer.kind == memory::RamKind::uram ? power.uram_j_per_access : power.bram_j_per_access);
}

}  // namespace

EnergyUse energy(const Design& design, const ResourceUse& resources, const EnergyInput& input) {
    EnergyUse use;
    const auto& power = design.device.power;
    const auto add = [&](const std::string& name, double joules, bool above_idle) {
        use.components_j.emplace_back(name, joules);
        use.total_j += joules;
        if (above_idle) use.above_idle_j += joules;
    };
    // Fully unrolled, every block has engines of its own and each of them is busy for one block only.
    const auto copies = design.mapping.unroll == Unroll::full ? design.blocks() : 1;
    for (const auto& [name, fabric] : resources.components) {
        if (name.starts_with("buffer")) continue;
        const auto found = input.busy_s.find(name);
        const auto shared = name.starts_with("port");
        const auto busy = found == input.busy_s.end() ? 0.0 : found->second / (shared ? 1 : copies);
        const auto idle = std::max(0.0, input.duration_s - busy);
        // The coefficient of a flip-flop has its share of LUTs; logic with more LUTs than flip-flops, such as
        // multipliers in LUTs, is counted by these.
        const auto pairs = static_cast<double>(std::max(fabric.ff, fabric.lut));
        const auto per_cycle =
            static_cast<double>(fabric.dsp) * power.dsp_j_per_cycle + pairs * power.ff_j_per_cycle;
        add(name, per_cycle * design.clock_hz * (busy + power.idle_activity * idle), true);
    }
    if (resources.aie.tiles > 0) {
        const auto& array = design.device.aie;
        const bool floating = design.aie && aie_operands(design.aie->precision).floating;
        add("aie vector",
            input.aie_vector_cycles * (floating ? array.floating_vector_cycle_j : array.vector_cycle_j) +
                input.aie_floating_cycles * array.floating_vector_cycle_j,
            true);
        add("aie tiles", static_cast<double>(resources.aie.tiles) * array.active_tile_w * input.duration_s,
            true);
    }
    double buffers = 0;
    for (const auto which : {Buffer::weights, Buffer::activations, Buffer::state, Buffer::intermediates}) {
        buffers += input.buffer_words[static_cast<std::size_t>(which)] *
                   access_j(design, buffer_specification(design, which, 1));
    }
    add("buffers", buffers, true);
    double bytes = 0;
    for (const auto& [name, memory] : input.memories) {
        const auto& model = design.device.memories.at(name).energy;
        add("memory " + name,
            memory.accessed_bytes * 8 * model.access_j_per_bit + memory.row_activations * model.activate_j,
            true);
        bytes += memory.bytes;
    }
    add("interconnect", bytes * design.device.interconnect_j_per_byte, true);
    double standby = 0;
    for (const auto& [name, memory] : design.device.memories) {
        const bool used = std::any_of(design.memory_ports.begin(), design.memory_ports.end(),
                                      [&wanted = name](const auto& port) { return port.memory == wanted; });
        if (used) standby += memory.energy.standby_w;  // one that no port uses sleeps
    }
    add("memory standby", standby * input.duration_s, false);
    add("device static", power.static_w * input.duration_s, false);
    return use;
}

}  // namespace tilewright::accel
