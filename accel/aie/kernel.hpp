// SPDX-License-Identifier: Apache-2.0
// Cycles of one matrix multiplication on one AI Engine tile: a small model of its VLIW pipeline. The kernel
// makes blocks of outputs, each as many as its accumulators hold, over the whole depth k. In every cycle a
// tile can load two vectors, store one and issue one vector MAC (AM009, UG1079), so that a block takes
//     max(MAC slots, load slots, store slots) + words through the cascade,
// between two blocks lies an overhead, and the call has its fixed cost. The form, (inner MACs + c) x blocks +
// a constant, is that of CHARM's design space explorer (cdse.py); what differs between kernels are the named
// parameters of AieKernelClass. docs/aie.md compares it with published kernels.
#pragma once

#include <cstdint>

#include "accel/aie/array.hpp"

namespace tilewright::accel {

// [m, k] x [k, n].
struct AieShape {
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::int64_t n = 0;
};

// A block of outputs held in accumulators, and the depth of one step of the inner loop.
struct AieBlock {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t depth = 0;
};

// Bytes of the operands in data memory and of a stored partial sum; bits of the weights on their way in.
struct AieOperands {
    std::int64_t left_bytes = 0;
    std::int64_t right_bytes = 0;
    std::int64_t right_bits_moved = 0;
    std::int64_t sum_bytes = 0;
    std::int64_t accumulator_bits = 0;  // of one output on the cascade
    bool floating = false;
};
AieOperands aie_operands(AiePrecision precision);

// Intrinsics and pipelined library kernels hold two vector accumulators of outputs (CHARM: 8x8x4 steps for
// int8, 16x2x2 for int16, 8x1x2 for fp32); other library kernels 4x4x2; auto-vectorised ones a row of one
// accumulator.
AieBlock aie_block(AiePrecision precision, AieKernelKind kind);

struct AieKernelCycles {
    std::int64_t mac = 0;        // slots that issue vector MACs: what energy is counted by
    std::int64_t load = 0;       // cycles that the load slots need
    std::int64_t blocks = 0;     // blocks of outputs
    std::int64_t unpack = 0;     // int4 weights to int8, once a call
    std::int64_t conflicts = 0;  // cycles lost to banks that the core and a tile DMA want at once
    std::int64_t call = 0;       // fixed cost
    std::int64_t total = 0;
};

struct AieKernel {
    AieKernelKind kind = AieKernelKind::intrinsics;
    AiePrecision precision = AiePrecision::int8;
    AieShape shape;
    // Ways in which partial sums move through the cascade, 384 bits a cycle: 0 alone, 1 at the ends of a
    // chain, 2 inside: a block's accumulators arrive before its first MAC and leave after its last.
    int cascade_ways = 0;
    std::int64_t sum_bytes = 0;  // of a stored output; 0: those of a partial sum
};

// Throws std::invalid_argument for a precision that the array does not have.
AieKernelCycles aie_kernel_cycles(const AieArray& array, const AieKernel& kernel);

// Bytes of data memory that a tile's buffers take: both operands and the sums twice for ping-pong, and
// unpacked int4 weights once.
std::int64_t aie_kernel_memory_bytes(const AieKernel& kernel);

}  // namespace tilewright::accel
