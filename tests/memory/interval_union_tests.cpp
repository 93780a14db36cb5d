// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "memory/interval_union.hpp"

using namespace tilewright::memory;

TEST_CASE("time is covered once, however intervals overlap") {
    IntervalUnion covered;
    covered.add(10, 20);
    covered.add(15, 25);
    covered.add(40, 50);
    covered.add(0, 5);
    covered.add(24, 41);
    covered.add(7, 7);
    CHECK(covered.covered() == 5 + 40);
}

TEST_CASE("intervals in nearly any order cover what a count of instants says") {
    CHECK(rc::check("union", [] {
        IntervalUnion covered;
        std::vector<bool> instants(20000, false);
        TimeFs time = 0;
        for (int i = 0; i < 500; ++i) {
            time += *rc::gen::inRange(0, 30);
            const TimeFs begin = time + *rc::gen::inRange(0, 60);
            const TimeFs end = begin + *rc::gen::inRange(0, 50);
            covered.add(begin, end);
            for (auto t = begin; t < end; ++t) instants[static_cast<std::size_t>(t)] = true;
        }
        const auto count = std::count(instants.begin(), instants.end(), true);
        RC_ASSERT(covered.covered() == count);
    }));
}
