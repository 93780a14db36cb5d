// SPDX-License-Identifier: Apache-2.0
// How many cycles an engine takes for a piece of work: pure functions of the engine's size and the work's
// shape. docs/modelling.md says how each was validated.
#pragma once

#include <cstdint>

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// Steps in which `inputs` multipliers and the adder tree behind them take k products, of which each `segment`
// have scales of their own (0: all have the same). A step makes one sum of a part of a segment, or several of
// whole ones, for which the tree is cut: never one of two segments.
std::int64_t input_steps(std::int64_t inputs, std::int64_t k, std::int64_t segment);

// [m, k] x [k, n] on `inputs` x `outputs` multipliers: every cycle multiplies `inputs` activations of a token
// by `inputs` x `outputs` weights; what does not divide leaves multipliers idle.
std::int64_t matmul_steps(const MatrixEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k,
                          std::int64_t segment = 0);

// As above and the drain behind the tile.
std::int64_t matmul_cycles(const MatrixEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k,
                           std::int64_t segment = 0);

// Inputs of a Mamba design's linear layers that share their scales; 0 if all do.
std::int64_t matmul_segment(const Design& design);

// The same product on the AI Engines, in cycles of the accelerator clock: fill, iterations and drain of
// accel/aie/array_timing.hpp, rounded up. The design must have an array.
std::int64_t aie_matmul_cycles(const Design& design, const AieMapping& mapping, std::int64_t m,
                               std::int64_t n, std::int64_t k);

// Of a product's cycles those without filling and emptying. On the array kernels compute in its iterations,
// and wait in the others for the slowest stream between fabric and array (AieIteration::limit()).
struct MatmulPace {
    std::int64_t computing = 0;
    std::int64_t padding = 0;  // of `computing`: its share of MACs that the product does not have
    std::int64_t moving = 0;
};
MatmulPace aie_matmul_pace(const Design& design, std::int64_t m, std::int64_t n, std::int64_t k);

// Vector cycles in which all tiles multiply for it, padding included, or unpack its weights.
std::int64_t aie_vector_cycles(const Design& design, const AieMapping& mapping, std::int64_t m,
                               std::int64_t n, std::int64_t k);

// Steps of an element-wise pass over `channels` x `state` elements of one token.
std::int64_t ssm_steps(const SsmEngine& engine, std::int64_t channels, std::int64_t state);

// One operator over `tokens` tokens. With a single-ported state memory reads and writes alternate: twice the
// steps.
std::int64_t ssm_operator_cycles(const SsmEngine& engine, std::int64_t tokens, std::int64_t channels,
                                 std::int64_t state, int state_ports);

// All operators side by side, joined by FIFOs that hold one tile of `tile_state` x `tile_channels` elements:
// the pace is that of one operator; the first tile passes the three others before results appear, and every
// tile costs one cycle of hand-over.
std::int64_t ssm_fused_cycles(const SsmEngine& engine, std::int64_t tokens, std::int64_t channels,
                              std::int64_t state, std::int64_t tile_channels, std::int64_t tile_state,
                              int state_ports);

// The factors of an n-point Hadamard transform: n = core * 2^stages, core 1, 12, 20, 28 or 40.
struct HadamardFactors {
    std::int64_t core = 0;  // 0 when there is no such factorisation
    int stages = 0;
};
HadamardFactors hadamard_factors(std::int64_t n);

// `rows` transforms of n points: 2^stages-point butterflies at points_per_cycle, then, for a core above 1, a
// second pass through the +-1 matrix, which needs all points of the first.
std::int64_t hadamard_cycles(const HadamardEngine& engine, std::int64_t rows, std::int64_t n);

// Passes that an operator makes over its elements on the vector unit: a norm sums squares, then scales and
// finds the largest magnitude of each group, then quantizes (VAR's takes the mean, then the deviations, then
// scales); an L2 norm sums squares, then scales; everything else streams once.
int vector_passes(Opcode opcode);
std::int64_t vector_cycles(const VectorEngine& engine, Opcode opcode, std::int64_t m, std::int64_t n);

// Cycles of an instruction of a section on the engine that runs it (not for DMA).
std::int64_t instruction_cycles(const Design& design, EngineKind engine, const Section& section,
                                const Instruction& work);

// MACs that an instruction carries out.
std::int64_t instruction_macs(const Section& section, const Instruction& work);

}  // namespace tilewright::accel
