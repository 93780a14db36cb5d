// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <rapidcheck.h>
#include <rapidcheck/catch.h>

#include "models/kernels/dsp_packing.hpp"

using namespace tilewright::models;

namespace {

// All packings of four products whose factors come from `a` and `b`; returns how many, and counts the wrong
// ones.
std::size_t try_all(const std::vector<int>& a, const std::vector<int>& b, std::size_t& mismatches) {
    std::size_t packings = 0;
    for (const int a0 : a) {
        for (const int a1 : a) {
            for (const int b0 : b) {
                for (const int b1 : b) {
                    FourProductAccumulator dsp;
                    dsp.add({a0, a1}, {b0, b1});
                    const std::array<std::int64_t, 4> expected = {a0 * b0, a1 * b0, a0 * b1, a1 * b1};
                    mismatches += dsp.products() == expected ? 0 : 1;
                    ++packings;
                }
            }
        }
    }
    return packings;
}

std::vector<int> integers(int least, int most) {
    std::vector<int> result;
    for (int i = least; i <= most; ++i) result.push_back(i);
    return result;
}

std::vector<int> e2m1_operands() {
    std::vector<int> result;
    for (std::uint32_t code = 0; code < 16; ++code) result.push_back(e2m1_operand(code));
    return result;
}

// Chains of `depth` random additions are exact in every field, whatever the factors.
void check_chains(const std::vector<int>& a, const std::vector<int>& b, int depth) {
    rc::prop("chains are exact", [&] {
        FourProductAccumulator dsp;
        std::array<std::int64_t, 4> expected{};
        for (int i = 0; i < depth; ++i) {
            const auto pick = [](const std::vector<int>& from) {
                // half of the factors are extreme
                return *rc::gen::oneOf(rc::gen::elementOf(from), rc::gen::element(from.front(), from.back()));
            };
            const std::array<int, 2> x = {pick(a), pick(a)};
            const std::array<int, 2> y = {pick(b), pick(b)};
            dsp.add(x, y);
            for (std::size_t field = 0; field < 4; ++field) expected[field] += x[field % 2] * y[field / 2];
        }
        RC_ASSERT(dsp.products() == expected);
    });
}

bool survives(int a, int b, int depth) {
    FourProductAccumulator dsp;
    for (int i = 0; i < depth; ++i) dsp.add({a, a}, {b, b});
    const std::int64_t sum = std::int64_t{depth} * a * b;
    return dsp.products() == std::array<std::int64_t, 4>{sum, sum, sum, sum};
}

}  // namespace

TEST_CASE("all 2^24 packings of two INT8 products are exact") {
    std::size_t packings = 0;
    std::size_t mismatches = 0;
    for (int upper = -128; upper < 128; ++upper) {
        for (int lower = -128; lower < 128; ++lower) {
            for (int common = -128; common < 128; ++common) {
                Int8PairAccumulator dsp;
                dsp.add(upper, lower, common);
                mismatches += dsp.upper() == upper * common && dsp.lower() == lower * common ? 0 : 1;
                ++packings;
            }
        }
    }
    CHECK(mismatches == 0);
    CHECK(packings == 1 << 24);
    WARN(packings << " packings of two INT8 products, " << mismatches << " mismatches");
}

TEST_CASE("all packings of four small products are exact") {
    std::size_t mismatches = 0;
    CHECK(try_all(integers(-8, 7), integers(-8, 7), mismatches) == 65536);
    CHECK(try_all(integers(0, 15), integers(-8, 7), mismatches) == 65536);
    CHECK(try_all(e2m1_operands(), e2m1_operands(), mismatches) == 65536);
    CHECK(mismatches == 0);
    WARN(3 * 65536 << " packings of four int4, uint4 and e2m1 products, " << mismatches << " mismatches");
}

TEST_CASE("packed products accumulate to their depth and not beyond") {
    rc::prop("seven INT8 pairs are exact", [] {
        Int8PairAccumulator dsp;
        std::int64_t upper = 0;
        std::int64_t lower = 0;
        for (int i = 0; i < Int8PairAccumulator::depth; ++i) {
            const auto factor = [] {
                return static_cast<int>(*rc::gen::oneOf(rc::gen::arbitrary<std::int8_t>(),
                                                        rc::gen::element<std::int8_t>(-128, 127)));
            };
            const int x = factor();
            const int y = factor();
            const int common = factor();
            dsp.add(x, y, common);
            upper += x * common;
            lower += y * common;
        }
        RC_ASSERT(dsp.upper() == upper);
        RC_ASSERT(dsp.lower() == lower);
    });
    Int8PairAccumulator eight;
    for (int i = 0; i < Int8PairAccumulator::depth + 1; ++i) eight.add(-128, -128, -128);
    CHECK_FALSE(eight.lower() == 8 * 16384);
    check_chains(integers(-8, 7), integers(-8, 7), FourProductAccumulator::int4_depth);
    check_chains(integers(0, 15), integers(-8, 7), FourProductAccumulator::uint4_depth);
    check_chains(integers(-12, 12), integers(-12, 12), FourProductAccumulator::e2m1_depth);
    CHECK(survives(-8, -8, FourProductAccumulator::int4_depth));
    CHECK_FALSE(survives(-8, -8, FourProductAccumulator::int4_depth + 1));
    CHECK(survives(15, -8, FourProductAccumulator::uint4_depth));
    CHECK_FALSE(survives(15, -8, FourProductAccumulator::uint4_depth + 1));
    CHECK(survives(12, -12, FourProductAccumulator::e2m1_depth));
    CHECK_FALSE(survives(12, 12, FourProductAccumulator::e2m1_depth + 1));
}

TEST_CASE("operands that do not fit their ports are refused") {
    CHECK_THROWS_AS(DspAccumulator().multiply_add(1 << 26, 1), std::out_of_range);
    CHECK_THROWS_AS(DspAccumulator().multiply_add(1, -(1 << 17) - 1), std::out_of_range);
    CHECK_THROWS_AS(Int8PairAccumulator().add(128, 0, 0), std::out_of_range);
    CHECK_THROWS_AS(FourProductAccumulator().add({16, 0}, {0, 0}), std::out_of_range);
    CHECK_THROWS_AS(e2m1_operand(16), std::out_of_range);
    CHECK(e2m1_operand(15) == -12);
}
