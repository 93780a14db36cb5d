// SPDX-License-Identifier: Apache-2.0
#include "accel/report/account.hpp"

#include "accel/engines/timing.hpp"
#include "accel/engines/var_timing.hpp"

namespace tilewright::accel {

using nlohmann::ordered_json;

namespace {

// Cycles of all products of the linear layers, by what they go to.
struct ProductCycles {
    std::int64_t multiplying = 0;
    std::int64_t weight_registers = 0;
    std::int64_t rescaling = 0;
    std::int64_t around = 0;

    std::int64_t total() const { return multiplying + weight_registers + rescaling + around; }
};

ProductCycles product_cycles(const Design& design, EngineKind kind, const TileProgram& program) {
    const auto layers = linear_operands(design);
    ProductCycles sum;
    for (const auto& section : program.sections) {
        for (const auto& stream : section.streams) {
            for (const auto& work : stream) {
                if (work.opcode != Opcode::matmul) continue;
                const auto* layer =
                    design.var ? linear_layer(layers, section.operators[work.operator_first].name) : nullptr;
                // Unquantized layers and attention have an engine of their own.
                if (design.var && layer == nullptr) continue;
                if (design.var && kind == EngineKind::matrix) {
                    const auto time = var_matrix_time(design, *layer, work.m, work.n);
                    sum.multiplying += section.repeat * time.multiply;
                    sum.weight_registers += section.repeat * time.wait_for_weights;
                    sum.rescaling += section.repeat * time.rescale;
                    sum.around += section.repeat * time.drain;
                    continue;
                }
                const auto pace = kind == EngineKind::aie
                                      ? aie_matmul_pace_cycles(design, work.m, work.n, work.k)
                                      : matmul_steps(design.matrix, work.m, work.n, work.k);
                sum.multiplying += section.repeat * pace;
                sum.around += section.repeat * (instruction_cycles(design, kind, section, work) - pace);
            }
        }
    }
    return sum;
}

}  // namespace

ordered_json account_json(const Design& design, const TileProgram& program, const Activity& activity) {
    const auto period = memory::period_fs(design.clock_hz);
    const bool on_aie = design.linear_on_aie();
    const auto kind = on_aie ? EngineKind::aie : EngineKind::matrix;
    const auto products = product_cycles(design, kind, program);
    ordered_json result{{"engine", to_string(kind)}, {"multiplying", products.multiplying}};
    if (products.weight_registers > 0) result["weight_registers"] = products.weight_registers;
    if (products.rescaling > 0) result["rescaling"] = products.rescaling;
    result[on_aie ? "fill_and_drain" : "tile_drain"] = products.around;
    for (const auto& engine : activity.engines) {
        if (engine.kind != kind) continue;
        const auto other = engine.busy / period - products.total();
        if (other > 0) result["other_work"] = other;
        for (int i = 0; i < stall_cause_count; ++i) {
            const auto time = engine.stalled[static_cast<std::size_t>(i)];
            if (time > 0) result[to_string(static_cast<StallCause>(i))] = (time + period / 2) / period;
        }
        result["finished_early"] = (engine.idle + period / 2) / period;
    }
    return result;
}

}  // namespace tilewright::accel
