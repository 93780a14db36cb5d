// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "sweeps/pareto.hpp"

using namespace tilewright::sweeps;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();
using Rows = std::vector<std::vector<double>>;

// The definition, word for word.
std::vector<bool> brute_force(const Rows& rows, const std::vector<Goal>& goals) {
    std::vector<bool> front;
    const auto known = [](const std::vector<double>& row) {
        for (const double value : row)
            if (std::isnan(value)) return false;
        return true;
    };
    for (const auto& row : rows) {
        bool beaten = !known(row);
        for (const auto& other : rows) {
            if (!known(other)) continue;
            bool as_good = true;
            bool better = false;
            for (std::size_t k = 0; k < goals.size(); ++k) {
                const double gain = goals[k] == Goal::maximize ? other[k] - row[k] : row[k] - other[k];
                as_good = as_good && gain >= 0;
                better = better || gain > 0;
            }
            beaten = beaten || (as_good && better);
        }
        front.push_back(!beaten);
    }
    return front;
}

}  // namespace

TEST_CASE("the Pareto front of hand-made cases", "[sweeps]") {
    const std::vector<Goal> goals{Goal::maximize, Goal::minimize};
    SECTION("a staircase with beaten points") {
        CHECK(pareto_front({{10, 5}, {8, 3}, {9, 6}, {1, 1}, {8, 4}}, goals) ==
              std::vector<bool>{true, true, false, true, false});
    }
    SECTION("equal rows are on the front together") {
        CHECK(pareto_front({{2, 2}, {3, 3}, {2, 2}, {2, 3}}, goals) ==
              std::vector<bool>{true, true, true, false});
    }
    SECTION("NaN is never on it and beats nobody") {
        CHECK(pareto_front({{not_a_number, 0}, {1, 1}, {2, not_a_number}, {not_a_number, not_a_number}},
                           goals) == std::vector<bool>{false, true, false, false});
    }
    SECTION("infinite values compare like any other") {
        CHECK(pareto_front({{1, infinite}, {2, infinite}, {0, 1}}, goals) ==
              std::vector<bool>{false, true, true});
    }
    SECTION("one objective") {
        CHECK(pareto_front({{3}, {1}, {2}, {1}}, {Goal::minimize}) ==
              std::vector<bool>{false, true, false, true});
    }
    SECTION("no rows") {
        CHECK(pareto_front({}, goals).empty());
    }
    SECTION("a row of another length is an error") {
        CHECK_THROWS_AS(pareto_front({{1, 2}, {1}}, goals), std::invalid_argument);
    }
}

TEST_CASE("the Pareto front equals its definition on random data", "[sweeps]") {
    std::mt19937 random(20260101);
    for (int round = 0; round < 300; ++round) {
        const std::size_t objectives = 1 + random() % 4;
        const std::size_t count = random() % 60;
        std::vector<Goal> goals;
        for (std::size_t k = 0; k < objectives; ++k)
            goals.push_back(random() % 2 == 0 ? Goal::maximize : Goal::minimize);
        Rows rows(count);
        for (auto& row : rows)  // few distinct values, so that ties and equal rows are common
            for (std::size_t k = 0; k < objectives; ++k)
                row.push_back(random() % 25 == 0 ? not_a_number : static_cast<double>(random() % 7));
        REQUIRE(pareto_front(rows, goals) == brute_force(rows, goals));
    }
}
