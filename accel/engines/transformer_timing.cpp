// SPDX-License-Identifier: Apache-2.0
#include "accel/engines/transformer_timing.hpp"

#include <algorithm>
#include <numeric>

#include "accel/design/transformer_formats.hpp"
#include "accel/engines/timing.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

RescaleWork rescale_work(const LinearOperands& layer) {
    RescaleWork work;
    const auto group = [&](const models::Quantization& operand) {
        return operand.group_size == 0 ? layer.inputs : operand.group_size;
    };
    work.segment = std::gcd(group(layer.weights), group(layer.activations));
    work.per_segment = layer.dual ? 2 : 1;
    return work;
}

std::int64_t rescale_lanes(const Design& design) {
    std::int64_t lanes = 1;
    const auto layers = linear_operands_on(design, LinearEngine::pl);
    for (const auto& layer : layers) {
        // A pixel of the image has a scale for its few colors: the short head may wait for those units.
        if (design.super_resolution && layers.size() > 1 && layer.name == convolution_layer_names[0])
            continue;
        const auto [segment, per_segment] = rescale_work(layer);
        const auto inputs = std::min<std::int64_t>(design.matrix.inputs, layer.inputs);
        lanes = std::max(lanes, divide_up(design.matrix.outputs * inputs * per_segment, segment));
    }
    return lanes;
}

std::int64_t aie_rescale_lanes(const Design& design) {
    const auto sums = aie_sums_per_cycle(design.device.aie, *design.aie, design.clock_hz);
    std::int64_t lanes = 0;
    for (const auto& layer : linear_operands_on(design, LinearEngine::aie)) {
        const auto [segment, per_segment] = rescale_work(layer);
        const auto inputs = std::min(design.aie->native().k, layer.inputs);
        lanes = std::max(lanes, divide_up(sums * inputs * per_segment, segment));
    }
    return lanes;
}

std::int64_t weight_word_bits(const Design& design) {
    int bits = 0;
    for (const auto& layer : linear_operands_on(design, LinearEngine::pl))
        bits = std::max(bits, layer.weights.format.bits);
    auto registers = design.matrix.macs_per_cycle() * bits;
    std::int64_t rows = 0;
    if (design.super_resolution) {
        const auto& own = *design.super_resolution;
        rows = std::min(own.tile_rows, own.image.height) * own.image.width;
        registers = std::max(registers, own.binary.macs_per_cycle());
    } else {
        rows = design.transformer()->tile_tokens;
    }
    const auto& port = design.memory_ports[design.port_of(Stream::weights)];
    return std::max(std::int64_t{port.width_bits} * port.channels, divide_up(registers, rows));
}

MatrixTime stationary_time(const WeightBlock& block, std::int64_t word_bits, std::int64_t m, std::int64_t n,
                           std::int64_t k) {
    MatrixTime time;
    const auto blocks = divide_up(n, block.outputs) * input_steps(block.inputs, k, block.segment);
    const auto refill = divide_up(block.inputs * block.outputs * block.bits, word_bits);
    time.multiply = m * blocks;
    time.wait_for_weights = blocks * std::max<std::int64_t>(0, refill - m);
    return time;
}

MatrixTime transformer_matrix_time(const Design& design, const LinearOperands& layer, std::int64_t m,
                                   std::int64_t n) {
    const auto& engine = design.matrix;
    const auto [segment, per_segment] = rescale_work(layer);
    auto time = stationary_time({engine.inputs, engine.outputs, layer.weights.format.bits, segment},
                                weight_word_bits(design), engine.row_slots(m), n, layer.inputs);
    time.drain = engine.tile_drain_cycles;
    if (!design.transformer()->pipeline.matrix) {
        time.rescale =
            divide_up(m * n * divide_up(layer.inputs, segment) * per_segment, rescale_lanes(design));
    }
    return time;
}

std::int64_t quantize_cycles(const QuantizerEngine& engine, std::int64_t m, std::int64_t n,
                             std::int64_t group) {
    const auto first = std::min(group == 0 ? 1 : group, n);
    return divide_up(m * n, engine.lanes) + divide_up(first, engine.lanes) + engine.pipeline_cycles;
}

namespace {

// Bits of a block of keys or values in the attention unit's registers.
std::int64_t attention_register_bits(const TransformerDesign& transformer) {
    return transformer.attention.macs_per_cycle() * kv_format(transformer).format.bits;
}

}  // namespace

std::int64_t cache_word_bits(const Design& design) {
    const auto& transformer = *design.transformer();
    const auto& port = design.memory_ports[design.port_of(Stream::state)];
    return std::max(std::int64_t{port.width_bits} * port.channels,
                    divide_up(attention_register_bits(transformer), transformer.tile_tokens));
}

std::int64_t attention_refill_cycles(const Design& design) {
    return divide_up(attention_register_bits(*design.transformer()), cache_word_bits(design));
}

std::vector<EqualProducts> attention_products(const Design& design, const models::Operator& op,
                                              const Instruction& work) {
    const std::int64_t m = work.m;
    const std::int64_t n = work.n;
    const std::int64_t k = work.k;
    if (op.kind != models::OperatorKind::matrix_product) return {{1, m, n, k}};
    if (!design.gpt) {
        const auto heads = divide_up(m, op.m);
        return {{heads, divide_up(m, heads), n, k}};
    }
    const auto& work_of = design.gpt->work;
    if (!work_of.decode || work_of.beams == 1) return {{1, m, n, k}};
    // Rows lie head by head, of all beams of the block.
    const auto beams = op.m / design.gpt->block.heads;
    const auto own = work_of.generated + 1;
    const bool scores = op.name.find("attn.scores") != std::string::npos;
    if (scores) return {{1, m, work_of.prompt, k}, {beams, divide_up(m, beams), own, k}};
    return {{1, m, n, work_of.prompt}, {beams, divide_up(m, beams), n, own}};
}

MatrixTime attention_time(const Design& design, const models::Operator& op, const Instruction& work) {
    const auto& transformer = *design.transformer();
    const auto& engine = transformer.attention;
    const auto bits =
        op.kind == models::OperatorKind::matrix_product ? kv_format(transformer).format.bits : 0;
    MatrixTime time;
    if (!transformer.aie_attention) time.drain = engine.pipeline_cycles;
    for (const auto& [count, m, n, k] : attention_products(design, op, work)) {
        if (transformer.aie_attention) {
            time.multiply += count * aie_matmul_cycles(design, *transformer.aie_attention, m, n, k);
            continue;
        }
        const auto one =
            stationary_time({engine.inputs, engine.outputs, bits}, cache_word_bits(design), m, n, k);
        time.multiply += count * one.multiply;
        time.wait_for_weights += count * one.wait_for_weights;
    }
    return time;
}

std::int64_t softmax_cycles(const SoftmaxEngine& engine, std::int64_t m, std::int64_t n) {
    return (m + 1) * divide_up(n, engine.lanes) + engine.pipeline_cycles;
}

const LinearOperands* linear_layer(const std::vector<LinearOperands>& layers,
                                   const std::string& operator_name) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (operator_name.ends_with(transformer_linear_names[i]) ||
            operator_name.ends_with(std::string(transformer_linear_names[i]) + ".quantize")) {
            return &layers[i];
        }
    }
    return nullptr;
}

std::int64_t transformer_instruction_cycles(const Design& design, EngineKind engine, const Section& section,
                                            const Instruction& work) {
    const auto& transformer = *design.transformer();
    const auto& name = section.operators[work.operator_first].name;
    switch (work.opcode) {
        case Opcode::matmul: {
            if (engine == EngineKind::attention) {
                return attention_time(design, section.operators[work.operator_first], work).cycles();
            }
            if (engine == EngineKind::aie) {
                return aie_matmul_cycles(design, design.aie.value(), work.m, work.n, work.k);
            }
            const auto layers = linear_operands(design);
            return transformer_matrix_time(design, *linear_layer(layers, name), work.m, work.n).cycles();
        }
        case Opcode::quantize: {
            const auto layers = linear_operands(design);
            const auto* layer = linear_layer(layers, name);
            const auto group = layer != nullptr ? layer->activations.group_size
                                                : models::row_quantization(*transformer.recipe.kv_cache,
                                                                           transformer.block.head_dim)
                                                      .group_size;
            return quantize_cycles(transformer.quantizer, work.m, work.n, group);
        }
        case Opcode::hadamard:
            // k: points of one block of the rotation.
            return hadamard_cycles(design.hadamard, std::int64_t{work.m} * work.n / work.k, work.k);
        case Opcode::softmax:
            return softmax_cycles(transformer.softmax, work.m, work.n);
        case Opcode::load:
        case Opcode::store:
            return 0;
        default:
            return vector_cycles(design.vector, work.opcode, work.m, work.n);
    }
}

}  // namespace tilewright::accel
