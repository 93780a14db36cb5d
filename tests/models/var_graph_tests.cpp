// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <stdexcept>
#include <vector>

#include <catch2/catch.hpp>

#include "models/networks/var.hpp"

using namespace tilewright::models;

namespace {

VarTotals totals_of(int depth, const VarStep& step = {}) {
    return var_totals(build_var_graph(var_config(depth), step));
}

}  // namespace

// FPQVAR (arXiv 2505.16335) reports throughput on such images; the figures are those of the blocks, with
// guidance, without AdaLN and head, to the digits printed.
TEST_CASE("an image has the published MACs and weights") {
    struct Expected {
        int depth;
        double giga_macs;   // of an image with guidance
        double unit;        // of the last printed digit, in 10^9
        double megabytes;   // of the blocks' weights at four bits, without scales; 0: not published
        double parameters;  // public model cards
        double card_unit;   // of the last printed digit
    };
    const auto row = GENERATE(Expected{16, 293, 1, 101, 310e6, 10e6}, Expected{20, 564, 1, 0, 600e6, 10e6},
                              Expected{24, 966, 1, 0, 1.0e9, 0.1e9}, Expected{30, 1871, 1, 664, 2.0e9, 0.1e9},
                              Expected{36, 11400, 100, 0, 2.3e9, 0.1e9});
    const auto sum = totals_of(row.depth);
    CAPTURE(row.depth, sum.block_macs(), sum.parameters);
    CHECK(std::round(static_cast<double>(sum.block_macs()) / 1e9 / row.unit) * row.unit == row.giga_macs);
    CHECK(std::abs(static_cast<double>(sum.parameters) - row.parameters) <= row.card_unit);
    if (row.megabytes > 0) {
        CHECK(std::round(static_cast<double>(sum.block_linear_weights) / 2e6) == row.megabytes);
    }
}

TEST_CASE("the totals of VAR-d16 and of 512 x 512 are those worked out by hand") {
    // 680 tokens, two of each with guidance. 12 C^2 MAC a token and block with C = 1024; the products of
    // attention take 2 C a token and a token seen, and the sum over scales of tokens times tokens seen is
    // 1 + 20 + 126 + 480 + 1375 + 3276 + 9920 + 25500 + 71656 + 174080 = 286434.
    const auto d16 = totals_of(16);
    CHECK(d16.block_linear_macs == 12LL * 1024 * 1024 * 16 * 680 * 2);
    CHECK(d16.attention_macs == 286434LL * 2 * 1024 * 16 * 2);
    CHECK(d16.adaln_macs == (16LL * 6 + 2) * 1024 * 1024 * 2);
    CHECK(d16.end_macs == 1024LL * (679 * 32 + 680 * 4096) * 2);
    CHECK(d16.block_linear_weights == 12LL * 1024 * 1024 * 16);
    CHECK(d16.kv_cache_elements == 2LL * 680 * 2 * 1024 * 16);
    // Per block 12 C^2 + 8 C + 16 and AdaLN's 6 C^2 + 6 C; class, position and level embeddings of 1001, 1 +
    // 680 and 10 rows; word embedding 33 C; head norm 2 C^2 + 2 C; head 4096 (C + 1).
    const std::int64_t c = 1024;
    CHECK(d16.parameters ==
          16 * (18 * c * c + 14 * c + 16) + (1001 + 681 + 10 + 33) * c + 2 * c * c + 2 * c + 4096 * (c + 1));

    // 2240 tokens; 1 + 20 + 126 + 480 + 2376 + 11907 + 53404 + 207360 + 700416 + 2293760 = 3269850.
    const auto d36 = totals_of(36);
    CHECK(d36.block_linear_macs == 12LL * 2304 * 2304 * 36 * 2240 * 2);
    CHECK(d36.attention_macs == 3269850LL * 2 * 2304 * 36 * 2);
    CHECK(d36.adaln_macs == (6LL + 2) * 2304 * 2304 * 2);  // shared by all blocks
}

TEST_CASE("guidance doubles the work and images multiply it, not the weights") {
    VarStep plain;
    plain.guidance = false;
    VarStep three = plain;
    three.images = 3;
    const auto one = totals_of(16, plain);
    CHECK(totals_of(16).block_macs() == 2 * one.block_macs());
    CHECK(totals_of(16, three).block_macs() == 3 * one.block_macs());
    CHECK(totals_of(16, three).parameters == one.parameters);
    CHECK(totals_of(16, three).kv_cache_elements == 3 * one.kv_cache_elements);
}

TEST_CASE("a VAR graph can be executed in its order") {
    auto config = var_config(36);
    config.depth = 2;
    config.scales = {1, 2, 3};
    for (const bool shared : {false, true}) {
        config.shared_adaln = shared;
        const auto graph = build_var_graph(config);
        std::vector<bool> made;
        for (const auto& tensor : graph.tensors) made.push_back(tensor.role != TensorRole::activation);
        for (const auto& op : graph.operators) {
            CAPTURE(op.name);
            for (const auto input : op.inputs) CHECK(made[input]);
            for (const auto output : op.outputs) {
                CHECK_FALSE(made[output]);
                CHECK(graph.tensors[output].elements() == op.count * op.m * op.n);
                made[output] = true;
            }
        }
    }
}

TEST_CASE("VAR sizes that contradict each other are refused") {
    CHECK_THROWS_AS(var_config(17), std::invalid_argument);
    auto config = var_config(16);
    config.heads = 15;
    CHECK_THROWS_AS(build_var_graph(config), std::invalid_argument);
    config = var_config(16);
    config.scales = {1, 0};
    CHECK_THROWS_AS(build_var_graph(config), std::invalid_argument);
    config.scales.clear();
    CHECK_THROWS_AS(build_var_graph(config), std::invalid_argument);
    VarStep step;
    step.images = 0;
    CHECK_THROWS_AS(build_var_graph(var_config(16), step), std::invalid_argument);
}
