// SPDX-License-Identifier: Apache-2.0
// Against sums of exact rational numbers, with levels and rounding written out a second time.
#include <algorithm>
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "exact_rational.hpp"
#include "models/kernels/dual_linear.hpp"

using namespace tilewright::models;
using namespace tilewright::test;

namespace {

constexpr std::int64_t inputs = 256;
constexpr std::int64_t outputs = 5;

// A sign's part of a dual format: its values, increasing.
struct Side {
    std::vector<double> levels;

    // The level nearest to a number, ties toward +infinity.
    Rational nearest(const Rational& number) const {
        Rational best = levels.front();
        for (const Rational level : levels) {
            if (abs(level - number) <= abs(best - number)) best = level;
        }
        return best;
    }
    double largest() const { return std::max(std::abs(levels.front()), std::abs(levels.back())); }
};

struct Case {
    DualFormat format;
    Side negative;
    Side positive;
    Quantization weights;
    std::int64_t group;
};

Quantization scaled(const char* format, std::int64_t group) {
    Quantization result;
    result.format = number_format(format);
    result.group_size = group;
    result.scale_kind = ScaleKind::floating_point;
    result.scale_bits = 16;
    return result;
}

std::vector<Case> cases() {
    const Side e1m2{{-1.75, -1.5, -1.25, -1, -0.75, -0.5, -0.25, 0}};
    const Side e2m1{{0, 0.5, 1, 1.5, 2, 3, 4, 6}};
    Side minus_32_to_0;
    for (int i = -32; i <= 0; ++i) minus_32_to_0.levels.push_back(i);
    Side e2m3;
    for (int i = 0; i < 16; ++i) e2m3.levels.push_back(i / 8.0);
    for (int i = 8; i < 16; ++i) e2m3.levels.push_back(i / 4.0);
    for (int i = 8; i < 16; ++i) e2m3.levels.push_back(i / 2.0);
    return {{dual_fp4(), e1m2, e2m1, scaled("e2m1", 128), 128},
            {dual_fp4(), e1m2, e2m1, scaled("e2m1", 32), 64},
            {dual_fp6(), minus_32_to_0, e2m3, scaled("e2m3", inputs), inputs},
            {dual_fp4(), e1m2, e2m1, {number_format("fp16"), 0, ScaleKind::none, 0, 0}, 128}};
}

// As GELU leaves them; a group of zeros and a group without negative numbers among them.
std::vector<double> skewed_inputs(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(-1, 2);
    std::vector<double> x;
    for (std::int64_t i = 0; i < inputs; ++i) {
        const auto pre = normal(random);
        x.push_back(pre / (1 + std::exp(-1.7 * pre)));
    }
    if (seed % 3 == 1) std::fill(x.begin() + 128, x.end(), 0.0);
    if (seed % 3 == 2) {
        for (auto& value : x) value = std::abs(value);
    }
    // Exact ties of the positive side: multiples of a quarter of the scale when the largest is 6.
    if (seed % 3 == 0) {
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = x[i] > 0 ? std::min(6.0, std::round(x[i] * 4) / 4) : x[i];
        for (std::size_t i = 0; i < x.size(); i += 32) x[i] = 6;
    }
    return x;
}

std::vector<float> random_matrix(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::student_t_distribution<double> tails(4);
    std::vector<float> matrix(outputs * inputs);
    for (auto& value : matrix) value = static_cast<float>(0.05 * tails(random));
    return matrix;
}

float side_scale(std::span<const double> group, bool negative, const Side& side) {
    double most = 0;
    for (const auto value : group) {
        const auto number = static_cast<float>(value);
        if ((number < 0) == negative) most = std::max(most, std::abs(static_cast<double>(number)));
    }
    return static_cast<float>(most) / static_cast<float>(side.largest());
}

}  // namespace

TEST_CASE("a layer with inputs of a dual format has two exact sums a segment, rounded as documented") {
    int negatives = 0;
    for (const auto& test : cases()) {
        const DualLinear kernel(test.weights, test.format, test.group, inputs, TieRule::half_up);
        const auto weight_group = test.weights.group_size == 0 ? inputs : test.weights.group_size;
        const auto segment = std::min(test.group, weight_group);
        for (std::uint64_t seed = 0; seed < 6; ++seed) {
            const auto matrix =
                quantize_matrix(random_matrix(seed), outputs, inputs, test.weights, TieRule::half_up);
            auto unscaled = test.weights;
            unscaled.group_size = 0;
            const auto w = dequantize_matrix(matrix, unscaled);  // the codes' values
            const auto x = skewed_inputs(seed);
            const auto made = kernel.apply(matrix, x);
            for (std::int64_t n = 0; n < outputs; ++n) {
                float sum = 0;
                for (std::int64_t k = 0; k < inputs; k += segment) {
                    const auto start = static_cast<std::size_t>(k / test.group * test.group);
                    const auto group = std::span(x).subspan(start, static_cast<std::size_t>(test.group));
                    const auto weight_scale =
                        matrix.scales.empty()
                            ? 1.0
                            : matrix.scales[static_cast<std::size_t>((n * inputs + k) / weight_group)];
                    for (const bool negative : {true, false}) {
                        const auto& side = negative ? test.negative : test.positive;
                        const auto scale = side_scale(group, negative, side);
                        Rational products = 0;
                        for (auto i = k; i < k + segment; ++i) {
                            const auto number = static_cast<float>(x[static_cast<std::size_t>(i)]);
                            if ((number < 0) != negative || number == 0) continue;
                            negatives += negative ? 1 : 0;
                            products += side.nearest(Rational(number / scale)) *
                                        Rational(w[static_cast<std::size_t>(n * inputs + i)]);
                        }
                        const auto both = nearest_float(Rational(scale) * Rational(weight_scale));
                        const auto part = nearest_float(Rational(nearest_float(products)) * Rational(both));
                        sum = nearest_float(Rational(sum) + Rational(part));
                    }
                }
                CHECK(made[static_cast<std::size_t>(n)] == static_cast<double>(sum));
            }
        }
    }
    CHECK(negatives > 1000);
}

TEST_CASE("any cut of inputs of a dual format gives the same bits") {
    for (const auto& test : cases()) {
        const DualLinear kernel(test.weights, test.format, test.group, inputs, TieRule::half_up);
        const auto matrix =
            quantize_matrix(random_matrix(1), outputs, inputs, test.weights, TieRule::half_up);
        const auto x = skewed_inputs(4);
        const auto whole = kernel.apply(matrix, x);
        const auto input = kernel.quantize_input(x);
        for (std::int64_t n = 0; n < outputs; ++n) {
            LinearSum sum;
            for (std::int64_t k = 0; k < inputs; k += kernel.segment()) {
                const auto at = static_cast<std::size_t>(n * inputs + k);
                const auto size = static_cast<std::size_t>(kernel.segment());
                const auto part = [&](const auto& all) {
                    const std::span from(all);
                    return all.empty() ? from : from.subspan(at, size);
                };
                const std::span scales(matrix.scales);
                kernel.accumulate(
                    sum, input, k, kernel.segment(), part(matrix.units), part(matrix.codes),
                    scales.empty() ? scales
                                   : scales.subspan(at / static_cast<std::size_t>(test.weights.group_size)));
            }
            CHECK(kernel.finish(sum, matrix.scale_base) == whole[static_cast<std::size_t>(n)]);
        }
    }
}

TEST_CASE("dual formats refuse operands that have no such sums") {
    const Quantization shifts{number_format("int4"), 32, ScaleKind::power_of_two, 4, -10};
    CHECK_THROWS_AS(DualLinear(shifts, dual_fp4(), 128, inputs, TieRule::half_up), std::invalid_argument);
    const Quantization bf16{number_format("bf16"), 0, ScaleKind::none, 0, 0};
    CHECK_THROWS_AS(DualLinear(bf16, dual_fp4(), 128, inputs, TieRule::half_up), std::invalid_argument);
    const DualFormat wide{number_format("e3m2"), number_format("e3m2")};
    CHECK_THROWS_AS(DualLinear(scaled("e2m1", 128), wide, 128, inputs, TieRule::half_up),
                    std::invalid_argument);
    const DualLinear kernel(scaled("e2m1", 128), dual_fp4(), 128, inputs, TieRule::half_up);
    CHECK_THROWS_AS(kernel.quantize_input(std::vector<double>(inputs, std::nan(""))), std::invalid_argument);
}
