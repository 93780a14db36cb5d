// SPDX-License-Identifier: Apache-2.0
#include "accel/bound/bound.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "accel/bound/super_resolution_bound.hpp"
#include "accel/bound/transformer_bound.hpp"
#include "accel/engines/timing.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/mamba2_order.hpp"

namespace tilewright::accel {

namespace {

using models::OperatorKind;

// Ideal cycles of an operator on the engine that runs it: elements over lanes, nothing lost to tiles or
// pipelines.
struct Work {
    EngineKind engine = EngineKind::vector;
    double cycles = 0;
};

Work ideal_work(const Design& design, const models::Operator& op) {
    const auto elements = static_cast<double>(op.elements());
    const auto vector_lanes = static_cast<double>(design.vector.lanes);
    const bool shared = design.mapping.unroll == Unroll::none;
    const auto ssm_engine = shared ? EngineKind::vector : EngineKind::ssm;
    const auto ssm_lanes = shared ? vector_lanes : static_cast<double>(design.ssm.lanes());
    const double accesses = design.buffer(Buffer::state).ports == 1 ? 2 : 1;
    const bool fused = design.mapping.fusion == Fusion::fine_grained;
    switch (op.kind) {
        case OperatorKind::matrix_product:
            return {EngineKind::matrix, elements / static_cast<double>(design.matrix.macs_per_cycle())};
        case OperatorKind::discretize:
            return {ssm_engine, elements / ssm_lanes};
        // Fused operators run side by side, so that one of them sets the pace.
        case OperatorKind::outer_product:
            return {ssm_engine, accesses * elements / ssm_lanes};
        case OperatorKind::decay_state:
        case OperatorKind::update_state:
        case OperatorKind::contract_state:
            return {ssm_engine, fused ? 0 : accesses * elements / ssm_lanes};
        case OperatorKind::skip:
            return {ssm_engine, 0};
        case OperatorKind::hadamard: {
            if (shared) return {EngineKind::matrix, 0};
            const auto passes = hadamard_factors(op.n).core > 1 ? 2.0 : 1.0;
            return {EngineKind::hadamard, passes * elements / design.hadamard.points_per_cycle};
        }
        case OperatorKind::rms_norm:
            return {EngineKind::vector, vector_passes(Opcode::norm) * elements / vector_lanes};
        case OperatorKind::convolution:
            return {EngineKind::vector, static_cast<double>(op.m * op.n) / vector_lanes};
        case OperatorKind::silu:
            return {EngineKind::vector, 0};  // in the same pass as the convolution
        default:
            return {EngineKind::vector, elements / vector_lanes};
    }
}

// Operators beside linear layers that everything behind them waits for: a norm needs all channels, a linear
// layer all of the norm.
bool on_the_chain(OperatorKind kind) {
    return kind == OperatorKind::rms_norm || kind == OperatorKind::hadamard;
}

bool runs_here(const Design& design, const models::Operator& op) {
    return op.layer >= 0 || design.workload.lm_head;
}

// Bytes of weights that must cross a port at least once.
double least_weight_bytes(const Design& design, const models::OperatorGraph& graph, LinearSplits& splits,
                          std::size_t port) {
    double bytes = 0;
    for (const auto& op : graph.operators) {
        if (op.kind != OperatorKind::linear || !runs_here(design, op)) continue;
        const auto& split = splits.of(op);
        for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
            if (design.weights_port(engine) != port) continue;
            bytes += static_cast<double>(
                models::stored_bytes(design.recipe.weights, split.outputs(engine) * op.k));
        }
    }
    return bytes;
}

// Bytes of anything else that must.
double least_bytes(const Design& design, const models::OperatorGraph& graph, Stream stream) {
    double bytes = 0;
    if (stream == Stream::state && design.mapping.residual == ResidualPlace::memory) {
        bytes +=
            2.0 * design.network.layers * static_cast<double>(residual_bytes(design, design.workload.tokens));
    }
    for (const auto& tensor : graph.tensors) {
        const auto elements = tensor.elements();
        switch (tensor.tensor_class) {
            case models::TensorClass::ssm_state:
                if (stream == Stream::state) {
                    bytes += 2.0 * static_cast<double>(models::stored_bytes(design.recipe.state, elements));
                }
                break;
            case models::TensorClass::convolution_weight:
            case models::TensorClass::convolution_state:
                if (stream == Stream::convolution) {
                    const double times =
                        tensor.tensor_class == models::TensorClass::convolution_state ? 2 : 1;
                    bytes += times *
                             static_cast<double>(models::stored_bytes(design.recipe.convolution, elements));
                }
                break;
            default:
                break;
        }
    }
    return bytes;
}

}  // namespace

LinearWork least_linear_work(const Design& design, const models::Operator& op, const LinearSplit& split) {
    const auto rows = static_cast<double>(op.count * op.m * op.k);
    LinearWork work;
    work.fabric_cycles = rows * static_cast<double>(split.outputs(LinearEngine::pl)) /
                         static_cast<double>(design.matrix.macs_per_cycle());
    const auto on_aie = split.outputs(LinearEngine::aie);
    if (on_aie == 0) return work;
    const auto& array = design.device.aie;
    const auto cycles = static_cast<double>(op.count) *
                        aie_least_cycles(array, *design.aie, {op.m, op.k, on_aie}, design.clock_hz);
    work.aie_cycles = cycles / array.clock_hz * design.clock_hz;
    work.aie_vector_cycles = rows * static_cast<double>(on_aie) / array.macs(design.aie->precision);
    return work;
}

void add_memory_limits(const Design& design, const std::vector<double>& port_bytes, Bound& bound) {
    std::map<std::string, double> memory_bytes;
    std::map<std::string, std::set<int>> channels;  // that any port goes to
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        const auto& port = design.memory_ports[i];
        const auto specification = design.port_specification(port);
        const auto rate = specification.bytes_per_s() * port.channels;
        const auto link = design.device.interconnect.link_bytes_per_s() * specification.links * port.channels;
        bound.limits_s.emplace_back("memory port " + port.name + " to " + port.memory, port_bytes[i] / rate);
        bound.energy.busy_s["port " + port.name] = port_bytes[i] / rate;
        bound.limits_s.emplace_back("interconnect link " + port.name, port_bytes[i] / link);
        memory_bytes[port.memory] += port_bytes[i];
        for (int c = 0; c < port.channels; ++c) channels[port.memory].insert(port.first_channel + c);
    }
    for (const auto& [name, bytes] : memory_bytes) {
        const auto& dram = design.device.memories.at(name).dram;
        bound.limits_s.emplace_back("memory " + name, bytes / (dram.channel_bytes_per_s() *
                                                               static_cast<double>(channels[name].size())));
        bound.energy.memories[name] = {bytes, bytes, 0};
    }
}

void take_largest(Bound& bound) {
    const auto largest = std::max_element(bound.limits_s.begin(), bound.limits_s.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
    bound.latency_s = largest->second;
    bound.binds = largest->first;
    bound.energy.duration_s = bound.latency_s;
    bound.energy.busy_s["infrastructure"] = bound.latency_s;
}

Bound lower_bound(const Design& design, const models::OperatorGraph& graph) {
    if (design.transformer() != nullptr) return transformer_lower_bound(design, graph);
    if (design.super_resolution) return super_resolution_lower_bound(design, graph);
    Bound bound;
    std::map<EngineKind, double> cycles;
    double chain = 0;
    LinearSplits splits(design);
    // Tokens that are handed on early overlap with those behind them; the head has one.
    const auto early =
        static_cast<double>(tokens_handed_on(design)) / static_cast<double>(design.workload.tokens);
    for (const auto& op : graph.operators) {
        if (!runs_here(design, op)) continue;
        const auto handed_on = op.layer < 0 ? 1.0 : early;
        if (op.kind == OperatorKind::linear) {
            const auto work = least_linear_work(design, op, splits.of(op));
            if (work.fabric_cycles > 0) cycles[EngineKind::matrix] += work.fabric_cycles;
            if (work.aie_cycles > 0) cycles[EngineKind::aie] += work.aie_cycles;
            bound.energy.aie_vector_cycles += work.aie_vector_cycles;
            chain += handed_on * std::max(work.fabric_cycles, work.aie_cycles);
            continue;
        }
        const auto work = ideal_work(design, op);
        cycles[work.engine] += work.cycles;
        if (on_the_chain(op.kind)) chain += handed_on * work.cycles;
    }
    for (const auto& [engine, count] : cycles) {
        const auto seconds = count / design.clock_hz;
        bound.limits_s.emplace_back(std::string(to_string(engine)) + " unit", seconds);
        bound.energy.busy_s[to_string(engine)] = seconds;
    }
    bound.limits_s.emplace_back("dependency chain", chain / design.clock_hz);
    std::vector<double> bytes;
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        bytes.push_back(least_weight_bytes(design, graph, splits, i));
        for (const auto stream : design.memory_ports[i].carries) {
            bytes.back() += least_bytes(design, graph, stream);
        }
    }
    add_memory_limits(design, bytes, bound);
    take_largest(bound);
    return bound;
}

}  // namespace tilewright::accel
