// SPDX-License-Identifier: Apache-2.0
#include "accel/report/product_cycles.hpp"

#include <algorithm>

#include "accel/aie/array_timing.hpp"
#include "accel/engines/super_resolution_timing.hpp"
#include "accel/engines/timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

namespace {

// Of `steps`, those that all multipliers of the fabric's matrix unit would need.
std::int64_t useful_steps(const MatrixEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k,
                          std::int64_t steps) {
    return std::min(steps, memory::divide_up(m * n * k, engine.macs_per_cycle()));
}

MatmulPace fabric_pace(const Design& design, const Instruction& work) {
    const auto steps = matmul_steps(design.matrix, work.m, work.n, work.k, matmul_segment(design));
    return {steps, steps - useful_steps(design.matrix, work.m, work.n, work.k, steps), 0};
}

}  // namespace

ProductCycles product_cycles(const Design& design, const TileProgram& program, std::size_t index) {
    const auto kind = program.engines[index].kind;
    const auto layers = linear_operands(design);
    ProductCycles sum;
    for (const auto& section : program.sections) {
        for (const auto& work : section.streams[index]) {
            if (work.opcode != Opcode::matmul) continue;
            if (!design.is_mamba() && kind == EngineKind::matrix) {
                const auto& op = section.operators[work.operator_first];
                const auto time =
                    design.super_resolution
                        ? convolution_time(design, op, work.m)
                        : transformer_matrix_time(design, *linear_layer(layers, op.name), work.m, work.n);
                const auto n = design.super_resolution ? op.n : std::int64_t{work.n};
                const auto useful = useful_steps(design.matrix, work.m, n, op.k, time.multiply);
                sum.multiplying += section.repeat * useful;
                sum.padding += section.repeat * (time.multiply - useful);
                sum.weight_registers += section.repeat * time.wait_for_weights;
                sum.rescaling += section.repeat * time.rescale;
                sum.around += section.repeat * time.drain;
                continue;
            }
            const auto pace = kind == EngineKind::aie ? aie_matmul_pace(design, work.m, work.n, work.k)
                                                      : fabric_pace(design, work);
            sum.multiplying += section.repeat * (pace.computing - pace.padding);
            sum.padding += section.repeat * pace.padding;
            sum.moving += section.repeat * pace.moving;
            sum.around += section.repeat *
                          (instruction_cycles(design, kind, section, work) - pace.computing - pace.moving);
        }
    }
    return sum;
}

namespace {

// Of one instruction.
std::int64_t standing(const Design& design, EngineKind kind, const Section& section,
                      const Instruction& work) {
    const auto beside_products = [](const MatrixTime& time) { return time.cycles() - time.multiply; };
    if (work.opcode == Opcode::binary_convolution) {
        return beside_products(binary_convolution_time(design, work.m, work.n, work.k));
    }
    if (kind == EngineKind::matrix && work.opcode == Opcode::hadamard) {
        return design.matrix.tile_drain_cycles * (hadamard_factors(work.n).core > 1 ? 2 : 1);
    }
    if (kind == EngineKind::attention && work.opcode == Opcode::matmul) {
        return beside_products(attention_time(design, section.operators[work.operator_first], work));
    }
    return 0;
}

}  // namespace

std::int64_t standing_cycles(const Design& design, const TileProgram& program, std::size_t index) {
    const auto kind = program.engines[index].kind;
    std::int64_t sum = 0;
    if (kind == EngineKind::matrix) {
        const auto products = product_cycles(design, program, index);
        sum = products.total() - products.multiplying - products.padding;
    }
    if (kind != EngineKind::matrix && kind != EngineKind::attention && kind != EngineKind::binary) return sum;
    for (const auto& section : program.sections) {
        for (const auto& work : section.streams[index]) {
            sum += section.repeat * standing(design, kind, section, work);
        }
    }
    return sum;
}

}  // namespace tilewright::accel
