// SPDX-License-Identifier: Apache-2.0
// The float64 VAR block against a second implementation that knows no cache: all tokens at once, masked, in
// extended precision.
#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "models/networks/float64_operators.hpp"
#include "models/networks/var_reference.hpp"
#include "models/weights/synthetic_var.hpp"

using namespace tilewright::models;

namespace {

using Row = std::vector<long double>;
using Rows = std::vector<Row>;

VarConfig small_config() {
    VarConfig config;
    config.name = "small";
    config.depth = 1;
    config.width = 32;
    config.heads = 4;
    config.scales = {1, 2, 3, 4};
    return config;
}

Row times(const std::vector<float>& matrix, const Row& x, const std::vector<float>& bias = {}) {
    Row y(matrix.size() / x.size());
    for (std::size_t n = 0; n < y.size(); ++n) {
        for (std::size_t k = 0; k < x.size(); ++k)
            y[n] += static_cast<long double>(matrix[n * x.size() + k]) * x[k];
        if (!bias.empty()) y[n] += static_cast<long double>(bias[n]);
    }
    return y;
}

Row standardised(const Row& x) {
    long double mean = 0;
    long double square = 0;
    const auto n = static_cast<long double>(x.size());
    for (const auto value : x) {
        mean += value / n;
        square += value * value / n;
    }
    Row y;
    for (const auto value : x) y.push_back((value - mean) / std::sqrt(square - mean * mean + 1e-6L));
    return y;
}

// Which scale a token belongs to.
std::size_t scale_of(const VarConfig& config, std::size_t token) {
    std::size_t scale = 0;
    while (static_cast<std::size_t>(config.tokens_until(scale + 1)) <= token) ++scale;
    return scale;
}

// The whole image at once.
Rows masked_block(const VarConfig& config, const VarBlockWeights& w, const std::vector<double>& condition,
                  const std::vector<double>& residual) {
    const auto c = static_cast<std::size_t>(config.width);
    const auto tokens = static_cast<std::size_t>(config.tokens());
    const auto dim = static_cast<std::size_t>(config.head_dim());
    Row active;
    for (const long double value : condition) active.push_back(value / (1 + std::exp(-value)));
    const auto ada = times(w.adaln, active, w.adaln_bias);
    Rows x(tokens);
    Rows qkv(tokens);
    for (std::size_t t = 0; t < tokens; ++t) {
        x[t].assign(residual.begin() + static_cast<std::ptrdiff_t>(t * c),
                    residual.begin() + static_cast<std::ptrdiff_t>((t + 1) * c));
        auto y = standardised(x[t]);
        for (std::size_t i = 0; i < c; ++i) y[i] = y[i] * (1 + ada[2 * c + i]) + ada[4 * c + i];
        std::vector<float> bias = w.q_bias;
        bias.resize(2 * c);
        bias.insert(bias.end(), w.v_bias.begin(), w.v_bias.end());
        qkv[t] = times(w.qkv, y, bias);
    }
    const auto cosine = [&](std::size_t t, std::size_t s, std::size_t head) {
        long double dot = 0;
        long double q = 0;
        long double k = 0;
        for (std::size_t i = head * dim; i < (head + 1) * dim; ++i) {
            dot += qkv[t][i] * qkv[s][c + i];
            q += qkv[t][i] * qkv[t][i];
            k += qkv[s][c + i] * qkv[s][c + i];
        }
        return dot / std::sqrt(q) / std::sqrt(k);
    };
    for (std::size_t t = 0; t < tokens; ++t) {
        Row attended(c);
        for (std::size_t head = 0; head < static_cast<std::size_t>(config.heads); ++head) {
            const auto sharpness = std::min(100.0L, std::exp(static_cast<long double>(w.scale_mul[head])));
            long double total = 0;
            Row sum(dim);
            for (std::size_t s = 0; s < tokens; ++s) {
                if (scale_of(config, s) > scale_of(config, t)) continue;
                const auto share = std::exp(sharpness * (cosine(t, s, head) - 1));
                total += share;
                for (std::size_t i = 0; i < dim; ++i) sum[i] += share * qkv[s][2 * c + head * dim + i];
            }
            for (std::size_t i = 0; i < dim; ++i) attended[head * dim + i] = sum[i] / total;
        }
        const auto update = times(w.proj, attended, w.proj_bias);
        for (std::size_t i = 0; i < c; ++i) x[t][i] += ada[i] * update[i];
        auto y = standardised(x[t]);
        for (std::size_t i = 0; i < c; ++i) y[i] = y[i] * (1 + ada[3 * c + i]) + ada[5 * c + i];
        auto hidden = times(w.fc1, y, w.fc1_bias);
        for (auto& value : hidden) {
            const auto argument = 0.7978845608028654L * (value + 0.044715L * value * value * value);
            value /= 1 + std::exp(-2 * argument);  // (1 + tanh a) / 2 = 1 / (1 + exp(-2 a))
        }
        const auto second = times(w.fc2, hidden, w.fc2_bias);
        for (std::size_t i = 0; i < c; ++i) x[t][i] += ada[c + i] * second[i];
    }
    return x;
}

}  // namespace

TEST_CASE("a VAR block with a growing cache equals one that recomputes everything behind a mask") {
    const auto config = small_config();
    for (const std::uint64_t seed : {1U, 2U}) {
        auto weights = synthetic_var_block(config, seed);
        weights.scale_mul[0] = 6;  // beyond ln 100
        const auto condition = synthetic_var_condition(config, seed);
        const auto residual = synthetic_var_residual(config, seed);
        const auto made = var_block_image(config, weights, condition, residual);
        const auto expected = masked_block(config, weights, condition, residual);
        double largest_update = 0;
        for (std::size_t i = 0; i < made.size(); ++i) {
            const auto wanted = static_cast<double>(expected[i / 32][i % 32]);
            CHECK(made[i] == Approx(wanted).epsilon(1e-11).margin(1e-11));
            largest_update = std::max(largest_update, std::abs(made[i] - residual[i]));
        }
        CHECK(largest_update > 1);
    }
}

TEST_CASE("later scales change nothing before them, earlier ones do") {
    const auto config = small_config();
    const auto weights = synthetic_var_block(config);
    const auto condition = synthetic_var_condition(config);
    const auto residual = synthetic_var_residual(config);
    const auto made = var_block_image(config, weights, condition, residual);
    const auto third = static_cast<std::size_t>(config.tokens_until(2) * config.width);
    const auto fourth = static_cast<std::size_t>(config.tokens_until(3) * config.width);
    auto changed = residual;
    for (std::size_t i = third; i < fourth; ++i) changed[i] = -changed[i];
    const auto other = var_block_image(config, weights, condition, changed);
    CHECK(std::equal(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(third), other.begin()));
    for (auto token = fourth; token < made.size(); token += 32) {
        CHECK_FALSE(std::equal(made.begin() + static_cast<std::ptrdiff_t>(token),
                               made.begin() + static_cast<std::ptrdiff_t>(token + 32),
                               other.begin() + static_cast<std::ptrdiff_t>(token)));
    }
}

TEST_CASE("GELU's tanh form has its known values") {
    CHECK(gelu_tanh(0) == 0);
    CHECK(gelu_tanh(1) == Approx(0.841191990608).epsilon(1e-10));
    CHECK(gelu_tanh(-1) == Approx(-0.158808009392).epsilon(1e-10));
    CHECK(gelu_tanh(3) == Approx(2.996362607459).epsilon(1e-9));
    double least = 0;
    for (int i = -300; i <= 0; ++i) least = std::min(least, gelu_tanh(i / 100.0));
    CHECK(least == Approx(-0.17).margin(0.001));
}

// What FPQVAR publishes about VAR's activations, in the synthetic block.
TEST_CASE("the synthetic VAR block is skewed behind GELU and has outliers that move") {
    VarConfig config = small_config();
    config.width = 256;
    const auto weights = synthetic_var_block(config, 3);
    VarLinearInputs inputs;
    var_block_image(config, weights, synthetic_var_condition(config, 3), synthetic_var_residual(config, 3),
                    &inputs);
    const auto tokens = static_cast<std::size_t>(config.tokens());
    REQUIRE(inputs.fc2.size() == tokens * 1024);
    REQUIRE(inputs.qkv.size() == tokens * 256);
    const auto [least, most] = std::minmax_element(inputs.fc2.begin(), inputs.fc2.end());
    const auto negative =
        std::count_if(inputs.fc2.begin(), inputs.fc2.end(), [](double value) { return value < 0; });
    CHECK(*least > -0.1701);
    CHECK(*most > 20 * -*least);
    CHECK(static_cast<double>(negative) > 0.6 * static_cast<double>(inputs.fc2.size()));
    // Channels whose root mean square at one scale is three times that at another, of the last two scales,
    // whose 9 and 16 tokens make 3 unlikely by chance.
    const auto size = [&](std::size_t scale, std::size_t channel) {
        double squares = 0;
        const auto begin = static_cast<std::size_t>(config.tokens_until(scale));
        const auto end = static_cast<std::size_t>(config.tokens_until(scale + 1));
        for (auto t = begin; t < end; ++t) squares += std::pow(inputs.qkv[t * 256 + channel], 2);
        return std::sqrt(squares / static_cast<double>(end - begin));
    };
    int moving = 0;
    int fixed = 0;
    for (std::size_t channel = 0; channel < 256; ++channel) {
        const auto third = size(2, channel);
        const auto fourth = size(3, channel);
        if (third > 3 * fourth || fourth > 3 * third) ++moving;
        if (std::min(third, fourth) > 2) ++fixed;
    }
    CHECK(moving >= 2);
    CHECK(moving <= 8);
    CHECK(fixed >= 2);
    CHECK(synthetic_var_residual(config, 3) == synthetic_var_residual(config, 3, 1));
    CHECK(synthetic_var_residual(config, 3) != synthetic_var_residual(config, 3, 2));
}

TEST_CASE("a VAR block refuses tensors of the wrong size") {
    const auto config = small_config();
    const auto condition = synthetic_var_condition(config);
    const auto residual = synthetic_var_residual(config);
    auto weights = synthetic_var_block(config);
    CHECK_THROWS_AS(var_block_image(config, weights, condition, std::vector<double>(32)),
                    std::invalid_argument);
    CHECK_THROWS_AS(var_modulation(config, weights, std::vector<double>(31)), std::invalid_argument);
    weights.fc2.pop_back();
    CHECK_THROWS_AS(var_block_image(config, weights, condition, residual), std::invalid_argument);
    auto uneven = config;
    uneven.heads = 5;
    CHECK_THROWS_AS(synthetic_var_block(uneven), std::invalid_argument);
}
