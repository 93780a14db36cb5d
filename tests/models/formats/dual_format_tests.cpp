// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "models/formats/dual_format.hpp"

using namespace tilewright::models;

TEST_CASE("the four-bit dual format scales both signs on their own") {
    const std::vector<float> values = {-0.7F, -0.1F, 0, 2.4F, 6, 12};
    const auto dual = quantize_dual(values, 6, dual_fp4(), TieRule::half_up);
    CHECK(dual.negative_scales == std::vector<float>{0.7F / 1.75F});
    CHECK(dual.positive_scales == std::vector<float>{2});
    CHECK(dual.codes == std::vector<std::uint8_t>{15, 9, 0, 2, 5, 7});
    CHECK(dequantize_dual(dual, 6, dual_fp4()) ==
          std::vector<float>{-1.75F * (0.7F / 1.75F), -0.25F * (0.7F / 1.75F), 0, 2, 6, 12});
}

TEST_CASE("the six-bit dual format has 32 negative steps and e2m3 above zero") {
    const std::vector<float> values = {-32, -31.5F, -16.25F, -1, -0.25F, 0, 3.75F, 1, 7.5F};
    const auto dual = quantize_dual(values, 9, dual_fp6(), TieRule::half_up);
    CHECK(dual.negative_scales == std::vector<float>{1});
    CHECK(dual.positive_scales == std::vector<float>{1});
    // Two's complement: -32 is 0b100000, -31.5 goes up to -31, -0.25 to the positive zero.
    CHECK(dual.codes == std::vector<std::uint8_t>{0x20, 0x21, 0x30, 0x3f, 0, 0, 0x17, 0x08, 0x1f});
    CHECK(dequantize_dual(dual, 9, dual_fp6()) ==
          std::vector<float>{-32, -31, -16, -1, 0, 0, 3.75F, 1, 7.5F});
}

TEST_CASE("every element of a dual format takes the nearest value of its side") {
    std::mt19937 random(8);
    std::normal_distribution<float> normal(-0.5F, 1);
    std::vector<float> values(3000);
    for (auto& value : values) {
        value = normal(random);
        if (value < 0) value /= 16;
    }
    // Grids written out: negative, then positive.
    struct Case {
        DualFormat format;
        std::vector<double> negative;
        std::vector<double> positive;
    };
    std::vector<Case> cases = {{dual_fp4(), {}, {0, 0.5, 1, 1.5, 2, 3, 4, 6}}, {dual_fp6(), {}, {}}};
    for (int i = 0; i <= 7; ++i) cases[0].negative.push_back(-i / 4.0);
    for (int i = 0; i <= 32; ++i) cases[1].negative.push_back(-i);
    for (int i = 0; i < 16; ++i) cases[1].positive.push_back(i / 8.0);
    for (int i = 8; i < 16; ++i) cases[1].positive.push_back(i / 4.0);
    for (int i = 8; i < 16; ++i) cases[1].positive.push_back(i / 2.0);
    for (const auto& test : cases) {
        CAPTURE(test.format.negative.name);
        const auto dual = quantize_dual(values, 60, test.format);
        const auto back = dequantize_dual(dual, 60, test.format);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const bool negative = values[i] < 0;
            const auto scale = double{(negative ? dual.negative_scales : dual.positive_scales)[i / 60]};
            double best = std::numeric_limits<double>::infinity();
            for (const auto level : negative ? test.negative : test.positive) {
                best = std::min(best, std::abs(level * scale - double{values[i]}));
            }
            const auto error = std::abs(double{back[i]} - double{values[i]});
            wrong += error <= best * (1 + 1e-5) + 1e-7 ? 0 : 1;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("special elements and formats of a dual format") {
    constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
    constexpr auto infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> values = {nan, -infinity, infinity, -3.5F, 6};
    const auto dual = quantize_dual(values, 5, dual_fp4());
    CHECK(dual.nan_count == 1);
    CHECK(dual.codes == std::vector<std::uint8_t>{0, 15, 7, 15, 7});
    CHECK(quantize_dual({}, 5, dual_fp4()).codes.empty());
    const std::vector<float> zeros(5);
    CHECK(dequantize_dual(quantize_dual(zeros, 5, dual_fp6()), 5, dual_fp6()) == zeros);
    CHECK_THROWS_AS(quantize_dual(values, 0, dual_fp4()), std::invalid_argument);
    CHECK_THROWS_AS(quantize_dual(values, 5, {number_format("e1m2"), number_format("e2m3")}),
                    std::invalid_argument);
    CHECK_THROWS_AS(quantize_dual(values, 5, {number_format("int16"), number_format("fp16")}),
                    std::invalid_argument);
}
