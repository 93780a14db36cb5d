// SPDX-License-Identifier: Apache-2.0
#include "accel/engines/timing.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "accel/engines/super_resolution_timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "memory/integer_math.hpp"
#include "memory/scratchpad/scratchpad.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

// Without unrolling, the vector unit's lanes stand in for the SSM unit.
SsmEngine shared_ssm(const Design& design) {
    return {1, design.vector.lanes, 1, design.vector.pipeline_cycles};
}

HadamardFactors checked_factors(std::int64_t n) {
    const auto factors = hadamard_factors(n);
    if (factors.core == 0)
        throw std::invalid_argument("no Hadamard matrix of " + std::to_string(n) + " points");
    return factors;
}

std::int64_t accelerator_cycles(const Design& design, std::int64_t aie_cycles) {
    return static_cast<std::int64_t>(
        std::ceil(static_cast<double>(aie_cycles) * (design.clock_hz / design.device.aie.clock_hz)));
}

// Without a Hadamard unit the transform runs on the matrix unit as two small dense products: 2^stages points
// and the core.
std::int64_t hadamard_on_matrix_cycles(const MatrixEngine& engine, std::int64_t rows, std::int64_t n) {
    const auto factors = checked_factors(n);
    const auto points = n / factors.core;
    auto cycles = matmul_cycles(engine, rows * factors.core, points, points);
    if (factors.core > 1) cycles += matmul_cycles(engine, rows * points, factors.core, factors.core);
    return cycles;
}

}  // namespace

std::int64_t input_steps(std::int64_t inputs, std::int64_t k, std::int64_t segment) {
    if (segment <= 0 || segment >= k) return divide_up(k, inputs);
    if (inputs >= segment) return divide_up(divide_up(k, segment), inputs / segment);
    return k / segment * divide_up(segment, inputs) + divide_up(k % segment, inputs);
}

std::int64_t matmul_steps(const MatrixEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k,
                          std::int64_t segment) {
    return engine.row_slots(m) * divide_up(n, engine.outputs) * input_steps(engine.inputs, k, segment);
}

std::int64_t matmul_cycles(const MatrixEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k,
                           std::int64_t segment) {
    return matmul_steps(engine, m, n, k, segment) + engine.tile_drain_cycles;
}

std::int64_t matmul_segment(const Design& design) {
    return std::gcd(design.recipe.weights.group_size, design.recipe.activations.group_size);
}

std::int64_t aie_matmul_cycles(const Design& design, const AieMapping& mapping, std::int64_t m,
                               std::int64_t n, std::int64_t k) {
    return accelerator_cycles(design,
                              aie_product_cycles(design.device.aie, mapping, {m, k, n}, design.clock_hz));
}

MatmulPace aie_matmul_pace(const Design& design, std::int64_t m, std::int64_t n, std::int64_t k) {
    const auto& mapping = design.aie.value();
    const auto iteration = aie_iteration(design.device.aie, mapping, design.clock_hz);
    const auto iterations = aie_iterations(mapping, {m, k, n});
    const auto all = accelerator_cycles(design, iterations * iteration.cycles());
    const auto computing = accelerator_cycles(design, iterations * iteration.compute_cycles);
    const auto native = mapping.native();
    const auto share = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) /
                       (static_cast<double>(iterations) * static_cast<double>(native.m) *
                        static_cast<double>(native.n) * static_cast<double>(native.k));
    const auto useful = static_cast<std::int64_t>(static_cast<double>(computing) * share);
    return {computing, computing - useful, all - computing};
}

std::int64_t aie_vector_cycles(const Design& design, const AieMapping& mapping, std::int64_t m,
                               std::int64_t n, std::int64_t k) {
    const auto kernel = aie_kernel_cycles(design.device.aie, mapping.tile_kernel());
    return aie_iterations(mapping, {m, k, n}) * mapping.replication.kernels() * (kernel.mac + kernel.unpack);
}

std::int64_t ssm_steps(const SsmEngine& engine, std::int64_t channels, std::int64_t state) {
    return divide_up(channels, engine.channel_lanes()) * divide_up(state, engine.state_unroll);
}

namespace {

// Cycles in which the state memory is read and written once, by its ports.
std::int64_t state_access_cycles(int ports) {
    memory::ScratchpadSpecification state;
    state.ports = ports;
    return memory::access_cycles(state, 1, 1);
}

}  // namespace

std::int64_t ssm_operator_cycles(const SsmEngine& engine, std::int64_t tokens, std::int64_t channels,
                                 std::int64_t state, int state_ports) {
    const auto steps = tokens * ssm_steps(engine, channels, state);
    return state_access_cycles(state_ports) * steps + engine.pipeline_cycles;
}

std::int64_t ssm_fused_cycles(const SsmEngine& engine, std::int64_t tokens, std::int64_t channels,
                              std::int64_t state, std::int64_t tile_channels, std::int64_t tile_state,
                              int state_ports) {
    constexpr int operators = 4;  // B x, A h, h, h C
    const auto accesses = state_access_cycles(state_ports);
    const auto tiles = tokens * divide_up(channels, tile_channels) * divide_up(state, tile_state);
    const auto first =
        accesses * ssm_steps(engine, std::min(channels, tile_channels), std::min(state, tile_state));
    const auto steps = accesses * tokens * ssm_steps(engine, channels, state);
    return steps + tiles + (operators - 1) * first + operators * engine.pipeline_cycles;
}

HadamardFactors hadamard_factors(std::int64_t n) {
    for (const std::int64_t core : {1, 12, 20, 28, 40}) {
        auto rest = n;
        int stages = 0;
        if (rest % core != 0) continue;
        rest /= core;
        while (rest % 2 == 0) {
            rest /= 2;
            ++stages;
        }
        if (rest == 1) {
            // 40 x 128 rather than 20 x 256: the larger core is the published factorisation.
            if (core == 20 && stages >= 1) return {40, stages - 1};
            return {core, stages};
        }
    }
    return {};
}

std::int64_t hadamard_cycles(const HadamardEngine& engine, std::int64_t rows, std::int64_t n) {
    const auto factors = checked_factors(n);
    const auto pass = rows * divide_up(n, engine.points_per_cycle);
    return (factors.core > 1 ? 2 : 1) * (pass + engine.pipeline_cycles) + factors.stages;
}

int vector_passes(Opcode opcode) {
    return opcode == Opcode::norm ? 3 : opcode == Opcode::l2_norm ? 2 : 1;
}

std::int64_t vector_cycles(const VectorEngine& engine, Opcode opcode, std::int64_t m, std::int64_t n) {
    return vector_passes(opcode) * (m * divide_up(n, engine.lanes) + engine.pipeline_cycles);
}

std::int64_t instruction_cycles(const Design& design, EngineKind engine, const Section& section,
                                const Instruction& work) {
    if (design.transformer() != nullptr) return transformer_instruction_cycles(design, engine, section, work);
    if (design.super_resolution) {
        return super_resolution_instruction_cycles(design, engine, section, work);
    }
    const auto ssm = engine == EngineKind::vector ? shared_ssm(design) : design.ssm;
    const auto state_ports = design.buffer(Buffer::state).ports;
    switch (work.opcode) {
        case Opcode::matmul:
            return engine == EngineKind::aie
                       ? aie_matmul_cycles(design, design.aie.value(), work.m, work.n, work.k)
                       : matmul_cycles(design.matrix, work.m, work.n, work.k, matmul_segment(design));
        case Opcode::ssm_fused:
            return ssm_fused_cycles(ssm, work.m, work.n, work.k, design.mapping.tile.channels,
                                    design.mapping.tile.state, state_ports);
        case Opcode::ssm_operator:
            return ssm_operator_cycles(ssm, work.m, work.n, work.k, state_ports);
        case Opcode::discretize:
            return ssm_operator_cycles(ssm, work.m, work.n, work.k, 2);
        case Opcode::hadamard:
            return engine == EngineKind::matrix ? hadamard_on_matrix_cycles(design.matrix, work.m, work.n)
                                                : hadamard_cycles(design.hadamard, work.m, work.n);
        case Opcode::load:
        case Opcode::store:
            return 0;
        default:
            return vector_cycles(design.vector, work.opcode, work.m, work.n);
    }
}

std::int64_t instruction_macs(const Section& section, const Instruction& work) {
    std::int64_t macs = 0;
    for (std::uint32_t i = 0; i < work.operator_count; ++i) {
        const auto& op = section.operators[work.operator_first + i];
        if (op.macs() == 0) continue;
        const auto depth = work.opcode == Opcode::matmul ? std::int64_t{work.k} : op.k;
        macs += std::int64_t{work.m} * work.n * depth;
    }
    return macs;
}

}  // namespace tilewright::accel
