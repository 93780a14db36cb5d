// SPDX-License-Identifier: Apache-2.0
// Cycles of the engines that a design for a transformer has beside those of timing.hpp: pure functions of the
// engine's size and the work's shape. docs/modelling.md says what each stands for.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// The sums of a linear layer that are rescaled apart: every output of every row has one for each segment of
// inputs that share their scales, and two where inputs have a scale for each sign.
struct RescaleWork {
    std::int64_t segment = 0;  // inputs; all of them for formats without scales
    std::int64_t per_segment = 1;
};
RescaleWork rescale_work(const LinearOperands& layer);

// Units that rescale a sum each cycle: as many as keep up with the multipliers in every layer of the design,
// but for the head of a super-resolution network beside others.
std::int64_t rescale_lanes(const Design& design);
// The same behind the AI Engines: as many as keep up with the sums that leave the array, of which those of a
// segment are added up first.
std::int64_t aie_rescale_lanes(const Design& design);

// Bits that weight registers take from the weight buffer in a cycle: as many as the port brings, or more if a
// tile of rows, or a strip of pixels, would otherwise be through before the next weights are there.
std::int64_t weight_word_bits(const Design& design);

// A product on the fabric's matrix unit. A block of inputs x outputs weights stays in registers while the
// rows pass; the next block is loaded meanwhile, so few rows wait for it. Then the pipeline empties. Without
// pipelining inside the unit the rescaling follows the multiplications.
struct MatrixTime {
    std::int64_t multiply = 0;
    std::int64_t wait_for_weights = 0;
    std::int64_t rescale = 0;
    std::int64_t drain = 0;

    std::int64_t cycles() const { return multiply + wait_for_weights + rescale + drain; }
};
// A block of weights in registers.
struct WeightBlock {
    std::int64_t inputs = 1;
    std::int64_t outputs = 1;
    std::int64_t bits = 1;     // of a weight
    std::int64_t segment = 0;  // inputs that share their scales (input_steps()); 0: all do
};
// Multiplications, and waits for registers that take `word_bits` a cycle.
MatrixTime stationary_time(const WeightBlock& block, std::int64_t word_bits, std::int64_t m, std::int64_t n,
                           std::int64_t k);
MatrixTime transformer_matrix_time(const Design& design, const LinearOperands& layer, std::int64_t m,
                                   std::int64_t n);

// Rounds m x n elements whose scales are shared by `group` elements of a row: the first group's largest
// magnitude has to be found before anything is rounded.
std::int64_t quantize_cycles(const QuantizerEngine& engine, std::int64_t m, std::int64_t n,
                             std::int64_t group);

// Bits that the buffer of keys and values gives in a cycle: as wide as the port that fills it, and enough to
// fill the attention unit's registers while a tile's rows pass through it.
std::int64_t cache_word_bits(const Design& design);
// Cycles in which those registers take a block of keys or values.
std::int64_t attention_refill_cycles(const Design& design);

// `count` equal products [m, k] x [k, n], each with a right operand of its own.
struct EqualProducts {
    std::int64_t count = 1;
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
};
// What the attention unit multiplies in an instruction. Of VAR every head has keys of its own. Of GPT-BigCode
// all heads share them, but the beams of a decode step share those of the prompt only.
std::vector<EqualProducts> attention_products(const Design& design, const models::Operator& op,
                                              const Instruction& work);
// Its instruction on AI Engines (all of it as `multiply`) or in the fabric, where blocks of keys or values
// stay in the unit's registers while rows pass. Weights that the unit multiplies by (AdaLN, embedding and
// head) come from memory no faster than their buffer's words fill the registers: they are not waited for
// again.
MatrixTime attention_time(const Design& design, const models::Operator& op, const Instruction& work);

// m rows of n scores: the first row's largest score has to be found before anything is exponentiated.
std::int64_t softmax_cycles(const SoftmaxEngine& engine, std::int64_t m, std::int64_t n);

// Cycles of an instruction of a program for a transformer on the engine that runs it (not for DMA).
std::int64_t transformer_instruction_cycles(const Design& design, EngineKind engine, const Section& section,
                                            const Instruction& work);

// The class of linear layers that an operator is, by its name; nullptr for others. `layers` is that of
// linear_operands().
const LinearOperands* linear_layer(const std::vector<LinearOperands>& layers,
                                   const std::string& operator_name);

}  // namespace tilewright::accel
