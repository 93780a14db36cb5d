// SPDX-License-Identifier: Apache-2.0
// Quantized VAR blocks against the float64 reference, and the binary32 operators against binary64.
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "models/kernels/hadamard.hpp"
#include "models/networks/quantized_var.hpp"
#include "models/networks/transformer_operators.hpp"
#include "models/networks/var_ablation.hpp"
#include "models/weights/synthetic_var.hpp"

using namespace tilewright::models;

namespace {

VarConfig small_config() {
    VarConfig config;
    config.name = "small";
    config.depth = 1;
    config.width = 128;
    config.heads = 2;
    config.scales = {1, 2, 3};
    return config;
}

OperandRecipe operand(const char* format, ScaleSharing sharing = ScaleSharing::none, std::int64_t group = 0,
                      int scale_bits = 0) {
    OperandRecipe result;
    result.format = number_format(format);
    result.sharing = sharing;
    result.group_size = group;
    result.scale_bits = scale_bits;
    return result;
}

TransformerRecipe uniform_recipe(const OperandRecipe& weights, const OperandRecipe& activations) {
    TransformerRecipe recipe;
    recipe.ties = TieRule::half_up;
    recipe.qkv.weights = weights;
    recipe.qkv.activations = activations;
    recipe.proj = recipe.fc1 = recipe.fc2 = recipe.qkv;
    return recipe;
}

TransformerRecipe four_bit_recipe() {
    auto recipe = uniform_recipe(operand("e2m1", ScaleSharing::group, 64, 16),
                                 operand("e2m1", ScaleSharing::group, 64, 32));
    recipe.qkv.rotation_block = recipe.fc1.rotation_block = 64;
    recipe.fc2.activations.dual = dual_fp4();
    recipe.kv_cache = operand("e2m3", ScaleSharing::row, 0, 16);
    return recipe;
}

std::vector<float> floats(const std::vector<double>& values) {
    return {values.begin(), values.end()};
}

std::vector<float> random_vector(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.3F, 2);
    std::vector<float> result(size);
    for (auto& value : result) value = normal(random);
    return result;
}

}  // namespace

TEST_CASE("with wide formats every way of preparing a VAR block computes the reference's") {
    const auto sample = make_var_sample(small_config(), 2);
    auto recipe = uniform_recipe(operand("fp16"), operand("fp16"));
    CHECK(var_update_sqnr_db(sample, recipe) > 60);
    recipe.qkv.rotation_block = recipe.fc1.rotation_block = 128;
    CHECK(var_update_sqnr_db(sample, recipe) > 60);
    recipe.kv_cache = operand("fp16");
    CHECK(var_update_sqnr_db(sample, recipe) > 55);
    recipe = uniform_recipe(operand("int16", ScaleSharing::row, 0, 32),
                            operand("int16", ScaleSharing::row, 0, 32));
    CHECK(var_update_sqnr_db(sample, recipe) > 60);
    recipe.qkv.rotation_block = 64;
    recipe.proj.rotation_block = 32;
    recipe.qkv.learned_scales = recipe.fc1.learned_scales = true;
    CHECK(var_update_sqnr_db(sample, recipe, {3, 0.5}) > 60);
    recipe.kv_cache = operand("int16", ScaleSharing::row, 0, 32);
    CHECK(var_update_sqnr_db(sample, recipe, {3, 0.5}) > 60);
}

TEST_CASE("a quantized VAR block computes a scale without knowing those behind it") {
    const auto config = small_config();
    const auto recipe = four_bit_recipe();
    const auto block = prepare_var_block(config, synthetic_var_block(config), recipe);
    const QuantizedVar kernel(config, recipe);
    const auto condition = floats(synthetic_var_condition(config));
    const auto residual = floats(synthetic_var_residual(config));
    const auto whole = kernel.block_image(block, condition, residual);
    auto shorter = config;
    shorter.scales.pop_back();
    const auto size = static_cast<std::size_t>(shorter.tokens() * shorter.width);
    const auto part = QuantizedVar(shorter, recipe)
                          .block_image(block, condition, std::span<const float>(residual).first(size));
    CHECK(std::equal(part.begin(), part.end(), whole.begin()));
    CHECK(part.size() == size);

    // The same two scales by hand, with a cache that grows; its vectors lie on the grid of e2m3.
    const auto modulation = kernel.modulation(block, condition);
    QuantizedVarCache cache;
    std::vector<float> first(residual.begin(), residual.begin() + 128);
    std::vector<float> second(residual.begin() + 128, residual.begin() + 5 * 128);
    kernel.block(block, modulation, first, cache);
    CHECK(cache.keys.size() == 128);
    kernel.block(block, modulation, second, cache);
    CHECK(cache.values.size() == 5 * 128);
    CHECK(std::equal(first.begin(), first.end(), whole.begin()));
    CHECK(std::equal(second.begin(), second.end(), whole.begin() + 128));
    const Codec grid(number_format("e2m3"));
    const Codec fp16(number_format("fp16"));
    for (const auto* rows : {&cache.keys, &cache.values}) {
        for (std::size_t start = 0; start < rows->size(); start += 64) {
            float most = 0;
            for (std::size_t i = 0; i < 64; ++i) most = std::max(most, std::abs((*rows)[start + i]));
            const auto scale = static_cast<double>(most) / 7.5;  // the largest is the format's largest
            CHECK(fp16.decode(*fp16.encode(scale)) == Approx(scale).epsilon(1e-7));
            for (std::size_t i = 0; i < 64; ++i) {
                const auto level = static_cast<double>((*rows)[start + i]) / scale;
                CHECK(grid.decode(*grid.encode(level)) == Approx(level).epsilon(1e-6));
            }
        }
    }
}

TEST_CASE("less precise formats make larger errors") {
    const auto sample = make_var_sample(small_config(), 4);
    const auto at = [&](const char* format) {
        return var_update_sqnr_db(sample, uniform_recipe(operand(format, ScaleSharing::group, 64, 16),
                                                         operand(format, ScaleSharing::group, 64, 32)));
    };
    const auto two = at("int2");
    const auto four = at("int4");
    const auto six = at("int6");
    const auto eight = at("int8");
    CHECK(four > two + 3);
    CHECK(six > four + 6);
    CHECK(eight > six + 6);
}

TEST_CASE("the operators in binary32 follow their formulas") {
    const auto x = random_vector(192, 1);
    const auto scale = random_vector(192, 2);
    const auto shift = random_vector(192, 3);
    double mean = 0;
    for (const double value : x) mean += value / 192;
    double variance = 0;
    for (const double value : x) variance += (value - mean) * (value - mean) / 192;
    const auto normed = modulated_layer_norm(x, scale, shift);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto expected = (static_cast<double>(x[i]) - mean) / std::sqrt(variance + 1e-6) *
                                  (1 + static_cast<double>(scale[i])) +
                              static_cast<double>(shift[i]);
        CHECK(static_cast<double>(normed[i]) == Approx(expected).epsilon(1e-5).margin(1e-5));
    }
    std::vector<float> vector = {3, -4, 0};
    l2_normalise(vector, 10);
    CHECK(vector == std::vector<float>{6, -8, 0});
    std::vector<float> zeros(3);
    l2_normalise(zeros, 10);
    CHECK(zeros == std::vector<float>(3));
    CHECK(silu_float(2) == Approx(2 / (1 + std::exp(-2.0))));
    CHECK(linear_float(std::vector<float>{1, 2, 3, 4}, std::vector<float>{10, 20},
                       std::vector<float>{1, -1}) == std::vector<float>{9, 19});
    // Equal scores: the mean of the values; one far above: its value.
    const std::vector<float> keys = {1, 0, 1, 0, 0, 1};
    const std::vector<float> values = {2, 4, 6, 8, 100, 200};
    std::vector<float> out(2);
    attend_float(std::vector<float>{0, 0}, std::span(keys).first(4), std::span(values).first(4), 2, out);
    CHECK(out == std::vector<float>{4, 6});
    attend_float(std::vector<float>{0, 200}, keys, values, 2, out);
    CHECK(out == std::vector<float>{100, 200});
}

TEST_CASE("the rotation in binary32 is the rotation of calibration") {
    const auto transform = group_hadamard(512, 128, 5);
    auto x = random_vector(512, 9);
    std::vector<double> expected(x.begin(), x.end());
    rotate_float(x, 128, transform.rotation_signs);
    apply_to_inputs(transform, expected, 512);
    for (std::size_t i = 0; i < x.size(); ++i)
        CHECK(static_cast<double>(x[i]) == Approx(expected[i]).epsilon(1e-6).margin(1e-5));
    // Small integers and a factor of 1/4 are exact.
    std::vector<float> integers(16);
    std::vector<std::int64_t> exact(16);
    for (std::size_t i = 0; i < 16; ++i) exact[i] = static_cast<std::int64_t>(i * i % 11) - 5;
    for (std::size_t i = 0; i < 16; ++i) integers[i] = static_cast<float>(exact[i]);
    rotate_float(integers, 16, {});
    hadamard_transform_integer(exact);
    for (std::size_t i = 0; i < 16; ++i) CHECK(integers[i] == static_cast<float>(exact[i]) / 4);
    CHECK_THROWS_AS(rotate_float(integers, 12, {}), std::invalid_argument);
    CHECK_THROWS_AS(rotate_float(integers, 32, {}), std::invalid_argument);
    CHECK_THROWS_AS(rotate_float(integers, 0, {}), std::invalid_argument);
}

TEST_CASE("recipes that do not fit a VAR block are refused") {
    const auto config = small_config();
    const auto weights = synthetic_var_block(config);
    auto recipe = four_bit_recipe();
    recipe.fc1.learned_scales = true;
    CHECK_THROWS_AS(prepare_var_block(config, weights, recipe), std::invalid_argument);
    recipe = four_bit_recipe();
    recipe.proj.weights.group_size = 48;
    CHECK_THROWS_AS(QuantizedVar(config, recipe), std::invalid_argument);
    recipe = four_bit_recipe();
    recipe.kv_cache = operand("e2m3", ScaleSharing::group, 48, 16);
    CHECK_THROWS_AS(QuantizedVar(config, recipe), std::invalid_argument);
    recipe = four_bit_recipe();
    recipe.qkv.rotation_block = 256;
    CHECK_THROWS_AS(prepare_var_block(config, weights, recipe), std::invalid_argument);
    CHECK_THROWS_AS(row_rounding(operand("fp16"), 128, TieRule::to_even), std::invalid_argument);
    const QuantizedVar kernel(config, four_bit_recipe());
    const auto block = prepare_var_block(config, weights, four_bit_recipe());
    CHECK_THROWS_AS(kernel.block_image(block, std::vector<float>(128), std::vector<float>(128)),
                    std::invalid_argument);
    CHECK_THROWS_AS(kernel.modulation(block, std::vector<float>(1)), std::invalid_argument);
}

TEST_CASE("a row's bits count its scales, two of them in a dual format") {
    const auto recipe = four_bit_recipe();
    CHECK(row_bits(recipe.qkv.weights, 128) == 128 * 4 + 2 * 16);
    CHECK(row_bits(recipe.fc2.activations, 512) == 512 * 4 + 8 * 2 * 32);
    CHECK(row_bits(*recipe.kv_cache, 64) == 64 * 6 + 16);
    CHECK(row_bits(operand("fp16"), 64) == 64 * 16);
}
