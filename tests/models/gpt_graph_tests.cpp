// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/networks/gpt_bigcode.hpp"

using namespace tilewright::models;

namespace {

GptConfig config_of(int layers, std::int64_t width, std::int64_t heads) {
    return {"test", layers, width, heads, 4 * width};
}

}  // namespace

TEST_CASE("GPT-BigCode: parameters of the four published sizes") {
    struct Row {
        int layers;
        std::int64_t width;
        std::int64_t heads;
        std::int64_t block;  // 10 C^2 + 256 C in matrices, 2 x 2 C + (C + 256) + C + 4 C + C in vectors
        double billions;     // published
    };
    const Row rows[] = {{24, 2048, 16, 10 * 2048LL * 2048 + 256 * 2048 + 11 * 2048 + 256, 1.1},
                        {36, 2816, 22, 10 * 2816LL * 2816 + 256 * 2816 + 11 * 2816 + 256, 3.0},
                        {42, 4096, 32, 10 * 4096LL * 4096 + 256 * 4096 + 11 * 4096 + 256, 7.3},
                        {40, 6144, 48, 10 * 6144LL * 6144 + 256 * 6144 + 11 * 6144 + 256, 15.5}};
    for (const auto& row : rows) {
        const auto graph = build_gpt_graph(config_of(row.layers, row.width, row.heads), {});
        const auto totals = gpt_totals(graph);
        CHECK(totals.parameters == row.layers * row.block + (49152 + 8192) * row.width + 2 * row.width);
        CHECK(static_cast<double>(totals.parameters) == Approx(row.billions * 1e9).epsilon(0.035));
        CHECK(totals.block_linear_weights == row.layers * (10 * row.width + 256) * row.width);
    }
}

TEST_CASE("GPT-BigCode: a decode step reads the prompt once and every beam's own tokens") {
    GptWork work;
    work.decode = true;
    work.prompt = 1000;
    work.beams = 4;
    work.generated = 20;
    work.attention_rows = 64;
    const auto steps = work.steps();
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].rows() == 4);
    CHECK(steps[0].keys() == 1021);
    const auto graph = build_gpt_graph(config_of(24, 2048, 16), work);
    CHECK(graph.tokens == 1);
    const auto totals = gpt_totals(graph);
    CHECK(totals.block_linear_macs == 4 * totals.block_linear_weights);
    CHECK(totals.attention_macs == 24LL * 4 * 16 * 1021 * 128 * 2);
    CHECK(totals.head_macs == 4LL * 49152 * 2048);
}

TEST_CASE("GPT-BigCode: a prompt in slices multiplies every token by all before it") {
    GptWork work;
    work.prompt = 100;
    work.slice = 40;
    work.attention_rows = 1;
    const auto steps = work.steps();
    REQUIRE(steps.size() == 3);
    CHECK(steps[2].tokens == 20);
    CHECK(steps[2].shared_context == 80);
    CHECK(!steps[1].head);
    CHECK(steps[2].head);
    const auto config = config_of(2, 256, 4);
    const auto exact = gpt_totals(build_gpt_graph(config, work));
    // 1 + 2 + ... + 100 pairs of tokens.
    CHECK(exact.attention_macs == 2LL * 4 * 64 * 2 * 5050);
    CHECK(exact.block_linear_macs == 100 * exact.block_linear_weights);
    // Rows that are taken together are multiplied by the keys of the last of them: 16, 32, 40; 56, 72, 80;
    // 96, 100.
    work.attention_rows = 16;
    const auto together = gpt_totals(build_gpt_graph(config, work));
    const auto pairs = 16 * (16 + 32) + 8 * 40 + 16 * (56 + 72) + 8 * 80 + 16 * 96 + 4 * 100;
    CHECK(together.attention_macs == 2LL * 4 * 64 * 2 * pairs);
    work.slice = 100;
    CHECK(work.steps().size() == 1);
}

TEST_CASE("GPT-BigCode: sizes that contradict each other are refused") {
    using Catch::Matchers::Contains;
    GptWork work;
    CHECK_THROWS_WITH(build_gpt_graph(config_of(2, 250, 4), work), Contains("divide"));
    CHECK_THROWS_WITH(build_gpt_graph(config_of(0, 256, 4), work), Contains("at least 1"));
    work.prompt = 9000;
    CHECK_THROWS_WITH(build_gpt_graph(config_of(2, 256, 4), work), Contains("positions"));
}
