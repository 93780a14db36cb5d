// SPDX-License-Identifier: Apache-2.0
#include "accel/aie/array_timing.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;
using memory::round_up;

namespace {

std::int64_t left_bytes(const AieMapping& mapping) {
    return mapping.tile.m * mapping.tile.k * aie_operands(mapping.precision).left_bytes;
}
std::int64_t right_bytes(const AieMapping& mapping) {
    return divide_up(mapping.tile.k * mapping.tile.n * aie_operands(mapping.precision).right_bits_moved, 8);
}
std::int64_t out_bytes(const AieMapping& mapping) {
    const auto bytes = mapping.sum_bytes > 0 ? mapping.sum_bytes : aie_operands(mapping.precision).sum_bytes;
    return mapping.tile.m * mapping.tile.n * bytes;
}

// An adder tile reads y partial sums of every output, two vectors a cycle.
std::int64_t adder_cycles(const AieArray& array, const AieMapping& mapping) {
    const auto bytes =
        mapping.tile.m * mapping.tile.n * aie_operands(mapping.precision).sum_bytes * mapping.replication.y;
    return divide_up(bytes, array.load_ports * array.vector_bytes) + array.kernel(mapping.kernel).call_cycles;
}

// A core reads its own tile's data memory and those of three neighbours (AM009, UG1079).
constexpr std::int64_t memories_of_a_core = 4;

std::string of(std::int64_t used, const char* what, std::int64_t limit) {
    return std::to_string(used) + " " + what + " of " + std::to_string(limit);
}

}  // namespace

AieKernel AieMapping::tile_kernel() const {
    // The slowest kernel of a chain sets its pace: one with a neighbour on both sides, if there is any.
    const auto ways =
        reduction == AieReduction::cascade ? std::min<std::int64_t>(replication.y - 1, 2) : std::int64_t{0};
    return {kernel, precision, tile, static_cast<int>(ways), sum_bytes};
}

namespace {

AieMapping::Streams shared(std::int64_t tiles, std::int64_t turns) {
    const auto plio = divide_up(tiles, turns);
    return {plio, divide_up(tiles, plio)};
}

}  // namespace

AieMapping::Streams AieMapping::left_streams() const {
    return shared(replication.x * replication.y, tiles_per_plio_in);
}

AieMapping::Streams AieMapping::right_streams() const {
    return shared(replication.y * replication.z, tiles_per_plio_in);
}

AieMapping::Streams AieMapping::sum_streams() const {
    return shared(replication.x * replication.z, tiles_per_plio_out);
}

AiePlacement aie_placement(const AieMapping& mapping) {
    const auto& [x, y, z] = mapping.replication;
    AiePlacement placement;
    placement.tiles = mapping.replication.kernels();
    if (mapping.adds_apart()) placement.tiles += x * z;
    placement.plio_in = mapping.left_streams().plio;
    if (mapping.weight_gmio == 0) placement.plio_in += mapping.right_streams().plio;
    placement.gmio_in = mapping.weight_gmio;
    placement.plio_out = mapping.sum_streams().plio;
    // A left operand, and a right one that comes as one stream or in parts through several GMIO.
    placement.tile_dma_in = 1 + std::max(divide_up(mapping.weight_gmio, y * z), std::int64_t{1});
    placement.tile_memory_bytes = aie_kernel_memory_bytes(mapping.tile_kernel());
    return placement;
}

std::int64_t aie_sums_per_cycle(const AieArray& array, const AieMapping& mapping, double fabric_clock_hz) {
    const auto bytes = static_cast<double>(mapping.sum_streams().plio) *
                       aie_plio_bytes_per_cycle(array, fabric_clock_hz, mapping.plio_bits) * array.clock_hz /
                       fabric_clock_hz;
    // A whole number of bytes but for the division of the clocks.
    constexpr double sum_bytes = 4;
    return static_cast<std::int64_t>(std::ceil(bytes / sum_bytes - 1e-9));
}

std::int64_t aie_plio_limit(std::int64_t columns, std::int64_t streams, std::int64_t switch_streams,
                            std::int64_t plio_bits) {
    return columns * std::min(streams * 64 / plio_bits, switch_streams);
}

AiePlacement aie_limits(const AieArray& array, std::int64_t plio_bits) {
    return {array.tiles(),
            aie_plio_limit(array.interface_columns, array.streams_in_per_column, array.switch_streams_north,
                           plio_bits),
            aie_plio_limit(array.interface_columns, array.streams_out_per_column, array.switch_streams_south,
                           plio_bits),
            array.noc_interfaces * array.gmio_per_noc_interface,
            array.tile_dma_channels,
            array.data_memory_bytes - array.reserved_memory_bytes};
}

AiePlacementProblem aie_placement_problem(const AieArray& array, const AieMapping& mapping) {
    const auto placement = aie_placement(mapping);
    const auto [tiles, in, out, gmio, channels, memory] = aie_limits(array, mapping.plio_bits);
    if (placement.tile_memory_bytes > memory) {
        return {"tile",
                "the kernel's ping-pong buffers take " + of(placement.tile_memory_bytes, "bytes", memory) +
                    " in a tile's data memory",
                "smaller m, k or n"};
    }
    // An adder tile reads the sums of its chain in the memories that its core reaches.
    const auto sums = 2 * mapping.replication.y * mapping.tile.m * mapping.tile.n *
                      aie_operands(mapping.precision).sum_bytes;
    const auto reach = memories_of_a_core * array.data_memory_bytes;
    if (mapping.adds_apart() && sums > reach) {
        return {
            "reduction",
            "an adder tile reads " + of(sums, "bytes of sums", reach) + " in the memories that it reaches",
            "a smaller y, m or n, or \"cascade\""};
    }
    if (placement.tiles > tiles) {
        return {"replication", "the design takes " + of(placement.tiles, "AI Engine tiles", tiles),
                "smaller x, y or z", true};
    }
    if (placement.plio_in > in) {
        return {"replication", "the operands take " + of(placement.plio_in, "PLIO into the array", in),
                "smaller x, y or z", true};
    }
    if (placement.gmio_in > gmio) {
        return {"gmio", "the weights take " + of(placement.gmio_in, "GMIO", gmio), "fewer of them"};
    }
    if (channels < 2) {
        return {"replication",
                "a kernel's two operands take 2 tile DMA channels of " + std::to_string(channels),
                "a device with at least two each way"};
    }
    if (placement.tile_dma_in > channels) {
        const auto right = mapping.replication.y * mapping.replication.z;
        return {"gmio",
                std::to_string(mapping.weight_gmio) + " GMIO for y * z = " + std::to_string(right) +
                    " right operands take, with the left one, " +
                    of(placement.tile_dma_in, "DMA channels into a tile", channels),
                "at most " + std::to_string(right * (channels - 1)) + " GMIO, or a larger y or z"};
    }
    if (placement.plio_out > out) {
        return {"replication", "the sums take " + of(placement.plio_out, "PLIO out of the array", out),
                "smaller x or z, and a larger y", true};
    }
    return {};
}

double aie_plio_bytes_per_cycle(const AieArray& array, double fabric_clock_hz, std::int64_t plio_bits) {
    const auto fabric = static_cast<double>(plio_bits) / 8 * fabric_clock_hz / array.clock_hz;
    return std::min(fabric, static_cast<double>(array.stream_bytes_per_cycle));
}

std::int64_t AieIteration::cycles() const {
    return std::max({left_cycles, right_cycles, compute_cycles, out_cycles});
}

std::int64_t AieIteration::fill_cycles() const {
    return std::max(left_cycles, right_cycles);
}

const char* AieIteration::limit() const {
    if (cycles() == compute_cycles) return "compute";
    if (cycles() == left_cycles) return "left_operand";
    return cycles() == right_cycles ? "right_operand" : "sums";
}

AieIteration aie_iteration(const AieArray& array, const AieMapping& mapping, double fabric_clock_hz) {
    const auto rate = aie_plio_bytes_per_cycle(array, fabric_clock_hz, mapping.plio_bits);
    const auto move = [&](std::int64_t bytes, std::int64_t turns) {
        return round_up(static_cast<double>(bytes * turns) / rate);
    };
    AieIteration iteration;
    iteration.left_cycles = move(left_bytes(mapping), mapping.left_streams().turns);
    iteration.right_cycles = move(right_bytes(mapping), mapping.right_streams().turns);
    if (mapping.weight_gmio > 0) {  // all right operands share the GMIO, a stream each
        iteration.right_cycles =
            divide_up(mapping.replication.y * mapping.replication.z * right_bytes(mapping),
                      mapping.weight_gmio * array.stream_bytes_per_cycle);
    }
    iteration.out_cycles = move(out_bytes(mapping), mapping.sum_streams().turns);
    iteration.compute_cycles = aie_kernel_cycles(array, mapping.tile_kernel()).total;
    if (mapping.adds_apart()) {
        iteration.compute_cycles = std::max(iteration.compute_cycles, adder_cycles(array, mapping));
    }
    return iteration;
}

std::int64_t aie_iterations(const AieMapping& mapping, const AieShape& work) {
    const auto native = mapping.native();
    return divide_up(work.m, native.m) * divide_up(work.k, native.k) * divide_up(work.n, native.n);
}

double aie_least_cycles(const AieArray& array, const AieMapping& mapping, const AieShape& work,
                        double fabric_clock_hz) {
    const auto [m, k, n] =
        std::tuple(static_cast<double>(work.m), static_cast<double>(work.k), static_cast<double>(work.n));
    const auto operands = aie_operands(mapping.precision);
    const auto sum_bytes = mapping.sum_bytes > 0 ? mapping.sum_bytes : operands.sum_bytes;
    const auto plio = aie_plio_bytes_per_cycle(array, fabric_clock_hz, mapping.plio_bits);
    const auto rate = [&](const AieMapping::Streams& streams) {
        return static_cast<double>(streams.plio) * plio;
    };
    const auto gmio = static_cast<double>(mapping.weight_gmio * array.stream_bytes_per_cycle);
    const auto left = m * k * static_cast<double>(operands.left_bytes);
    const auto right = k * n * static_cast<double>(operands.right_bits_moved) / 8;
    const auto sums =
        m * n * std::max(1.0, k / static_cast<double>(mapping.native().k)) * static_cast<double>(sum_bytes);
    return std::max(
        {m * k * n / (static_cast<double>(mapping.replication.kernels()) * array.macs(mapping.precision)),
         left / rate(mapping.left_streams()), right / (gmio > 0 ? gmio : rate(mapping.right_streams())),
         sums / rate(mapping.sum_streams())});
}

std::int64_t aie_product_cycles(const AieArray& array, const AieMapping& mapping, const AieShape& work,
                                double fabric_clock_hz) {
    const auto iteration = aie_iteration(array, mapping, fabric_clock_hz);
    return iteration.fill_cycles() + aie_iterations(mapping, work) * iteration.cycles() +
           iteration.drain_cycles();
}

double aie_memory_product_s(const AieArray& array, const AieMapping& mapping, const AieMemoryFeed& feed,
                            const AieShape& work, double fabric_clock_hz) {
    const auto operands = aie_operands(mapping.precision);
    const auto native = mapping.native();
    const AieShape block{native.m * feed.blocks.x, native.k * feed.blocks.y, native.n * feed.blocks.z};
    const auto left_s = static_cast<double>(block.m * block.k * operands.left_bytes) / feed.left_bytes_per_s;
    const auto right_s = static_cast<double>(divide_up(block.k * block.n * operands.right_bits_moved, 8)) /
                         feed.right_bytes_per_s;
    const auto out_s = static_cast<double>(block.m * block.n * operands.sum_bytes) / feed.out_bytes_per_s;
    const auto load_s = std::max(left_s, right_s);
    const auto iteration = aie_iteration(array, mapping, fabric_clock_hz);
    const auto compute_s = static_cast<double>(feed.blocks.kernels() * iteration.cycles()) / array.clock_hz;
    const auto outputs = divide_up(work.m, block.m) * divide_up(work.n, block.n);
    const auto blocks = outputs * divide_up(work.k, block.k);
    return load_s + static_cast<double>(blocks) * std::max(load_s, compute_s) +
           static_cast<double>(outputs) * out_s;
}

double gmio_bytes_per_s(const AieArray& array, std::int64_t pairs, std::int64_t in_bytes,
                        std::int64_t out_bytes) {
    const auto cycles =
        divide_up(std::max(in_bytes, out_bytes), array.stream_bytes_per_cycle) + array.gmio_transfer_cycles;
    const auto transfers_per_s = array.clock_hz / static_cast<double>(cycles);
    const auto ports =
        static_cast<double>(pairs) * static_cast<double>(in_bytes + out_bytes) * transfers_per_s;
    const auto interfaces =
        static_cast<double>(std::min(pairs, array.noc_interfaces)) * 2 * array.noc_interface_bytes_per_s;
    return std::min({ports, interfaces, array.mixed_dram_bytes_per_s});
}

std::int64_t aie_tiles_in_use(const AieArray& array, const AieMapping& mapping) {
    const auto placement = aie_placement(mapping);
    const auto own = array.data_memory_bytes - array.reserved_memory_bytes;
    const auto rest = std::max(std::int64_t{0}, placement.tile_memory_bytes - own);
    return placement.tiles + mapping.replication.kernels() * divide_up(rest, array.data_memory_bytes);
}

double aie_power_w(const AieArray& array, AiePrecision precision, double vector_cycles_per_s,
                   std::int64_t tiles) {
    const auto cycle_j =
        aie_operands(precision).floating ? array.floating_vector_cycle_j : array.vector_cycle_j;
    return vector_cycles_per_s * cycle_j + static_cast<double>(tiles) * array.active_tile_w;
}

}  // namespace tilewright::accel
