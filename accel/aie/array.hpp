// SPDX-License-Identifier: Apache-2.0
// The AI Engine array of a device (AIE1 of Versal AI Core): what a tile computes, loads and stores in a
// cycle, and how data enter and leave. Values, units, sources and how sure each is stand in the device's JSON
// (configs/devices/vck190.json, /aie). Cycles are cycles of the AI Engine clock.
#pragma once

#include <cstdint>

namespace tilewright::accel {

// Operands of a multiply-accumulate; int4 weights are stored in 4 bits and unpacked to int8 in the kernel, as
// AIE1 has no 4-bit multiplier (UG1079).
enum class AiePrecision {
    int8,
    int8_int4,  // int8 activations, int4 weights
    int16,
    int32,
    fp32,
    cint16,
    cint16_cint32,
    cint32,
    float_cfloat,
    cfloat
};
inline constexpr int aie_precision_count = 10;
const char* to_string(AiePrecision precision);

// How a kernel was written, in terms of what its inner loop does.
struct AieKernelClass {
    // Columns of vector accumulators that take MACs in turn. With one, each floating-point MAC waits for the
    // one before it.
    int accumulators = 1;
    // Cycles of every inner step in which the vector unit waits for its operands: a loop that the compiler
    // did not software-pipeline exposes the latency of its loads.
    int exposed_load_cycles = 0;
    // Around the inner loop of a block of outputs: software-pipeline prologue and epilogue that MACs do not
    // fill, shift-round-saturate, store and loop control.
    int block_overhead_cycles = 0;
    // Once a call: entering and leaving the kernel, locks of its ping-pong buffers, and what the last block
    // would have as overhead.
    int call_cycles = 0;
    // Ways of the cascade (in, out) whose words are moved in cycles of their own. A software-pipelined loop
    // moves those of the next and the last block beside its MACs: 0.
    int cascade_ways_exposed = 2;
};

enum class AieKernelKind { intrinsics, library_pipelined, library, auto_vectorised };
inline constexpr int aie_kernel_kind_count = 4;
const char* to_string(AieKernelKind kind);

struct AieArray {
    std::int64_t rows = 0;  // 0: the device has no AI Engines
    std::int64_t columns = 0;
    double clock_hz = 0;
    double interface_clock_hz = 0;            // of the fabric's side of a PLIO, at most
    std::int64_t interface_columns = 0;       // that reach the fabric
    std::int64_t streams_in_per_column = 0;   // 64 bits wide, from the fabric
    std::int64_t streams_out_per_column = 0;  // 64 bits wide, to the fabric
    std::int64_t data_memory_bytes = 0;       // of a tile
    std::int64_t data_memory_banks = 0;
    std::int64_t reserved_memory_bytes = 0;   // stack and heap
    std::int64_t load_ports = 0;              // vector loads a cycle
    std::int64_t vector_bytes = 0;            // of a load or a store
    std::int64_t stream_bytes_per_cycle = 0;  // one stream, one tile DMA channel
    std::int64_t cascade_bits_per_cycle = 0;
    std::int64_t switch_streams_north = 0;  // 32-bit ports of a stream switch towards the array
    std::int64_t switch_streams_south = 0;  // and towards its interface
    std::int64_t tile_dma_channels = 0;     // of a tile's memory, each way
    std::int64_t floating_dependence_cycles =
        0;                                     // from a floating-point MAC to the next into its accumulator
    double unpack_int4_cycles_per_vector = 0;  // per vector of unpacked int8 weights
    std::int64_t noc_interfaces = 0;           // NMU + NSU pairs
    std::int64_t gmio_per_noc_interface = 0;   // each way
    double noc_interface_bytes_per_s = 0;      // each way
    double mixed_dram_bytes_per_s = 0;         // of reads and writes of many GMIO through one controller
    std::int64_t gmio_transfer_cycles = 0;     // between two transfers of a GMIO: descriptor and locks
    double macs_per_cycle[aie_precision_count] = {};
    AieKernelClass kernels[aie_kernel_kind_count];
    double vector_cycle_j = 0;           // of a cycle that issues an integer vector MAC
    double floating_vector_cycle_j = 0;  // of one that issues a floating-point MAC
    double active_tile_w = 0;

    std::int64_t tiles() const { return rows * columns; }
    bool present() const { return tiles() > 0; }
    double macs(AiePrecision precision) const { return macs_per_cycle[static_cast<int>(precision)]; }
    const AieKernelClass& kernel(AieKernelKind kind) const { return kernels[static_cast<int>(kind)]; }
};

}  // namespace tilewright::accel
