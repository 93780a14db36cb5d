// SPDX-License-Identifier: Apache-2.0
// A matrix multiplication on x * y * z tiles: x kernels along m, y along k, z along n. Left operands are
// broadcast along z, right ones along x; the y partial sums of an output are added through the cascade or by
// adder tiles, and leave through one PLIO each. All buffers of the tiles are ping-pong, so that an iteration
// of the array takes the longest of moving either operand, computing and moving the sums out. Sums of
// different iterations along k are added in the fabric. Formulas after CHARM (cdse.py); docs/aie.md compares
// the model with published designs.
#pragma once

#include <cstdint>
#include <string>

#include "accel/aie/kernel.hpp"

namespace tilewright::accel {

enum class AieReduction { cascade, adder_tiles };

struct AieReplication {
    std::int64_t x = 1;
    std::int64_t y = 1;
    std::int64_t z = 1;
    std::int64_t kernels() const { return x * y * z; }
};

struct AieMapping {
    AieReplication replication;
    AieShape tile;  // of one kernel
    AiePrecision precision = AiePrecision::int8;
    AieKernelKind kernel = AieKernelKind::intrinsics;
    AieReduction reduction = AieReduction::cascade;
    std::int64_t plio_bits = 128;        // 64 or 128, at the clock of the fabric
    std::int64_t tiles_per_plio_in = 1;  // tiles that take turns on one PLIO (packet switching), at most
    std::int64_t tiles_per_plio_out = 1;
    std::int64_t weight_gmio = 0;  // GMIO that bring the right operands from memory; 0: PLIO do
    std::int64_t sum_bytes = 0;    // of an output; 0: those of a partial sum

    AieKernel tile_kernel() const;
    // Partial sums are added by tiles of their own.
    bool adds_apart() const { return replication.y > 1 && reduction == AieReduction::adder_tiles; }
    // PLIO that bring left and right operands and take sums away, and how many tiles share the busiest.
    struct Streams {
        std::int64_t plio = 0;
        std::int64_t turns = 0;
    };
    Streams left_streams() const;
    Streams right_streams() const;
    Streams sum_streams() const;
    // What one iteration of the whole array multiplies.
    AieShape native() const {
        return {replication.x * tile.m, replication.y * tile.k, replication.z * tile.n};
    }
};

struct AiePlacement {
    std::int64_t tiles = 0;
    std::int64_t plio_in = 0;
    std::int64_t plio_out = 0;
    std::int64_t gmio_in = 0;
    // Channels of a kernel's memory DMA that bring its operands. Of those the other way sums take one, at the
    // end of a chain; adder tiles read partial sums in their neighbours' memories and take none.
    std::int64_t tile_dma_in = 0;
    std::int64_t tile_memory_bytes = 0;
};
AiePlacement aie_placement(const AieMapping& mapping);

// Sums of 32 bits that its PLIO bring in a cycle of the fabric, at most.
std::int64_t aie_sums_per_cycle(const AieArray& array, const AieMapping& mapping, double fabric_clock_hz);

// PLIO that the interface columns offer: a column has `streams` 64-bit channels, a wider PLIO joins two; and
// inside the array each is a 32-bit stream, of which the switch above the interface passes `switch_streams`.
std::int64_t aie_plio_limit(std::int64_t columns, std::int64_t streams, std::int64_t switch_streams,
                            std::int64_t plio_bits);

// What the array has of each, for PLIO of a width.
AiePlacement aie_limits(const AieArray& array, std::int64_t plio_bits);

// Why a mapping cannot be placed, with the member of the mapping that is to blame; empty if it can.
struct AiePlacementProblem {
    std::string member;  // "tile", "replication", "reduction" or "gmio"
    std::string what;
    std::string allowed;
    bool exceeds_array = false;  // a larger array would do
};
AiePlacementProblem aie_placement_problem(const AieArray& array, const AieMapping& mapping);

// Bytes that a PLIO moves in a cycle of the AI Engines: its width at the fabric's clock, at most one 32-bit
// stream (AM009, UG1483).
double aie_plio_bytes_per_cycle(const AieArray& array, double fabric_clock_hz, std::int64_t plio_bits);

struct AieIteration {
    std::int64_t left_cycles = 0;
    std::int64_t right_cycles = 0;
    std::int64_t compute_cycles = 0;
    std::int64_t out_cycles = 0;

    // Pace once all buffers are in use.
    std::int64_t cycles() const;
    // The first operands come before anything is computed; the last sums leave after it.
    std::int64_t fill_cycles() const;
    std::int64_t drain_cycles() const { return out_cycles; }
    // "compute", "left_operand", "right_operand" or "sums".
    const char* limit() const;
};
AieIteration aie_iteration(const AieArray& array, const AieMapping& mapping, double fabric_clock_hz);

// Iterations that a product takes: what does not divide is padded.
std::int64_t aie_iterations(const AieMapping& mapping, const AieShape& work);

// A lower bound of any product's cycles on the mapping: its MACs over those of all tiles; each operand moved
// once, and a sum for every native depth, over what their PLIO or GMIO move.
double aie_least_cycles(const AieArray& array, const AieMapping& mapping, const AieShape& work,
                        double fabric_clock_hz);

// Cycles of a whole product with operands in the fabric's buffers: iterations, fill and drain.
std::int64_t aie_product_cycles(const AieArray& array, const AieMapping& mapping, const AieShape& work,
                                double fabric_clock_hz);

// Memory that feeds a product that does not fit the fabric's buffers: loads of both operands and, at the end
// of every block of outputs, a store of it. `blocks` native products along each axis are held in the fabric.
struct AieMemoryFeed {
    AieReplication blocks;  // native products along m, k, n that the buffers hold
    double left_bytes_per_s = 0;
    double right_bytes_per_s = 0;
    double out_bytes_per_s = 0;
};
// Seconds: loads of a block and its computation overlap, the first load and every store of outputs do not.
double aie_memory_product_s(const AieArray& array, const AieMapping& mapping, const AieMemoryFeed& feed,
                            const AieShape& work, double fabric_clock_hz);

// Bytes a second, in and out added up, of `pairs` GMIO that each move `in_bytes` and `out_bytes` a transfer
// to and from one DRAM controller.
double gmio_bytes_per_s(const AieArray& array, std::int64_t pairs, std::int64_t in_bytes,
                        std::int64_t out_bytes);

// Tiles that draw power: those of the placement, and those whose memories hold what a kernel's buffers leave
// over of its own tile's (a core reaches the memories of three neighbours, AM009, UG1079). Buffers of a
// design's engines must fit their own tiles (aie_placement_problem), those of published kernels need not.
std::int64_t aie_tiles_in_use(const AieArray& array, const AieMapping& mapping);

// Power at a rate of vector MACs: energy is counted by cycles that issue one, whatever their width, and by
// tiles in use.
double aie_power_w(const AieArray& array, AiePrecision precision, double vector_cycles_per_s,
                   std::int64_t tiles);

}  // namespace tilewright::accel
