// SPDX-License-Identifier: Apache-2.0
// How many cycles the engines of a super-resolution design take for a piece of work: pure functions.
// docs/modelling.md says what each stands for.
#pragma once

#include <cstdint>

#include "accel/design/design.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// A convolution of `m` pixels, `n` outputs and `k` signs by neighbourhood. A block of inputs x outputs signs
// of weights stays in registers while the pixels pass.
MatrixTime binary_convolution_time(const Design& design, std::int64_t m, std::int64_t n, std::int64_t k);

// A convolution of more than one bit on the matrix unit: likewise, and sums are rescaled by segments of
// inputs side by side with the multiplications; `rescale` is what that takes longer.
MatrixTime convolution_time(const Design& design, const models::Operator& op, std::int64_t m);

// A pass of the vector unit over m x n elements, pixels side by side; k products are summed up for each.
std::int64_t pass_cycles(const VectorEngine& engine, std::int64_t m, std::int64_t n, std::int64_t k = 1);

// Cycles of an instruction of a super-resolution program on the engine that runs it (not for DMA).
std::int64_t super_resolution_instruction_cycles(const Design& design, EngineKind engine,
                                                 const Section& section, const Instruction& work);

}  // namespace tilewright::accel
