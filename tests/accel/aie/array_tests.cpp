// SPDX-License-Identifier: Apache-2.0
// The array model: what limits it, what fits and what does not.
#include <catch2/catch.hpp>

#include "accel/aie/array_timing.hpp"
#include "vck190_array.hpp"

using namespace tilewright::accel;
using tilewright::test::vck190_array;
using Kind = AieKernelKind;
using Precision = AiePrecision;

namespace {

double operations(const AieShape& work) {
    return 2.0 * static_cast<double>(work.m) * static_cast<double>(work.k) * static_cast<double>(work.n);
}

// Operations a second of an array that works all the time.
double steady(const AieArray& array, const AieMapping& mapping, double fabric_clock_hz) {
    return operations(mapping.native()) * array.clock_hz /
           static_cast<double>(aie_iteration(array, mapping, fabric_clock_hz).cycles());
}

// AMD Vitis-Tutorials GeMM-AIE, graph.h: SPLIT 8, CASC_LN 4; a kernel of a G x G product has G/8 x G/4 x G/8,
// for G = 1024 32 x 256 x 32.
AieMapping gemm(std::int64_t size) {
    AieMapping mapping;
    mapping.replication = {1, 4, 8};
    const auto side = size < 1024 ? size / 8 : size / 32;
    mapping.tile = {side, size / 4, side};
    mapping.precision = Precision::int16;
    mapping.kernel = Kind::library_pipelined;
    mapping.sum_bytes = 2;
    return mapping;
}

// CHARM: 12 x 4 x 8 kernels of 32x32x32 fp32, four tiles on a PLIO, AI Engines at 1 GHz and fabric at 230
// MHz; the fabric holds 4 x 1 x 4 native products (1536x128x1024, not confirmed). Three streams on one DDR4
// get 8 GB/s each at 250 MHz (cdse.py).
AieMapping charm() {
    AieMapping mapping;
    mapping.replication = {12, 4, 8};
    mapping.tile = {32, 32, 32};
    mapping.precision = Precision::fp32;
    mapping.tiles_per_plio_in = 4;
    mapping.tiles_per_plio_out = 4;
    return mapping;
}
constexpr double charm_stream = 8e9 * 230 / 250;
constexpr AieMemoryFeed charm_feed{{4, 1, 4}, charm_stream, charm_stream, charm_stream};

}  // namespace

// Kernels of 32 x 256 x 32 in int16: 2 x (16 + 16 + 2) KB, 30 KB of them in their own tile, 32 KB and 6 KB in
// those of two neighbours.
TEST_CASE("tiles whose memories a kernel needs are in use") {
    const auto array = vck190_array();
    CHECK(aie_placement(gemm(1024)).tile_memory_bytes == 68 * 1024);
    CHECK(aie_placement(gemm(1024)).tiles == 32);
    CHECK(aie_tiles_in_use(array, gemm(1024)) == 96);
    CHECK(aie_tiles_in_use(array, gemm(256)) == 32);
    const auto watts = [&](std::int64_t tiles) {
        return aie_power_w(array, Precision::int16, 2.406e12 / 2 / array.macs(Precision::int16), tiles);
    };
    // 37.6 G vector cycles a second of 129 pJ, and 40 mW a tile.
    CHECK(watts(96) == Approx(37.59375 * 0.129 + 96 * 0.040).epsilon(1e-9));
    CHECK(watts(119) - watts(96) == Approx(23 * 0.040).epsilon(1e-9));
}

TEST_CASE("384 tiles stop scaling where the PLIO end") {
    const auto array = vck190_array();
    AieMapping mapping;
    mapping.tile = {32, 128, 32};
    mapping.replication = {12, 1, 8};
    CHECK(aie_placement_problem(array, mapping).what.empty());
    const auto quarter = steady(array, mapping, 312.5e6);
    CHECK(std::string(aie_iteration(array, mapping, 312.5e6).limit()) == "compute");
    // Four times the tiles with a PLIO for every sum: 384 of 117.
    mapping.replication = {24, 1, 16};
    CHECK(aie_placement_problem(array, mapping).what == "the sums take 384 PLIO out of the array of 117");
    // Four tiles that take turns on a PLIO fit, and wait for it.
    mapping.tiles_per_plio_out = 4;
    CHECK(aie_placement_problem(array, mapping).what.empty());
    CHECK(std::string(aie_iteration(array, mapping, 312.5e6).limit()) == "sums");
    const auto packed = steady(array, mapping, 312.5e6);
    CHECK(packed / quarter == Approx(4 * 1188.0 / 4096));
    // Chains of four need a quarter of the PLIO and scale.
    mapping.tiles_per_plio_out = 1;
    mapping.replication = {12, 4, 8};
    CHECK(aie_placement_problem(array, mapping).what.empty());
    CHECK(std::string(aie_iteration(array, mapping, 312.5e6).limit()) == "compute");
    CHECK(steady(array, mapping, 312.5e6) / quarter > 3.2);  // the words of the cascade
}

TEST_CASE("what cannot be placed says why") {
    const auto array = vck190_array();
    AieMapping mapping;
    mapping.tile = {64, 128, 64};
    CHECK(aie_placement_problem(array, mapping).member == "tile");
    CHECK(aie_placement_problem(array, mapping).what ==
          "the kernel's ping-pong buffers take 65536 bytes of 30720 in a tile's data memory");
    mapping.tile = {32, 64, 32};
    mapping.replication = {10, 5, 9};
    CHECK(aie_placement_problem(array, mapping).what == "the design takes 450 AI Engine tiles of 400");
    mapping.replication = {20, 10, 1};
    CHECK(aie_placement_problem(array, mapping).what == "the operands take 210 PLIO into the array of 156");
    mapping.plio_bits = 64;  // a channel each: twice as many
    CHECK(aie_placement_problem(array, mapping).what.empty());
}

TEST_CASE("no more tiles take turns on a PLIO than there are") {
    const auto array = vck190_array();
    const auto cycles = [&](const AieReplication& replication, std::int64_t turns) {
        AieMapping mapping;
        mapping.tile = {16, 32, 32};
        mapping.replication = replication;
        mapping.tiles_per_plio_in = mapping.tiles_per_plio_out = turns;
        return aie_iteration(array, mapping, 400e6);
    };
    const auto alone = cycles({1, 1, 1}, 1);
    CHECK(cycles({1, 1, 1}, 8).left_cycles == alone.left_cycles);
    CHECK(cycles({1, 1, 1}, 8).right_cycles == alone.right_cycles);
    CHECK(cycles({1, 1, 1}, 8).out_cycles == alone.out_cycles);
    // x y = 2, y z = 6, x z = 3 tiles on one PLIO each.
    const auto several = cycles({1, 2, 3}, 8);
    CHECK(several.left_cycles == 2 * alone.left_cycles);
    CHECK(several.right_cycles == 6 * alone.right_cycles);
    CHECK(several.out_cycles == 3 * alone.out_cycles);
    // Four tiles on two PLIO have two turns each, whether three are allowed or two.
    CHECK(cycles({1, 1, 4}, 3).right_cycles == 2 * alone.right_cycles);
}

TEST_CASE("adder tiles add what their core reaches") {
    const auto array = vck190_array();
    AieMapping mapping;
    mapping.tile = {16, 32, 32};  // 2 KB of sums, twice
    mapping.reduction = AieReduction::adder_tiles;
    mapping.replication = {1, 32, 1};  // 128 KB
    CHECK(aie_placement_problem(array, mapping).what.empty());
    mapping.replication.y = 33;
    CHECK(aie_placement_problem(array, mapping).member == "reduction");
    CHECK(aie_placement_problem(array, mapping).what ==
          "an adder tile reads 135168 bytes of sums of 131072 in the memories that it reaches");
    mapping.reduction = AieReduction::cascade;
    CHECK(aie_placement_problem(array, mapping).what.empty());
}

TEST_CASE("a slow fabric slows the PLIO") {
    const auto array = vck190_array();
    CHECK(aie_plio_bytes_per_cycle(array, 312.5e6, 128) == 4.0);
    CHECK(aie_plio_bytes_per_cycle(array, 400e6, 128) == 4.0);
    CHECK(aie_plio_bytes_per_cycle(array, 230e6, 128) == Approx(3.68 / 1.25));
    CHECK(aie_plio_bytes_per_cycle(array, 312.5e6, 64) == 2.0);
}

TEST_CASE("a small product on a large array is mostly padding") {
    // CHARM: BERT's small products run below 5 % of the peak on one large array.
    const auto array = vck190_array(1e9);
    const AieShape work{512, 64, 512};
    const auto achieved = operations(work) / aie_memory_product_s(array, charm(), charm_feed, work, 230e6);
    CHECK(achieved < 0.05 * 384 * 8 * 2 * 1e9);
}

TEST_CASE("a product is its iterations, a fill and a drain") {
    const auto array = vck190_array();
    const auto mapping = gemm(128);
    CHECK(aie_iterations(mapping, {128, 128, 128}) == 8);
    CHECK(aie_iterations(mapping, {129, 129, 129}) == 9 * 2 * 2);
    const auto iteration = aie_iteration(array, mapping, 312.5e6);
    CHECK(iteration.left_cycles == 16 * 32 * 2 / 4);
    CHECK(iteration.out_cycles == 16 * 16 * 2 / 4);
    CHECK(iteration.compute_cycles == 8 * 32 + 7 * 4 + 205);
    CHECK(aie_product_cycles(array, mapping, {128, 128, 128}, 312.5e6) ==
          256 + 8 * iteration.compute_cycles + 128);
}
