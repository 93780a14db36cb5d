// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "models/kernels/segmented_dots.hpp"
#include "tests/models/simd_targets.hpp"

using namespace tilewright::models;
using tilewright::test::for_every_simd_target;

namespace {

std::vector<std::int8_t> random_bytes(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::int8_t> result(count);
    for (auto& value : result) value = static_cast<std::int8_t>(random());
    return result;
}

struct Case {
    std::size_t rows, outputs, inputs, segment;
};

void check(const Case& c) {
    CAPTURE(c.rows, c.outputs, c.inputs, c.segment);
    const auto weights = random_bytes(c.outputs * c.inputs, 1);
    const auto inputs = random_bytes(c.rows * c.inputs, 2);
    const SegmentedDots dots(weights, c.outputs, c.segment);
    REQUIRE(dots.inputs() == c.inputs);
    std::vector<float> sums(SegmentedDots::rows_at_once * dots.segments() * dots.stride(), -1.0F);
    dots.sums(inputs, sums);
    std::size_t wrong = 0;
    for (std::size_t row = 0; row < c.rows; ++row) {
        for (std::size_t s = 0; s < dots.segments(); ++s) {
            for (std::size_t n = 0; n < c.outputs; ++n) {
                std::int64_t expected = 0;
                for (auto k = s * c.segment; k < std::min((s + 1) * c.segment, c.inputs); ++k) {
                    expected += std::int64_t{inputs[row * c.inputs + k]} * weights[n * c.inputs + k];
                }
                const auto found = sums[(row * dots.segments() + s) * dots.stride() + n];
                if (found != static_cast<float>(expected)) ++wrong;
            }
        }
    }
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("segmented dot products are exact with every instruction set") {
    const auto targets = for_every_simd_target([](const std::string&) {
        check({1, 1, 1, 1});
        check({8, 3, 576, 64});
        check({5, 40, 90, 10});
        check({2, 17, 27, 3});
        check({8, 16, 2050, 1024});
        check({3, 33, 100, 7});
    });
    CHECK(targets >= 1);
}

TEST_CASE("the longest exact segment of the largest products is exact") {
    const std::vector<std::int8_t> lowest(longest_exact_segment, -128);
    const SegmentedDots dots(lowest, 1, longest_exact_segment);
    std::vector<float> sums(SegmentedDots::rows_at_once * dots.stride());
    dots.sums(lowest, sums);
    CHECK(sums[0] == 16777216.0F);
}

TEST_CASE("segmented dot products of what does not fit are refused") {
    const std::vector<std::int8_t> some(12);
    CHECK_THROWS_AS(SegmentedDots(some, 0, 1), std::invalid_argument);
    CHECK_THROWS_AS(SegmentedDots(some, 5, 1), std::invalid_argument);
    CHECK_THROWS_AS(SegmentedDots(some, 3, 0), std::invalid_argument);
    CHECK_THROWS_AS(SegmentedDots(some, 3, longest_exact_segment + 1), std::invalid_argument);
    const SegmentedDots dots(some, 3, 2);
    std::vector<float> sums(SegmentedDots::rows_at_once * dots.segments() * dots.stride());
    CHECK_THROWS_AS(dots.sums(std::span(some).first(5), sums), std::invalid_argument);
    CHECK_THROWS_AS(dots.sums(std::vector<std::int8_t>(36), sums), std::invalid_argument);
    CHECK_THROWS_AS(dots.sums(some, std::span(sums).first(7)), std::invalid_argument);
}
