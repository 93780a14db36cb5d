// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "accel/engines/timing.hpp"
#include "models/kernels/hadamard.hpp"
#include "tests/models/simd_targets.hpp"

using namespace tilewright::models;
using tilewright::test::for_every_simd_target;

namespace {

// The matrix entry by entry: a core from its definition, times (-1)^popcount(i & j).
class DenseHadamard {
  public:
    DenseHadamard(int core, std::size_t points) : core_(hadamard_core(core)), order_(core), points_(points) {}

    int operator()(std::size_t i, std::size_t j) const {
        const auto entry = core_[i / points_ * static_cast<std::size_t>(order_) + j / points_];
        return std::popcount(i % points_ & j % points_) % 2 == 0 ? entry : -entry;
    }

  private:
    std::vector<std::int8_t> core_;
    int order_;
    std::size_t points_;
};

std::vector<std::int64_t> random_integers(std::size_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::int64_t> result(n);
    for (auto& value : result) value = static_cast<int>(random() % 255) - 127;
    return result;
}

}  // namespace

TEST_CASE("cores are Hadamard matrices") {
    const int order = GENERATE(1, 12, 20, 28, 40);
    CAPTURE(order);
    const auto core = hadamard_core(order);
    REQUIRE(core.size() == static_cast<std::size_t>(order * order));
    int wrong = 0;
    for (int i = 0; i < order; ++i) {
        for (int j = 0; j < order; ++j) {
            int rows = 0;
            int columns = 0;
            for (int k = 0; k < order; ++k) {
                rows += core[static_cast<std::size_t>(i * order + k)] *
                        core[static_cast<std::size_t>(j * order + k)];
                columns += core[static_cast<std::size_t>(k * order + i)] *
                           core[static_cast<std::size_t>(k * order + j)];
            }
            wrong += rows == (i == j ? order : 0) && columns == rows ? 0 : 1;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("the cores of 20 and 40 are the published ones") {
    // Quadratic residues of 19.
    const std::vector<int> residues = {1, 4, 5, 6, 7, 9, 11, 16, 17};
    const auto twenty = hadamard_core(20);
    const auto forty = hadamard_core(40);
    const auto expected = [&](int i, int j) {
        if (i == 0) return j == 0 ? 1 : -1;
        if (j == 0) return 1;
        const int difference = ((j - i) % 19 + 19) % 19;
        return std::count(residues.begin(), residues.end(), difference) > 0 ? -1 : 1;
    };
    int wrong = 0;
    for (int i = 0; i < 40; ++i) {
        for (int j = 0; j < 40; ++j) {
            const int entry = (i >= 20 && j >= 20 ? -1 : 1) * expected(i % 20, j % 20);
            wrong += forty[static_cast<std::size_t>(40 * i + j)] == entry ? 0 : 1;
            if (i < 20 && j < 20) wrong += twenty[static_cast<std::size_t>(20 * i + j)] == entry ? 0 : 1;
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("fast transforms equal the dense matrix") {
    const auto [core, points] = GENERATE(table<int, std::size_t>({{1, 1},
                                                                  {1, 2},
                                                                  {1, 4},
                                                                  {1, 128},
                                                                  {12, 1},
                                                                  {12, 2},
                                                                  {12, 64},
                                                                  {20, 1},
                                                                  {28, 1},
                                                                  {28, 8},
                                                                  {40, 1},
                                                                  {40, 2},
                                                                  {40, 64},
                                                                  {28, 64}}));
    const auto n = static_cast<std::size_t>(core) * points;
    CAPTURE(n);
    const DenseHadamard dense(core, points);
    const auto x = random_integers(n, static_cast<unsigned>(n));
    std::vector<std::int64_t> integer;
    std::vector<std::int64_t> transposed;
    for_every_simd_target([&](const auto&) {
        auto next = x;
        hadamard_transform_integer(next);
        CHECK((integer.empty() || next == integer));
        integer = std::move(next);
        next = x;
        hadamard_transform_integer(next, Direction::inverse);
        CHECK((transposed.empty() || next == transposed));
        transposed = std::move(next);
    });
    std::vector<double> real(x.begin(), x.end());
    hadamard_transform(real);
    std::size_t mismatches = 0;
    double error = 0;
    for (std::size_t i = 0; i < n; ++i) {
        std::int64_t row = 0;
        std::int64_t column = 0;
        for (std::size_t j = 0; j < n; ++j) {
            row += dense(i, j) * x[j];
            column += dense(j, i) * x[j];
        }
        mismatches += integer[i] == row && transposed[i] == column ? 0 : 1;
        error = std::max(error, std::abs(real[i] - static_cast<double>(row) / std::sqrt(n)));
    }
    CHECK(mismatches == 0);
    CHECK(error < 1e-12);
    auto back = integer;
    hadamard_transform_integer(back, Direction::inverse);
    for (std::size_t i = 0; i < n; ++i) mismatches += back[i] == static_cast<std::int64_t>(n) * x[i] ? 0 : 1;
    hadamard_transform(real, Direction::inverse);
    for (std::size_t i = 0; i < n; ++i)
        error = std::max(error, std::abs(real[i] - static_cast<double>(x[i])));
    CHECK(mismatches == 0);
    CHECK(error < 1e-12);
}

TEST_CASE(
    "transforms of doubles round as sums in the order of butterflies and core, whatever the processor") {
    const int core = GENERATE(1, 12, 20, 28, 40);
    const std::size_t points = std::size_t{1} << static_cast<unsigned>(GENERATE(0, 1, 2, 3, 4, 5, 7));
    const auto direction = GENERATE(Direction::forward, Direction::inverse);
    CAPTURE(core, points, direction == Direction::forward);
    const auto order = static_cast<std::size_t>(core);
    const auto n = order * points;
    // Multiples of 40 are split with that core.
    if (find_hadamard_shape(n) != HadamardShape{core, std::countr_zero(points)}) return;
    std::mt19937 random(static_cast<unsigned>(n));
    std::normal_distribution<double> normal;
    std::vector<double> x(n);
    for (auto& value : x) value = random() % 16 == 0 ? -0.0 : normal(random);

    auto mixed = x;
    for (std::size_t distance = 1; distance < points; distance *= 2) {
        for (std::size_t i = 0; i < n; ++i) {
            if ((i & distance) != 0) continue;
            const auto upper = mixed[i];
            mixed[i] = upper + mixed[i + distance];
            mixed[i + distance] = upper - mixed[i + distance];
        }
    }
    const auto signs = hadamard_core(core);
    std::vector<double> expected(n);
    for (std::size_t i = 0; i < n; ++i) {
        const auto row = i / points;
        double sum = core == 1 ? mixed[i] : 0;
        for (std::size_t k = 0; core > 1 && k < order; ++k) {
            const auto sign =
                direction == Direction::forward ? signs[row * order + k] : signs[k * order + row];
            sum += sign * mixed[k * points + i % points];
        }
        expected[i] = sum / std::sqrt(static_cast<double>(n));
    }
    const auto same_bits = [](double a, double b) {
        return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
    };
    for_every_simd_target([&](const auto&) {
        auto result = x;
        hadamard_transform(result, direction);
        CHECK(std::equal(result.begin(), result.end(), expected.begin(), same_bits));
    });
}

TEST_CASE("points are split as the Hadamard engine splits them") {
    std::size_t sizes = 0;
    for (std::size_t n = 1; n <= 20'000; ++n) {
        const auto shape = find_hadamard_shape(n);
        const auto engine = tilewright::accel::hadamard_factors(static_cast<std::int64_t>(n));
        if ((shape ? shape->core : 0) == engine.core && (!shape || shape->stages == engine.stages)) {
            sizes += shape ? 1 : 0;
            continue;
        }
        CAPTURE(n);
        CHECK(shape.has_value() == (engine.core != 0));
        FAIL("different splits");
    }
    CHECK(sizes == 15 + 11 + 10 + 10);
    CHECK(find_hadamard_shape(5120) == HadamardShape{40, 7});
    std::vector<double> six(6);
    CHECK_THROWS_AS(hadamard_transform(six), std::invalid_argument);
    CHECK_THROWS_AS(hadamard_transform(std::span<double>()), std::invalid_argument);
    CHECK_THROWS_AS(hadamard_core(4), std::invalid_argument);
    std::vector<std::int64_t> large(4, std::numeric_limits<std::int64_t>::max() / 4 + 1);
    CHECK_THROWS_AS(hadamard_transform_integer(large), std::overflow_error);
    large.assign(4, std::numeric_limits<std::int64_t>::max() / 4);
    hadamard_transform_integer(large);
    CHECK(large[0] == std::numeric_limits<std::int64_t>::max() / 4 * 4);
}

TEST_CASE("rotations merge into weights") {
    constexpr std::size_t rows = 24;
    constexpr std::size_t columns = 40;
    std::mt19937 random(9);
    std::normal_distribution<double> normal;
    std::vector<double> weights(rows * columns);
    std::vector<double> x(columns);
    for (auto& value : weights) value = normal(random);
    for (auto& value : x) value = normal(random);
    std::vector<std::int8_t> signs(columns);
    for (auto& sign : signs) sign = random() % 2 == 0 ? 1 : -1;
    const std::vector<std::int8_t> output_signs(signs.begin(), signs.begin() + rows);
    const auto product = [&](const std::vector<double>& w, const std::vector<double>& v) {
        std::vector<double> y(rows);
        for (std::size_t i = 0; i < rows; ++i) {
            for (std::size_t j = 0; j < columns; ++j) y[i] += w[i * columns + j] * v[j];
        }
        return y;
    };
    auto expected = product(weights, x);
    rotate(expected, 12, output_signs);
    auto merged = weights;
    merge_rotation_into_inputs(merged, columns, 20, signs);
    merge_rotation_into_outputs(merged, rows, 12, output_signs);
    auto rotated = x;
    rotate(rotated, 20, signs);
    const auto y = product(merged, rotated);
    for (std::size_t i = 0; i < rows; ++i) CHECK(y[i] == Approx(expected[i]).margin(1e-12));
    rotate(rotated, 20, signs, Direction::inverse);
    for (std::size_t j = 0; j < columns; ++j) CHECK(rotated[j] == Approx(x[j]).margin(1e-12));
    CHECK_THROWS_AS(rotate(x, 12), std::invalid_argument);
    CHECK_THROWS_AS(rotate(x, 10), std::invalid_argument);
    signs[3] = 0;
    CHECK_THROWS_AS(rotate(x, 20, signs), std::invalid_argument);
    signs.pop_back();
    CHECK_THROWS_AS(rotate(x, 20, signs), std::invalid_argument);
    CHECK_THROWS_AS(merge_rotation_into_inputs(weights, 7, 1), std::invalid_argument);
}
