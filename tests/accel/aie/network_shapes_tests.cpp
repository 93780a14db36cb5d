// SPDX-License-Identifier: Apache-2.0
// The array on the matrix products of VAR and GPT-BigCode: its timing takes m, k, n and a format from anyone.
#include <vector>

#include <catch2/catch.hpp>

#include "accel/aie/array_timing.hpp"
#include "models/networks/var.hpp"
#include "vck190_array.hpp"

using namespace tilewright::accel;
using tilewright::test::vck190_array;

namespace {

// All products of an image of VAR, linear layers and attention.
std::vector<AieShape> var_products(int depth) {
    std::vector<AieShape> result;
    for (const auto& op :
         tilewright::models::build_var_graph(tilewright::models::var_config(depth)).operators) {
        if (op.kind == tilewright::models::OperatorKind::linear ||
            op.kind == tilewright::models::OperatorKind::matrix_product) {
            result.push_back({op.m, op.k, op.n});
        }
    }
    return result;
}

// A block of GPT-BigCode with multi-query attention (one head of 128 for keys and values), and lm_head.
std::vector<AieShape> bigcode_products(std::int64_t hidden, std::int64_t tokens, std::int64_t context) {
    const auto heads = hidden / 128;
    return {{tokens, hidden, hidden + 2 * 128},
            {tokens * heads, 128, context},
            {tokens * heads, context, 128},
            {tokens, hidden, hidden},
            {tokens, hidden, 4 * hidden},
            {tokens, 4 * hidden, hidden},
            {tokens, hidden, 49152}};
}

AieMapping mapping(AiePrecision precision) {
    AieMapping result;
    result.replication = {8, 4, 8};
    result.tile = {32, 32, 32};
    result.precision = precision;
    return result;
}

}  // namespace

TEST_CASE(
    "every product of VAR and GPT-BigCode takes at least its bound, and its padding explains the rest") {
    const auto array = vck190_array();
    auto shapes = var_products(16);
    for (const auto& more : {var_products(30), bigcode_products(2048, 1, 700),
                             bigcode_products(4096, 512, 512), bigcode_products(6144, 64, 1024)}) {
        shapes.insert(shapes.end(), more.begin(), more.end());
    }
    REQUIRE(shapes.size() > 1000);
    for (const auto precision : {AiePrecision::int8, AiePrecision::int8_int4, AiePrecision::int16}) {
        const auto design = mapping(precision);
        CHECK(aie_placement_problem(array, design).what.empty());
        const auto pace = aie_iteration(array, design, 300e6).cycles();
        for (const auto& shape : shapes) {
            const auto cycles = static_cast<double>(aie_product_cycles(array, design, shape, 300e6));
            const auto least = aie_least_cycles(array, design, shape, 300e6);
            const auto native = design.native();
            const auto padded = [](std::int64_t size, std::int64_t step) {
                return static_cast<double>((size + step - 1) / step * step) / static_cast<double>(size);
            };
            const auto padding =
                padded(shape.m, native.m) * padded(shape.k, native.k) * padded(shape.n, native.n);
            CAPTURE(shape.m, shape.k, shape.n, cycles, least, padding);
            CHECK(cycles >= least);
            // Iterations at their pace, a fill and a drain.
            const auto ideal =
                static_cast<double>(shape.m) * static_cast<double>(shape.k) * static_cast<double>(shape.n) /
                static_cast<double>(native.m * native.k * native.n) * static_cast<double>(pace);
            CHECK(cycles <= ideal * padding + 3.0 * static_cast<double>(pace) + 1);
        }
    }
}

TEST_CASE("fc1 of VAR-d30's last scale, worked out by hand") {
    const auto array = vck190_array();
    const auto design = mapping(AiePrecision::int8);
    // 2 x 256 tokens, 1920 inputs, 7680 outputs over 256 x 128 x 256.
    CHECK(aie_iterations(design, {512, 1920, 7680}) == 2 * 15 * 30);
    const auto iteration = aie_iteration(array, design, 300e6);
    // 32 x 32 sums of 4 bytes through a PLIO of 16 bytes at 300 MHz: 3.84 bytes a cycle at 1.25 GHz.
    CHECK(iteration.out_cycles == 1067);
    CHECK(std::string(iteration.limit()) == "sums");
    CHECK(aie_product_cycles(array, design, {512, 1920, 7680}, 300e6) ==
          iteration.fill_cycles() + 900 * 1067 + 1067);
}

TEST_CASE("weights through GMIO share their streams") {
    const auto array = vck190_array();
    auto design = mapping(AiePrecision::int8);
    CHECK(aie_placement(design).plio_in == 8 * 4 + 4 * 8);
    design.weight_gmio = 8;
    CHECK(aie_placement(design).plio_in == 8 * 4);
    CHECK(aie_placement(design).gmio_in == 8);
    // 32 different kernels' weights of 1,024 bytes over 8 streams of 4 bytes.
    CHECK(aie_iteration(array, design, 300e6).right_cycles == 32 * 1024 / 32);
    design.weight_gmio = 40;
    CHECK(aie_placement_problem(array, design).what == "the weights take 40 GMIO of 32");
}

TEST_CASE("a tile's DMA channels limit the GMIO that bring one operand") {
    auto array = vck190_array();
    REQUIRE(array.tile_dma_channels == 2);
    auto design = mapping(AiePrecision::int8);
    design.replication = {8, 2, 3};
    CHECK(aie_placement(design).tile_dma_in == 2);
    design.weight_gmio = 6;  // one for each right operand, beside the left one
    CHECK(aie_placement(design).tile_dma_in == 2);
    CHECK(aie_placement_problem(array, design).what.empty());
    design.weight_gmio = 7;
    const auto problem = aie_placement_problem(array, design);
    CHECK(problem.member == "gmio");
    CHECK(problem.what ==
          "7 GMIO for y * z = 6 right operands take, with the left one, 3 DMA channels into a tile of 2");
    CHECK(problem.allowed == "at most 6 GMIO, or a larger y or z");
    array.tile_dma_channels = 3;
    CHECK(aie_placement_problem(array, design).what.empty());
    array.tile_dma_channels = 1;
    design.weight_gmio = 0;
    CHECK(aie_placement_problem(array, design).what ==
          "a kernel's two operands take 2 tile DMA channels of 1");
}

TEST_CASE("the stream switch above the interface limits narrow PLIO") {
    CHECK(aie_plio_limit(39, 8, 6, 128) == 156);
    CHECK(aie_plio_limit(39, 8, 6, 64) == 234);  // not 312
    CHECK(aie_plio_limit(39, 6, 4, 128) == 117);
    CHECK(aie_plio_limit(39, 6, 4, 64) == 156);  // not 234
}
