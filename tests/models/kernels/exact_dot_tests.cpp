// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>
#include <rapidcheck.h>
#include <rapidcheck/catch.h>

#include "models/kernels/exact_dot.hpp"
#include "tests/models/formats/reference.hpp"

using namespace tilewright::models;
using tilewright::test::Integer;
using tilewright::test::ReferenceFormat;

namespace {

// units * 2^exponent as a decimal, by long division of the fraction.
std::string reference_decimal(Integer units, int exponent) {
    const bool negative = units < 0;
    if (negative) units = -units;
    Integer whole = exponent >= 0 ? units << exponent : units >> -exponent;
    std::string digits;
    do {
        digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(whole % 10)));
        whole /= 10;
    } while (whole != 0);
    Integer rest = exponent >= 0 ? 0 : units - (units >> -exponent << -exponent);
    if (rest != 0) digits += '.';
    while (rest != 0) {
        rest *= 10;
        digits += static_cast<char>('0' + static_cast<int>(rest >> -exponent));
        rest -= rest >> -exponent << -exponent;
    }
    return (negative ? "-" : "") + digits;
}

std::vector<std::uint16_t> codes_below(std::size_t count, std::uint32_t limit, std::mt19937& random) {
    std::vector<std::uint16_t> codes(count);
    for (auto& code : codes) code = static_cast<std::uint16_t>(random() % limit);
    return codes;
}

}  // namespace

TEST_CASE("products and accumulators have the published widths") {
    struct Row {
        const char* a;
        const char* b;
        std::size_t distinct;
        int magnitude_bits, lsb, k128, k2560, k10576;
    };
    const Row row = GENERATE(values<Row>({{"e2m1", "e2m1", 19, 8, -2, 16, 20, 22},
                                          {"e1m2", "e1m2", 26, 6, -4, 14, 18, 20},
                                          {"e1m2", "e2m1", 30, 7, -3, 15, 19, 21},
                                          {"e3m0", "e3m0", 14, 13, -4, 21, 25, 27},
                                          {"e2m3", "e2m3", 222, 12, -6, 20, 25, 27},
                                          {"e3m2", "e3m2", 146, 18, -8, 26, 30, 32},
                                          {"e2m1", "e2m3", 83, 10, -4, 18, 22, 24},
                                          {"e2m1", "e3m2", 72, 13, -5, 21, 25, 27},
                                          {"e4m3", "e4m3", 1006, 36, -18, 44, 48, 50},
                                          {"int4", "int4", 26, 6, 0, 14, 18, 20},
                                          {"int8", "int8", 4647, 14, 0, 22, 27, 29}}));
    CAPTURE(row.a, row.b);
    const auto& a = number_format(row.a);
    const auto& b = number_format(row.b);
    const auto product = product_format(a, b);
    CHECK(product.magnitude_bits == row.magnitude_bits);
    CHECK(product.lsb_exponent == row.lsb);
    CHECK(accumulator_bits(a, b, 128) == row.k128);
    CHECK(accumulator_bits(a, b, 2560) == row.k2560);
    CHECK(accumulator_bits(a, b, 10576) == row.k10576);
    CHECK(accumulator_suffices(a, b, 2560, row.k2560));
    CHECK_FALSE(accumulator_suffices(a, b, 2560, row.k2560 - 1));
    std::set<double> magnitudes;
    for (const auto left : decode_table(a)) {
        for (const auto right : decode_table(b)) {
            if (std::isnan(left * right) || left < -largest_value(a) || right < -largest_value(b)) continue;
            magnitudes.insert(std::abs(left * right));
        }
    }
    CHECK(magnitudes.size() == row.distinct);
}

TEST_CASE("the published width holds the largest sum and one bit less does not") {
    for (const auto* name : {"e2m1", "e2m3", "e4m3", "int8"}) {
        const auto& format = number_format(name);
        const Codec codec(format);
        const std::vector<std::uint16_t> high(
            2560, static_cast<std::uint16_t>(*codec.encode(largest_value(format))));
        const std::vector<std::uint16_t> low(
            2560, static_cast<std::uint16_t>(*codec.encode(-largest_value(format))));
        const ExactDot dot(format, format);
        const auto bits = accumulator_bits(format, format, 2560);
        for (const auto& other : {high, low}) {
            for (const auto overflow : {AccumulatorOverflow::wrap, AccumulatorOverflow::saturate}) {
                const auto enough = dot.accumulate(high, other, bits, overflow);
                CHECK(enough.overflows == 0);
                CHECK(enough.value == dot.dot(high, other));
                const auto short_of = dot.accumulate(high, other, bits - 1, overflow);
                CHECK(short_of.overflows > 0);
                CHECK_FALSE(short_of.value == dot.dot(high, other));
            }
        }
    }
}

TEST_CASE("dot products of all pairs of formats equal sums of integers") {
    std::vector<std::pair<const NumberFormat*, ReferenceFormat>> operands;
    for (const auto& format : number_formats()) {
        const auto reference = ReferenceFormat::of(std::string(format.name));
        // Pairs of wider products go the slow way and are tested below.
        if (format.bits > 16 || !reference || reference->sorted.back().units > (Integer{1} << 40)) continue;
        operands.emplace_back(&format, *reference);
    }
    REQUIRE(operands.size() == 47);
    std::mt19937 random(1);
    std::size_t mismatches = 0;
    std::size_t dots = 0;
    for (const auto& [a, left] : operands) {
        for (const auto& [b, right] : operands) {
            const ExactDot dot(*a, *b);
            for (const std::size_t terms : {0, 1, 7, 129}) {
                auto codes_a = codes_below(terms, 1U << a->bits, random);
                auto codes_b = codes_below(terms, 1U << b->bits, random);
                Integer sum = 0;
                for (std::size_t i = 0; i < terms; ++i) {
                    if (!left.values[codes_a[i]].finite) codes_a[i] = 0;
                    if (!right.values[codes_b[i]].finite) codes_b[i] = 0;
                    sum += left.values[codes_a[i]].units * right.values[codes_b[i]].units;
                }
                const auto expected = reference_decimal(sum, left.step_exponent + right.step_exponent);
                mismatches += to_decimal(dot.dot(codes_a, codes_b)) == expected ? 0 : 1;
                ++dots;
            }
        }
    }
    CHECK(mismatches == 0);
    CHECK(dots == 47 * 47 * 4);
    WARN(dots << " dot products of " << operands.size() << " formats, " << mismatches << " mismatches");
}

TEST_CASE("narrow accumulators wrap and saturate like integers") {
    const ExactDot dot(number_format("int8"), number_format("int8"));
    rc::prop("wrap is the exact sum modulo 2^bits, saturate stops at the limits", [&] {
        const auto terms = *rc::gen::container<std::vector<std::pair<std::int8_t, std::int8_t>>>(
            rc::gen::arbitrary<std::pair<std::int8_t, std::int8_t>>());
        const auto bits = *rc::gen::inRange(8, 24);
        std::vector<std::uint16_t> a;
        std::vector<std::uint16_t> b;
        const std::int64_t limit = std::int64_t{1} << (bits - 1);
        std::int64_t exact = 0;
        std::int64_t clamped = 0;
        for (const auto& [x, y] : terms) {
            a.push_back(static_cast<std::uint8_t>(x));
            b.push_back(static_cast<std::uint8_t>(y));
            exact += x * y;
            clamped = std::clamp<std::int64_t>(clamped + x * y, -limit, limit - 1);
        }
        auto wrapped = ((exact % (2 * limit)) + 2 * limit) % (2 * limit);
        if (wrapped >= limit) wrapped -= 2 * limit;
        RC_ASSERT(to_decimal(dot.dot(a, b)) == std::to_string(exact));
        RC_ASSERT(to_decimal(dot.accumulate(a, b, bits, AccumulatorOverflow::wrap).value) ==
                  std::to_string(wrapped));
        RC_ASSERT(to_decimal(dot.accumulate(a, b, bits, AccumulatorOverflow::saturate).value) ==
                  std::to_string(clamped));
    });
}

TEST_CASE("an accumulator ends exactly at its limits") {
    const ExactDot dot(number_format("int8"), number_format("int8"));
    const auto sum = [&](std::vector<std::uint16_t> a, AccumulatorOverflow overflow) {
        const std::vector<std::uint16_t> ones(a.size(), 1);
        const auto result = dot.accumulate(a, ones, 8, overflow);
        return to_decimal(result.value) + (result.overflows > 0 ? " after overflow" : "");
    };
    for (const auto overflow : {AccumulatorOverflow::wrap, AccumulatorOverflow::saturate}) {
        CHECK(sum({64, 63}, overflow) == "127");
        CHECK(sum({0x80}, overflow) == "-128");
    }
    CHECK(sum({64, 64}, AccumulatorOverflow::wrap) == "-128 after overflow");
    CHECK(sum({0x80, 0xff}, AccumulatorOverflow::wrap) == "127 after overflow");
    CHECK(sum({64, 64, 0xff}, AccumulatorOverflow::wrap) == "127 after overflow");
    CHECK(sum({64, 64, 0xff}, AccumulatorOverflow::saturate) == "126 after overflow");
}

TEST_CASE("formats of any range are summed without rounding") {
    const auto& bf16 = number_format("bf16");
    const ExactDot dot(bf16, bf16);
    // 2^127 * 2^127 + 2^-133 * 2^-133 - 2^127 * 2^127
    const std::vector<std::uint16_t> a = {0x7f00, 0x0001, 0xff00};
    const std::vector<std::uint16_t> b = {0x7f00, 0x0001, 0x7f00};
    const auto sum = dot.dot(a, b);
    CHECK(sum.units == 1);
    CHECK(sum.exponent == -266);
    CHECK_THAT(to_decimal(sum), Catch::StartsWith("0.000000") && Catch::EndsWith("625"));
    const ExactDot scales(number_format("e8m0"), number_format("e7m0"));
    CHECK(to_decimal(scales.dot(std::vector<std::uint16_t>{127, 128},
                                std::vector<std::uint16_t>{63, 64 + 63})) == "36893488147419103233");
}

TEST_CASE("infinity and NaN follow IEEE 754") {
    const ExactDot dot(number_format("e5m2"), number_format("e5m2"));
    const auto decimal = [&](std::vector<std::uint16_t> a, std::vector<std::uint16_t> b) {
        return to_decimal(dot.dot(a, b));
    };
    CHECK(decimal({0x7c}, {0x3c}) == "inf");
    CHECK(decimal({0x7c}, {0xbc}) == "-inf");
    CHECK(decimal({0x7c}, {0}) == "nan");
    CHECK(decimal({0x7c, 0x7c}, {0x3c, 0xbc}) == "nan");
    CHECK(decimal({0x7d}, {0x3c}) == "nan");
    CHECK(decimal({}, {}) == "0");
    CHECK_THROWS_AS(decimal({1}, {}), std::invalid_argument);
    CHECK_THROWS_AS(decimal({256}, {0}), std::out_of_range);
    const std::vector<std::uint16_t> infinite = {0x7c};
    CHECK_THROWS_AS(dot.accumulate(infinite, infinite, 32, AccumulatorOverflow::wrap), std::invalid_argument);
    CHECK_THROWS_AS(dot.accumulate({}, {}, 121, AccumulatorOverflow::wrap), std::invalid_argument);
}
