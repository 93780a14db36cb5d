// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <catch2/catch.hpp>

#include "models/kernels/exact_dot.hpp"
#include "models/kernels/four_bit_dot.hpp"
#include "tests/models/simd_targets.hpp"

using namespace tilewright::models;
using tilewright::test::for_every_simd_target;

namespace {

std::vector<std::uint8_t> random_codes(std::size_t count, int bits, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> result(count);
    for (auto& code : result) code = static_cast<std::uint8_t>(random() & ((1U << bits) - 1));
    return result;
}

}  // namespace

TEST_CASE("dot products over four-bit codes are the exact ones with every instruction set") {
    std::vector<NumberFormat> formats;
    for (const auto& format : number_formats()) {
        if (format.bits <= 4 && format.has_sign) formats.push_back(format);
    }
    CHECK(formats.size() == 12);  // int2 ... int4, e1m0 ... e1m2, e2m0, e2m1, e3m0, pot2 ... pot4
    std::size_t products = 0;
    for (const auto& a : formats) {
        for (const auto& b : formats) {
            const FourBitDot fast(a, b);
            const ExactDot exact(a, b);
            for (const std::size_t length : {0U, 1U, 15U, 16U, 64U, 100U, 1000U}) {
                const auto codes_a = random_codes(length, a.bits, 1);
                const auto codes_b = random_codes(length, b.bits, 2);
                const auto expected = exact.dot(std::vector<std::uint16_t>(codes_a.begin(), codes_a.end()),
                                                std::vector<std::uint16_t>(codes_b.begin(), codes_b.end()));
                for_every_simd_target([&](const std::string&) {
                    const auto sum = fast.dot(codes_a, codes_b);
                    const ExactNumber value{ExactNumber::Kind::finite, sum, fast.lsb_exponent()};
                    CAPTURE(a.name, b.name, length);
                    CHECK(value == expected);
                    products += length;
                });
            }
        }
    }
    WARN(products << " products of " << formats.size() << " formats of up to four bits agree");
}

TEST_CASE("long sums of the largest four-bit products do not overflow") {
    const FourBitDot dot(number_format("e3m0"), number_format("pot4"));
    const std::vector<std::uint8_t> most(200'000, 7);
    for_every_simd_target([&](const std::string&) { CHECK(dot.dot(most, most) == 200'000LL * 64 * 64); });
    const std::vector<std::uint8_t> wide = {16};
    CHECK_THROWS_AS(dot.dot(wide, wide), std::out_of_range);
    CHECK_THROWS_AS(dot.dot(most, wide), std::invalid_argument);
    CHECK_THROWS_AS(FourBitDot(number_format("e2m2"), number_format("e2m1")), std::invalid_argument);
    CHECK_THROWS_AS(FourBitDot(number_format("int4"), number_format("int8")), std::invalid_argument);
}
