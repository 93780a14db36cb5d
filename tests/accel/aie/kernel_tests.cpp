// SPDX-License-Identifier: Apache-2.0
// The kernel model: slots, fixed costs, cascades, bounds.
#include <catch2/catch.hpp>

#include "accel/aie/kernel.hpp"
#include "vck190_array.hpp"

using namespace tilewright::accel;
using tilewright::test::vck190_array;
using Kind = AieKernelKind;
using Precision = AiePrecision;

namespace {

std::int64_t total(const AieKernel& kernel) {
    return aie_kernel_cycles(vck190_array(), kernel).total;
}

}  // namespace

TEST_CASE("slots, padding and fixed costs are those worked out by hand") {
    const auto cycles = aie_kernel_cycles(vck190_array(), {Kind::intrinsics, Precision::int8, {32, 128, 32}});
    CHECK(cycles.blocks == 32);     // 4 x 8 blocks of 8 x 4
    CHECK(cycles.mac == 1024);      // 131,072 MACs, 128 a cycle
    CHECK(cycles.load == 32 * 24);  // 32 vectors of left, 16 of right operands, two a cycle
    CHECK(cycles.conflicts == 0);   // 2 x (1 + 1 + 1) banks
    CHECK(cycles.total == 32 * 32 + 31 * 4 + 40);
    // One row more is a whole block more.
    const auto padded = aie_kernel_cycles(vck190_array(), {Kind::intrinsics, Precision::int8, {33, 128, 32}});
    CHECK(padded.mac == 40 * 32);
    CHECK(padded.conflicts > 0);  // the left operands now take two banks each, ten in all
    CHECK(padded.total == 40 * 32 + 39 * 4 + 40 + padded.conflicts);
}

TEST_CASE("int4 weights cost an unpacking and save memory") {
    const AieKernel int8{Kind::intrinsics, Precision::int8, {32, 64, 64}};
    const AieKernel int4{Kind::intrinsics, Precision::int8_int4, {32, 64, 64}};
    const auto unpacked = aie_kernel_cycles(vck190_array(), int4);
    CHECK(unpacked.unpack == 64 * 64 / 32 * 3);
    CHECK(unpacked.mac == aie_kernel_cycles(vck190_array(), int8).mac);
    CHECK(aie_kernel_memory_bytes(int8) == 2 * (2048 + 4096 + 8192));
    CHECK(aie_kernel_memory_bytes(int4) == 2 * (2048 + 2048 + 8192) + 4096);
}

TEST_CASE("a cascade costs its words") {
    const AieKernel alone{Kind::intrinsics, Precision::int8, {32, 64, 32}};
    auto end = alone;
    end.cascade_ways = 1;
    auto middle = alone;
    middle.cascade_ways = 2;
    // 32 accumulators of 48 bits a block, 384 bits a cycle.
    CHECK(total(end) - total(alone) == 32 * 4);
    CHECK(total(middle) - total(alone) == 32 * 8);
    // A pipelined loop moves them beside its MACs.
    const AieKernel pipelined{Kind::library_pipelined, Precision::int16, {32, 64, 32}};
    auto chained = pipelined;
    chained.cascade_ways = 2;
    CHECK(total(chained) == total(pipelined));
}

TEST_CASE("no kernel is faster than its MACs or its loads") {
    const auto array = vck190_array();
    for (int kind = 0; kind < aie_kernel_kind_count; ++kind) {
        for (int precision = 0; precision < aie_precision_count; ++precision) {
            for (const std::int64_t size : {1, 7, 16, 48, 64}) {
                const AieKernel kernel{
                    static_cast<Kind>(kind), static_cast<Precision>(precision), {size, size, size}};
                const auto cycles = aie_kernel_cycles(array, kernel);
                CHECK(cycles.total >= cycles.mac);
                CHECK(cycles.total >= cycles.load);
                CHECK(static_cast<double>(cycles.mac) * array.macs(kernel.precision) >=
                      static_cast<double>(size * size * size));
            }
        }
    }
}
