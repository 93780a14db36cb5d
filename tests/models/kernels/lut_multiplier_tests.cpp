// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/kernels/lut_multiplier.hpp"
#include "tests/models/formats/reference.hpp"

using namespace tilewright::models;
using tilewright::test::ReferenceFormat;

TEST_CASE("all code pairs of all pairs of 4- and 6-bit formats multiply exactly") {
    std::vector<const NumberFormat*> formats;
    for (const auto& format : number_formats()) {
        if (format.bits == 4 || format.bits == 6) formats.push_back(&format);
    }
    // int4, e1m2, e2m1, e3m0, pot4; int6, e1m4, e2m3, e3m2, e4m1, e5m0, pot6
    REQUIRE(formats.size() == 12);
    std::size_t products = 0;
    std::size_t mismatches = 0;
    for (const auto* a : formats) {
        const auto left = *ReferenceFormat::of(std::string(a->name));
        for (const auto* b : formats) {
            const auto right = *ReferenceFormat::of(std::string(b->name));
            const LutMultiplier multiplier(*a, *b);
            mismatches += multiplier.lsb_exponent() == left.step_exponent + right.step_exponent ? 0 : 1;
            for (const auto& x : left.values) {
                for (const auto& y : right.values) {
                    mismatches += multiplier.units(x.code, y.code) == x.units * y.units ? 0 : 1;
                    ++products;
                }
            }
        }
    }
    CHECK(mismatches == 0);
    CHECK(products == (5 * 16 + 7 * 64) * (5 * 16 + 7 * 64));
    WARN(products << " pairs of codes of " << formats.size() << " formats multiplied, " << mismatches
                  << " mismatches");
}

TEST_CASE("a four-bit multiplier takes the published number of LUTs") {
    const auto luts = [](const char* a, const char* b) {
        return LutMultiplier(number_format(a), number_format(b)).lut6_count();
    };
    CHECK(luts("e2m1", "e2m1") == 8);
    CHECK(luts("e1m2", "e1m2") == 5);
    CHECK(luts("e1m2", "e2m1") == 6);
    CHECK(luts("e2m1", "e1m2") == 6);
    CHECK_FALSE(luts("e2m1", "e2m3"));
    CHECK_FALSE(luts("int4", "int4"));
    CHECK(LutMultiplier(number_format("e2m1"), number_format("e2m1")).magnitude_bits() == 8);
}

TEST_CASE("eight-bit products are exact, special codes included") {
    const LutMultiplier fp8(number_format("e4m3"), number_format("e5m2"));
    CHECK(to_decimal(fp8.product(0x7e, 0x7b)) == "25690112");
    CHECK(to_decimal(fp8.product(0x81, 0x01)) == "-0.0000000298023223876953125");
    CHECK(to_decimal(fp8.product(0x7f, 0)) == "nan");
    CHECK(to_decimal(fp8.product(0xb8, 0x7c)) == "-inf");
    const LutMultiplier integers(number_format("int8"), number_format("int8"));
    CHECK(integers.units(0x80, 0x80) == 16384);
    CHECK(integers.units(0x80, 0x7f) == -16256);
    CHECK_THROWS_AS(LutMultiplier(number_format("e7m0"), number_format("e7m0")), std::invalid_argument);
    CHECK_THROWS_AS(LutMultiplier(number_format("fp16"), number_format("e2m1")), std::invalid_argument);
}
