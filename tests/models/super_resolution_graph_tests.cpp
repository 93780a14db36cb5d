// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <catch2/catch.hpp>

#include "models/networks/super_resolution.hpp"

using namespace tilewright::models;

TEST_CASE("Super-resolution: weights and products of EBSR-light and EBSR") {
    // Hand computed: 27 C + C for the head; 9 C^2 signs and C scales a unit, and branches of
    // C h + h + 2 C h + 2 C and C + 1; 36 C^2 + 4 C a doubling; 27 C + 3 for the tail.
    struct Row {
        int blocks;
        std::int64_t c;
        std::int64_t h;
        int scale;
        int doublings;
        std::int64_t binary;
    };
    for (const auto& [blocks, c, h, scale, doublings, binary] :
         {Row{16, 64, 16, 4, 2, 1179648}, Row{16, 64, 16, 2, 1, 1179648}, Row{32, 256, 64, 4, 2, 37748736}}) {
        const auto graph = build_super_resolution_graph({"test", blocks, c, h, 3, scale}, {10, 7});
        const auto totals = super_resolution_totals(graph);
        CHECK(graph.layers == 2 * blocks);
        CHECK(totals.binary_weights == binary);
        CHECK(totals.other_parameters == 28 * c + 2 * blocks * (c + 3 * c * h + h + 2 * c + c + 1) +
                                             doublings * (36 * c * c + 4 * c) + 27 * c + 3);
        CHECK(totals.binary_macs == 70 * binary);
        CHECK(totals.branch_macs == 2 * blocks * (3 * c * h + 70 * c));
        CHECK(totals.convolution_macs ==
              70 * (27 * c + (doublings == 2 ? 5 : 1) * 36 * c * c + scale * scale * 27 * c));
    }
}

TEST_CASE("Super-resolution: a leaky ReLU in every block, pixels that become four") {
    const auto graph = build_super_resolution_graph({"test", 3, 8, 2, 3, 4}, {5, 4});
    const auto count = [&](OperatorKind kind) {
        return std::count_if(graph.operators.begin(), graph.operators.end(),
                             [kind](const auto& op) { return op.kind == kind; });
    };
    CHECK(count(OperatorKind::binary_convolution) == 6);
    CHECK(count(OperatorKind::leaky_relu) == 3);
    CHECK(count(OperatorKind::residual_add) == 7);
    CHECK(count(OperatorKind::pixel_shuffle) == 2);
    const auto& tail = graph.operators.back();
    CHECK(tail.name == "tail.conv");
    CHECK(tail.m == 20 * 16);
    CHECK(tail.n == 3);
    CHECK(tail.k == 72);
}

TEST_CASE("Super-resolution: sizes that make no network are refused") {
    CHECK_THROWS_AS(build_super_resolution_graph({"test", 1, 8, 2, 3, 3}, {5, 4}), std::invalid_argument);
    CHECK_THROWS_AS(build_super_resolution_graph({"test", 0, 8, 2, 3, 2}, {5, 4}), std::invalid_argument);
    CHECK_THROWS_AS(build_super_resolution_graph({"test", 1, 8, 2, 3, 2}, {0, 4}), std::invalid_argument);
}
