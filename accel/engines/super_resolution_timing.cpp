// SPDX-License-Identifier: Apache-2.0
#include "accel/engines/super_resolution_timing.hpp"

#include <algorithm>

#include "accel/engines/timing.hpp"
#include "accel/schedule/linear_split.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

MatrixTime binary_convolution_time(const Design& design, std::int64_t m, std::int64_t n, std::int64_t k) {
    const auto& engine = design.super_resolution->binary;
    auto time = stationary_time({engine.inputs, engine.outputs, 1}, weight_word_bits(design), m, n, k);
    time.drain = engine.pipeline_cycles;
    return time;
}

MatrixTime convolution_time(const Design& design, const models::Operator& op, std::int64_t m) {
    const auto name = linear_layer_name(design, op.name);
    const auto layers = linear_operands(design);
    const auto& layer =
        *std::find_if(layers.begin(), layers.end(), [&](const auto& one) { return one.name == name; });
    const auto [segment, per_segment] = rescale_work(layer);
    auto time =
        stationary_time({design.matrix.inputs, design.matrix.outputs, layer.weights.format.bits, segment},
                        weight_word_bits(design), m, op.n, op.k);
    const auto rescaling =
        divide_up(m * op.n * divide_up(op.k, segment) * per_segment, rescale_lanes(design));
    time.rescale = std::max<std::int64_t>(0, rescaling - time.multiply);
    time.drain = design.matrix.tile_drain_cycles;
    return time;
}

std::int64_t pass_cycles(const VectorEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k) {
    return divide_up(m * n * k, engine.lanes) + engine.pipeline_cycles;
}

std::int64_t super_resolution_instruction_cycles(const Design& design, EngineKind engine,
                                                 const Section& section, const Instruction& work) {
    const auto& own = *design.super_resolution;
    const auto& op = section.operators[work.operator_first];
    switch (work.opcode) {
        case Opcode::matmul: {
            if (engine == EngineKind::aie) {
                return aie_matmul_cycles(design, design.aie.value(), work.m, work.n, work.k);
            }
            if (engine == EngineKind::vector) return pass_cycles(design.vector, work.m, work.n, work.k);
            return convolution_time(design, op, work.m).cycles();
        }
        case Opcode::binary_convolution:
            return binary_convolution_time(design, work.m, work.n, work.k).cycles();
        case Opcode::quantize: {
            const auto group = models::row_quantization(own.recipe.activations, op.n).group_size;
            return quantize_cycles(own.quantizer, work.m, work.n, group);
        }
        case Opcode::load:
        case Opcode::store:
            return 0;
        default:
            return pass_cycles(design.vector, work.m, work.n);
    }
}

}  // namespace tilewright::accel
