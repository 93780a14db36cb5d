// SPDX-License-Identifier: Apache-2.0
#include "accel/report/energy_input.hpp"

#include <algorithm>
#include <cmath>

#include "accel/engines/timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/report/product_cycles.hpp"
#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/transformer_layout.hpp"

namespace tilewright::accel {

namespace {

// Adds up bits that pass the buffers, in words of each buffer.
class BufferWords {
  public:
    explicit BufferWords(const Design& design) {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            word_bits_[i] =
                static_cast<double>(buffer_specification(design, static_cast<Buffer>(i), 1).word_bits);
        }
    }
    void add(Buffer buffer, double bits) {
        const auto i = static_cast<std::size_t>(buffer);
        words_[i] += bits / word_bits_[i];
    }
    // What DMA brings and takes away, by the buffer that holds such traffic.
    template <typename BufferOf>
    void add_traffic(const Activity& activity, BufferOf buffer_of) {
        for (const auto& port : activity.ports) {
            for (int i = 0; i < traffic_count; ++i) {
                const auto& traffic = port.traffic[static_cast<std::size_t>(i)];
                add(buffer_of(static_cast<Traffic>(i)),
                    8 * static_cast<double>(traffic.read_bytes + traffic.write_bytes));
            }
        }
    }
    const std::array<double, buffer_count>& words() const { return words_; }

  private:
    std::array<double, buffer_count> words_{};
    std::array<double, buffer_count> word_bits_{};
};

// Words that pass each buffer: DMA fills it, engines read and write it, whichever engine does the work.
std::array<double, buffer_count> buffer_words(const Design& design, const models::OperatorGraph& graph,
                                              const Activity& activity) {
    BufferWords words(design);
    const auto add = [&](Buffer buffer, double bits) { words.add(buffer, bits); };
    LinearSplits splits(design);
    for (const auto& port : activity.ports) {
        for (int i = 0; i < traffic_count; ++i) {
            const auto& traffic = port.traffic[static_cast<std::size_t>(i)];
            const auto kind = static_cast<Traffic>(i);
            const auto bits = 8 * static_cast<double>(traffic.read_bytes + traffic.write_bytes);
            // Weights are written by the port, and AI Engines take them once; state is filled and drained.
            if (is_weights(kind)) add(Buffer::weights, bits);
            if (is_weights_of(kind, LinearEngine::aie)) add(Buffer::weights, bits);
            if (kind == Traffic::ssm_state) add(Buffer::state, bits);
            if (kind == Traffic::activations) add(Buffer::activations, bits);
        }
    }
    for (const auto& op : graph.operators) {
        if (op.layer < 0 && !design.workload.lm_head) continue;
        const auto elements = static_cast<double>(op.elements());
        switch (op.kind) {
            case models::OperatorKind::linear: {  // a word of activations a step
                const auto& split = splits.of(op);
                const auto rows = static_cast<double>(op.count * op.m * op.k);
                const auto read = [&](LinearEngine engine, std::int64_t outputs_at_once) {
                    add(Buffer::activations, rows * static_cast<double>(split.outputs(engine)) /
                                                 static_cast<double>(outputs_at_once) *
                                                 design.recipe.activations.format.bits);
                };
                read(LinearEngine::pl, design.matrix.outputs);
                // The matrix unit reads its weights for every row or pair of rows: it has no registers that
                // keep them.
                const auto reads = design.matrix.row_slots(op.m) / (design.matrix.pairs_rows() ? 2 : 1);
                add(Buffer::weights, 8 * static_cast<double>(op.count * reads) *
                                         static_cast<double>(models::stored_bytes(
                                             design.recipe.weights, split.outputs(LinearEngine::pl) * op.k)));
                if (design.uses_aie()) read(LinearEngine::aie, design.aie->native().n);
                break;
            }
            case models::OperatorKind::outer_product:
            case models::OperatorKind::decay_state:
            case models::OperatorKind::update_state:
            case models::OperatorKind::contract_state:  // its result is written and read once
                add(Buffer::intermediates, 2 * elements * design.recipe.ssm_intermediate.bits);
                if (op.kind == models::OperatorKind::decay_state) {
                    add(Buffer::state, 2 * elements * design.recipe.state.format.bits);
                }
                break;
            default:  // channels in and out
                add(Buffer::activations,
                    2 * elements / static_cast<double>(op.k) * design.recipe.convolution.format.bits);
                break;
        }
    }
    return words.words();
}

// Words of transformers: every block of weights, keys or values enters the registers of its engine once an
// instruction; rows are read once for each block of outputs, and results are written.
std::array<double, buffer_count> transformer_buffer_words(const Design& design, const TileProgram& program,
                                                          const Activity& activity) {
    BufferWords words(design);
    const auto add = [&](Buffer buffer, double bits) { words.add(buffer, bits); };
    words.add_traffic(activity, [](Traffic kind) {
        return is_weights(kind)            ? Buffer::weights
               : kind == Traffic::kv_cache ? Buffer::state
                                           : Buffer::activations;
    });
    const auto layers = linear_operands(design);
    constexpr double element = 32;
    const auto cache_bits = kv_format(*design.transformer()).format.bits;
    for (const auto& section : program.sections) {
        const auto repeat = static_cast<double>(section.repeat);
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            const bool on_aie = program.engines[engine].kind == EngineKind::aie;
            for (const auto& work : section.streams[engine]) {
                if (work.operator_count == 0) continue;
                const double m = work.m;
                const double n = work.n;
                const double k = work.k;
                const auto& op = section.operators[work.operator_first];
                const auto* layer = linear_layer(layers, op.name);
                if (work.opcode == Opcode::matmul && op.kind == models::OperatorKind::linear) {
                    const double bits = layer != nullptr ? layer->weights.format.bits : 16;
                    const double inputs = layer != nullptr ? layer->activations.format.bits : element;
                    const auto& attention = *design.transformer();
                    const auto at_once = on_aie                    ? design.aie->native().n
                                         : layer != nullptr        ? design.matrix.outputs
                                         : attention.aie_attention ? attention.aie_attention->native().n
                                                                   : attention.attention.outputs;
                    const auto outputs = static_cast<double>(at_once);
                    add(Buffer::weights, repeat * n * k * bits);
                    add(Buffer::activations,
                        repeat * (m * k * std::ceil(n / outputs) * inputs + m * n * element));
                } else if (work.opcode == Opcode::matmul) {
                    for (const auto& one : attention_products(design, op, work)) {
                        add(Buffer::state,
                            repeat * static_cast<double>(one.count * one.n * one.k) * cache_bits);
                    }
                    add(Buffer::intermediates, repeat * m * std::max(n, k) * element);
                    add(Buffer::activations, repeat * m * std::min(n, k) * element);
                } else if (work.opcode == Opcode::softmax) {
                    add(Buffer::intermediates, repeat * 2 * m * n * element);
                } else {  // in and out
                    add(Buffer::activations, repeat * 2 * m * n * element);
                }
            }
        }
    }
    return words.words();
}

// Words of super-resolution: blocks of weights enter registers once an instruction, neighbourhoods come in
// for each pixel and block of outputs, results are written.
std::array<double, buffer_count> super_resolution_buffer_words(const Design& design,
                                                               const TileProgram& program,
                                                               const Activity& activity) {
    BufferWords words(design);
    const auto add = [&](Buffer buffer, double bits) { words.add(buffer, bits); };
    words.add_traffic(activity,
                      [](Traffic kind) { return is_weights(kind) ? Buffer::weights : Buffer::activations; });
    const auto& own = *design.super_resolution;
    const double map = own.recipe.feature_map.bits;
    const double rounded = own.recipe.activations.bits();
    constexpr double factor_bits = 32;  // of a pixel
    for (const auto& section : program.sections) {
        const auto repeat = static_cast<double>(section.repeat);
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            const auto kind = program.engines[engine].kind;
            for (const auto& work : section.streams[engine]) {
                if (work.operator_count == 0) continue;
                const double m = repeat * work.m;
                const double n = work.n;
                const double k = work.k;
                // An engine that takes the whole neighbourhood keeps two of its three columns.
                const auto taps = [&](double inputs_at_once, double outputs_at_once) {
                    const double new_part = inputs_at_once >= k ? 1.0 / models::convolution_side : 1.0;
                    return m * k * new_part * std::ceil(n / outputs_at_once);
                };
                if (work.opcode == Opcode::binary_convolution) {
                    add(Buffer::weights, repeat * n * k);
                    add(Buffer::state, taps(own.binary.inputs, own.binary.outputs));
                    add(Buffer::intermediates, m * n * own.count_bits());
                } else if (work.opcode == Opcode::binarize) {
                    add(Buffer::activations, m * n * map);
                    add(Buffer::state, m * n + factor_bits * m);
                } else if (work.opcode == Opcode::rescale) {
                    add(Buffer::intermediates, m * n * own.count_bits());
                    add(Buffer::state, factor_bits * m);
                    add(Buffer::activations, 2 * m * n * map);
                } else if (work.opcode == Opcode::quantize) {
                    add(Buffer::activations, m * n * map);
                    add(Buffer::intermediates, m * n * rounded);
                } else if (work.opcode == Opcode::matmul && kind != EngineKind::vector) {
                    const bool on_aie = kind == EngineKind::aie;
                    const auto inputs = on_aie ? design.aie->native().k : design.matrix.inputs;
                    const auto at_once = on_aie ? design.aie->native().n : design.matrix.outputs;
                    add(Buffer::weights, repeat * n * k * own.recipe.weights.bits());
                    add(Buffer::intermediates,
                        taps(static_cast<double>(inputs), static_cast<double>(at_once)) * rounded);
                    add(Buffer::activations, m * n * map);
                } else if (work.opcode == Opcode::residual_add) {
                    add(Buffer::activations, 3 * m * n * map);
                } else if (work.opcode == Opcode::pool) {
                    add(Buffer::activations, m * n * map);
                }
            }
        }
    }
    return words.words();
}

double aie_vector_cycles(const Design& design, const TileProgram& program) {
    double cycles = 0;
    for (const auto& section : program.sections) {
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            if (program.engines[engine].kind != EngineKind::aie) continue;
            for (const auto& work : section.streams[engine]) {
                cycles += static_cast<double>(section.repeat *
                                              aie_vector_cycles(design, *design.aie, work.m, work.n, work.k));
            }
        }
    }
    return cycles;
}

double aie_floating_cycles(const Design& design, const TileProgram& program) {
    double cycles = 0;
    if (design.transformer() == nullptr || !design.transformer()->aie_attention) return cycles;
    for (const auto& section : program.sections) {
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            if (program.engines[engine].kind != EngineKind::attention) continue;
            for (const auto& work : section.streams[engine]) {
                const auto& op = section.operators[work.operator_first];
                for (const auto& [count, m, n, k] : attention_products(design, op, work)) {
                    cycles += static_cast<double>(
                        section.repeat * count *
                        aie_vector_cycles(design, *design.transformer()->aie_attention, m, n, k));
                }
            }
        }
    }
    return cycles;
}

}  // namespace

EnergyInput energy_input(const Design& design, const models::OperatorGraph& graph, const TileProgram& program,
                         const Activity& activity) {
    EnergyInput input;
    input.duration_s = memory::seconds(activity.duration);
    for (std::size_t i = 0; i < activity.engines.size(); ++i) {
        const auto& engine = activity.engines[i];
        if (engine.kind == EngineKind::dma) continue;
        const auto standing = static_cast<double>(standing_cycles(design, program, i)) / design.clock_hz;
        input.busy_s[to_string(engine.kind)] += memory::seconds(engine.busy) - standing;
    }
    for (std::size_t i = 0; i < activity.ports.size(); ++i) {
        input.busy_s["port " + activity.ports[i].name] =
            memory::seconds(activity.ports[i].data_busy) / design.memory_ports[i].channels;
    }
    input.busy_s["infrastructure"] = input.duration_s;  // streams move whenever anything does
    input.aie_vector_cycles = aie_vector_cycles(design, program);
    input.aie_floating_cycles = aie_floating_cycles(design, program);
    input.buffer_words = design.transformer() != nullptr ? transformer_buffer_words(design, program, activity)
                         : design.super_resolution ? super_resolution_buffer_words(design, program, activity)
                                                   : buffer_words(design, graph, activity);
    for (const auto& [name, statistics] : activity.memories) {
        const auto accesses = statistics.row_hits + statistics.row_misses;
        const auto crossed = accesses * design.device.memories.at(name).dram.access_bytes();
        input.memories[name] = {static_cast<double>(statistics.read_bytes + statistics.write_bytes),
                                static_cast<double>(crossed + statistics.forwarded_bytes),
                                static_cast<double>(statistics.row_activations)};
    }
    return input;
}

}  // namespace tilewright::accel
