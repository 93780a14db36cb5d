// SPDX-License-Identifier: Apache-2.0
#include "accel/aie/kernel.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;
using memory::round_up;

namespace {

// Bytes of one copy of each buffer.
struct Buffers {
    std::int64_t left = 0;
    std::int64_t right = 0;
    std::int64_t sums = 0;
    std::int64_t bytes() const { return left + right + sums; }
};

Buffers buffers_of(const AieKernel& kernel) {
    const auto operands = aie_operands(kernel.precision);
    const auto sum_bytes = kernel.sum_bytes > 0 ? kernel.sum_bytes : operands.sum_bytes;
    const auto& [m, k, n] = kernel.shape;
    return {m * k * operands.left_bytes, divide_up(k * n * operands.right_bits_moved, 8), m * n * sum_bytes};
}

// Buffers that share a bank with another lose a cycle whenever both are accessed at once. A tile DMA moves a
// stream's words in accesses of 16 bytes; the core's loads are spread over the banks. Buffers that fit banks
// of their own never meet; those that do not fit the tile take banks of its neighbours.
std::int64_t conflict_cycles(const AieArray& array, const Buffers& buffers, std::int64_t load,
                             std::int64_t busy) {
    const auto bank = array.data_memory_bytes / array.data_memory_banks;
    const auto banks =
        2 * (divide_up(buffers.left, bank) + divide_up(buffers.right, bank) + divide_up(buffers.sums, bank));
    if (banks <= array.data_memory_banks || busy == 0) return 0;
    constexpr std::int64_t dma_access_bytes = 16;
    const auto accesses = static_cast<double>(divide_up(buffers.bytes(), dma_access_bytes));
    const auto loads_per_cycle = static_cast<double>(array.load_ports * load) / static_cast<double>(busy);
    return round_up(accesses * loads_per_cycle / static_cast<double>(banks));
}

}  // namespace

AieOperands aie_operands(AiePrecision precision) {
    switch (precision) {
        case AiePrecision::int8:
            return {1, 1, 8, 4, 48, false};
        case AiePrecision::int8_int4:
            return {1, 1, 4, 4, 48, false};
        case AiePrecision::int16:
            return {2, 2, 16, 4, 48, false};
        case AiePrecision::int32:
            return {4, 4, 32, 4, 96, false};
        case AiePrecision::fp32:
            return {4, 4, 32, 4, 32, true};
        case AiePrecision::cint16:
            return {4, 4, 32, 4, 96, false};
        case AiePrecision::cint16_cint32:
            return {4, 8, 64, 8, 192, false};
        case AiePrecision::cint32:
            return {8, 8, 64, 8, 192, false};
        case AiePrecision::float_cfloat:
            return {4, 8, 64, 8, 96, true};
        case AiePrecision::cfloat:
            break;
    }
    return {8, 8, 64, 8, 96, true};
}

AieBlock aie_block(AiePrecision precision, AieKernelKind kind) {
    if (kind == AieKernelKind::library) return {4, 2, 4};
    AieBlock block;
    switch (precision) {
        case AiePrecision::int8:
        case AiePrecision::int8_int4:
            block = {8, 4, 8};
            break;
        case AiePrecision::int16:
            block = {16, 2, 2};
            break;
        case AiePrecision::int32:
        case AiePrecision::fp32:
            block = {8, 2, 1};
            break;
        case AiePrecision::cint16:
            block = {4, 4, 1};
            break;
        default:
            block = {4, 2, 1};
            break;
    }
    if (kind == AieKernelKind::auto_vectorised) return {1, block.rows * block.columns / 2, block.depth};
    return block;
}

AieKernelCycles aie_kernel_cycles(const AieArray& array, const AieKernel& kernel) {
    const auto macs_per_cycle = array.macs(kernel.precision);
    if (macs_per_cycle <= 0) {
        throw std::invalid_argument(std::string("the array does not multiply ") +
                                    to_string(kernel.precision));
    }
    const auto& loop = array.kernel(kernel.kind);
    const auto operands = aie_operands(kernel.precision);
    const auto block = aie_block(kernel.precision, kernel.kind);
    const auto& [m, k, n] = kernel.shape;
    const auto outputs = block.rows * block.columns;
    const auto steps = divide_up(k, block.depth);
    const auto depth = steps * block.depth;
    AieKernelCycles cycles;
    cycles.blocks = divide_up(m, block.rows) * divide_up(n, block.columns);
    const auto step_macs = round_up(static_cast<double>(outputs * block.depth) / macs_per_cycle);
    cycles.mac = cycles.blocks * steps * step_macs;
    // One accumulator only: every floating-point MAC waits until the one before it has been added.
    const bool dependent = operands.floating && loop.accumulators == 1;
    const auto step_cycles =
        step_macs * (dependent ? array.floating_dependence_cycles : 1) + loop.exposed_load_cycles;
    const auto vectors = divide_up(block.rows * depth * operands.left_bytes, array.vector_bytes) +
                         divide_up(depth * block.columns * operands.right_bytes, array.vector_bytes);
    const auto block_load = divide_up(vectors, array.load_ports);
    const auto buffers = buffers_of(kernel);
    const auto sum_bytes = buffers.sums / (m * n);
    const auto block_store = divide_up(outputs * sum_bytes, array.vector_bytes);
    cycles.load = cycles.blocks * block_load;
    const auto block_cascade = std::min(kernel.cascade_ways, loop.cascade_ways_exposed) *
                               divide_up(outputs * operands.accumulator_bits, array.cascade_bits_per_cycle);
    const auto busy =
        cycles.blocks * (std::max({steps * step_cycles, block_load, block_store}) + block_cascade) +
        (cycles.blocks - 1) * loop.block_overhead_cycles;
    if (kernel.precision == AiePrecision::int8_int4) {
        cycles.unpack = round_up(static_cast<double>(divide_up(k * n, array.vector_bytes)) *
                                 array.unpack_int4_cycles_per_vector);
    }
    cycles.conflicts = conflict_cycles(array, buffers, cycles.load, busy);
    cycles.call = loop.call_cycles;
    cycles.total = busy + cycles.unpack + cycles.conflicts + cycles.call;
    return cycles;
}

std::int64_t aie_kernel_memory_bytes(const AieKernel& kernel) {
    const auto unpacked =
        kernel.precision == AiePrecision::int8_int4 ? kernel.shape.k * kernel.shape.n : std::int64_t{0};
    return 2 * buffers_of(kernel).bytes() + unpacked;
}

const char* to_string(AiePrecision precision) {
    constexpr const char* names[aie_precision_count] = {
        "int8",   "int8_int4",     "int16",  "int32",        "fp32",
        "cint16", "cint16_cint32", "cint32", "float_cfloat", "cfloat"};
    return names[static_cast<int>(precision)];
}

const char* to_string(AieKernelKind kind) {
    constexpr const char* names[aie_kernel_kind_count] = {"intrinsics", "library_pipelined", "library",
                                                          "auto_vectorised"};
    return names[static_cast<int>(kind)];
}

}  // namespace tilewright::accel
