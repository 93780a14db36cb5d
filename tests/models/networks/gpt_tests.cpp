// SPDX-License-Identifier: Apache-2.0
// The float64 block of GPT-BigCode and the quantized one.
#include <cmath>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "models/networks/gpt_error.hpp"
#include "models/networks/quantized_gpt.hpp"
#include "models/weights/synthetic_gpt.hpp"

using namespace tilewright::models;

namespace {

GptConfig small() {
    GptConfig config;
    config.name = "small";
    config.layers = 1;
    config.width = 64;
    config.heads = 2;
    config.hidden = 256;
    return config;
}

OperandRecipe operand(const char* format, ScaleSharing sharing, int scale_bits) {
    OperandRecipe result;
    result.format = number_format(format);
    result.sharing = sharing;
    result.scale_bits = scale_bits;
    return result;
}

TransformerRecipe recipe_of(const char* format) {
    const bool plain = std::string(format) == "fp16";
    const auto one = operand(format, plain ? ScaleSharing::none : ScaleSharing::row, plain ? 0 : 16);
    auto inputs = one;
    if (!plain) inputs.scale_bits = 32;
    TransformerRecipe recipe;
    for (auto* layer : {&recipe.qkv, &recipe.proj, &recipe.fc1, &recipe.fc2}) {
        layer->weights = one;
        layer->activations = inputs;
    }
    return recipe;
}

double update_sqnr(const TransformerRecipe& recipe) {
    return gpt_block_errors(small(), recipe, 12, 1).back().error.sqnr_db;
}

}  // namespace

TEST_CASE("a block of GPT-BigCode by hand: one token, one channel that matters") {
    // Two channels, one head of two: the norm of (3, 1) is (1, -1) but for epsilon.
    GptConfig config;
    config.name = "hand";
    config.layers = 1;
    config.width = 2;
    config.heads = 1;
    config.hidden = 2;
    GptBlockWeights weights;
    weights.norm1 = weights.norm2 = {1, 1};
    weights.norm1_bias = weights.norm2_bias = {0, 0};
    // Keys and queries do not matter with one token; values are twice the first channel, and 5.
    weights.qkv = {0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0};
    weights.qkv_bias = {0, 0, 0, 0, 0, 5};
    weights.proj = {1, 0, 0, 1};
    weights.proj_bias = {0, 0.5F};
    weights.fc1 = {0, 0, 0, 0};
    weights.fc1_bias = {1, -1};
    weights.fc2 = {1, 0, 0, 1};
    weights.fc2_bias = {10, 20};
    const auto r = 1 / std::sqrt(1 + 1e-5);
    const auto gelu = [](double x) {
        return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    };
    const auto y = gpt_block(config, weights, std::vector<double>{3, 1});
    CHECK(y[0] == Approx(3 + 2 * r + gelu(1) + 10).epsilon(1e-12));
    CHECK(y[1] == Approx(1 + 5 + 0.5 + gelu(-1) + 20).epsilon(1e-12));
}

TEST_CASE("attention of GPT-BigCode is causal and shares keys and values among the heads") {
    const auto config = small();
    const auto weights = synthetic_gpt_block(config);
    const auto text = synthetic_gpt_residual(config, 9);
    const auto whole = gpt_block(config, weights, text);
    const auto half = gpt_block(config, weights, std::span(text).first(5 * 64));
    CHECK(std::equal(half.begin(), half.end(), whole.begin()));
    // The quantized block too: what comes later changes nothing.
    const auto recipe = recipe_of("int8");
    const auto block = prepare_gpt_block(config, weights, recipe);
    const std::vector<float> input(text.begin(), text.end());
    const QuantizedGpt quantized(config, recipe);
    const auto all = quantized.block(block, input);
    const auto first = quantized.block(block, std::span(input).first(5 * 64));
    CHECK(std::equal(first.begin(), first.end(), all.begin()));
    CHECK(config.qkv_outputs() == 64 + 2 * 32);
}

TEST_CASE("a quantized block of GPT-BigCode comes as close as its formats allow") {
    const auto fp16 = update_sqnr(recipe_of("fp16"));
    const auto int8 = update_sqnr(recipe_of("int8"));
    const auto int4 = update_sqnr(recipe_of("int4"));
    CHECK(fp16 > 55);
    CHECK(int8 > 20);
    CHECK(fp16 > int8 + 15);
    CHECK(int8 > int4 + 12);
    auto cached = recipe_of("fp16");
    cached.kv_cache = operand("int8", ScaleSharing::row, 16);
    CHECK(update_sqnr(cached) < fp16);
    CHECK(update_sqnr(cached) > 30);
}

TEST_CASE("tensors of a GPT-BigCode block must have their sizes") {
    const auto config = small();
    auto weights = synthetic_gpt_block(config);
    CHECK_NOTHROW(check_gpt_block(config, weights));
    weights.qkv.pop_back();
    CHECK_THROWS_WITH(check_gpt_block(config, weights), Catch::Matchers::Contains("c_attn"));
    weights = synthetic_gpt_block(config);
    const std::vector<double> part(63);
    CHECK_THROWS_WITH(gpt_block(config, weights, part), Catch::Matchers::Contains("whole tokens"));
}

TEST_CASE("a text that goes through a block of GPT-BigCode in pieces makes the bits of the whole") {
    const auto config = small();
    auto recipe = recipe_of("int8");
    for (const bool rounded : {false, true}) {
        if (rounded) recipe.kv_cache = operand("int4", ScaleSharing::row, 16);
        const QuantizedGpt network(config, recipe);
        const auto block = prepare_gpt_block(config, synthetic_gpt_block(config), recipe);
        const auto drawn = synthetic_gpt_residual(config, 11);
        const std::vector<float> text(drawn.begin(), drawn.end());
        const auto whole = network.block(block, text);
        auto pieces = text;
        QuantizedGptCache cache;
        std::size_t done = 0;
        for (const std::size_t tokens : {4, 1, 6}) {
            const auto size = tokens * static_cast<std::size_t>(config.width);
            network.block(block, std::span(pieces).subspan(done, size), cache);
            done += size;
        }
        REQUIRE(done == text.size());
        CHECK(pieces == whole);
        CHECK(cache.keys.size() == static_cast<std::size_t>(11 * config.head_dim()));
        CHECK(pieces != text);
    }
}

TEST_CASE(
    "operators of a GPT-BigCode block are told apart: the one that is rounded more is the one that loses") {
    const auto of = [](const TransformerRecipe& recipe) {
        std::map<std::string, double> sqnr;
        for (const auto& [name, error] : gpt_block_errors(small(), recipe, 12, 1)) sqnr[name] = error.sqnr_db;
        return sqnr;
    };
    const auto fine = of(recipe_of("int8"));
    REQUIRE(fine.size() == 7);
    auto recipe = recipe_of("int8");
    recipe.fc1.weights.format = number_format("int4");
    const auto coarse = of(recipe);
    for (const auto* before : {"qkv", "attention", "proj"}) CHECK(coarse.at(before) == fine.at(before));
    CHECK(coarse.at("fc1") < fine.at("fc1") - 10);
    CHECK(coarse.at("gelu") < fine.at("gelu") - 10);
    // The cache touches attention and what follows, not the products before it.
    recipe = recipe_of("int8");
    recipe.kv_cache = operand("int4", ScaleSharing::row, 16);
    const auto cached = of(recipe);
    CHECK(cached.at("qkv") == fine.at("qkv"));
    CHECK(cached.at("attention") < fine.at("attention") - 5);
    // With nearly nothing rounded all operators agree: both sides tap the same numbers.
    for (const auto& [name, sqnr] : of(recipe_of("fp16"))) {
        CAPTURE(name);
        CHECK(sqnr > 50);
    }
}
