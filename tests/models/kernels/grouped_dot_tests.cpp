// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "models/kernels/grouped_dot.hpp"
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

// Term by term in 64 bits.
std::vector<std::int32_t> expected_sums(const std::vector<std::int8_t>& a, const std::vector<std::int8_t>& b,
                                        std::size_t group) {
    std::vector<std::int64_t> sums((a.size() + group - 1) / group);
    for (std::size_t i = 0; i < a.size(); ++i) sums[i / group] += std::int64_t{a[i]} * b[i];
    return {sums.begin(), sums.end()};
}

}  // namespace

TEST_CASE("grouped dot products are exact with every instruction set") {
    const auto targets = for_every_simd_target([](const std::string&) {
        for (const std::size_t length : {0U, 1U, 7U, 8U, 9U, 31U, 64U, 100U, 513U, 2560U}) {
            const auto a = random_bytes(length, 1);
            const auto b = random_bytes(length, 2);
            for (const std::size_t group : {1U, 2U, 7U, 8U, 16U, 24U, 32U, 48U, 128U, 5120U}) {
                CAPTURE(length, group);
                std::vector<std::int32_t> sums((length + group - 1) / group, -1);
                grouped_dot(a, b, group, sums);
                CHECK(sums == expected_sums(a, b, group));
            }
        }
    });
    CHECK(targets >= 1);
    WARN("grouped_dot agrees on " << targets << " instruction sets");
}

TEST_CASE("the longest group does not overflow") {
    const std::vector<std::int8_t> lowest(longest_dot_group + 1, -128);
    std::vector<std::int32_t> sums(2);
    for_every_simd_target([&](const std::string&) {
        grouped_dot(lowest, lowest, longest_dot_group, sums);
        CHECK(sums == std::vector<std::int32_t>{131'071 * 16'384, 16'384});
    });
    CHECK_THROWS_AS(grouped_dot(lowest, lowest, longest_dot_group + 1, sums), std::invalid_argument);
    CHECK_THROWS_AS(grouped_dot(lowest, lowest, 0, sums), std::invalid_argument);
    CHECK_THROWS_AS(grouped_dot(lowest, lowest, 128, sums), std::invalid_argument);
    CHECK_THROWS_AS(grouped_dot(lowest, std::span(lowest).first(5), 128, sums), std::invalid_argument);
}
