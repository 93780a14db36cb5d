// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <random>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "models/kernels/group_quantizer.hpp"
#include "quantizations.hpp"

using namespace tilewright::models;
using tilewright::test::quantization;

namespace {

// Finite values of a format that a quantizer may give, in increasing order.
std::vector<double> results_of(const NumberFormat& format) {
    auto values = decode_table(format);
    std::erase_if(values, [](double value) { return !std::isfinite(value); });
    std::sort(values.begin(), values.end());
    if (format.family == FormatFamily::integer) values.erase(values.begin());  // -2^(bits - 1)
    return values;
}

// By search among all results, instead of arithmetic.
double nearest(const std::vector<double>& results, double number, TieRule ties) {
    double best = results.front();
    for (const auto value : results) {
        const auto ours = std::abs(value - number);
        const auto theirs = std::abs(best - number);
        if (ours > theirs || value == best) continue;
        const bool tie_up = ties == TieRule::half_up || (ties == TieRule::half_away && number > 0);
        if (ours < theirs || tie_up) best = value;
    }
    return best;
}

}  // namespace

TEST_CASE("groups with power-of-two scales take the smallest scale that does not clip, within its bits") {
    std::mt19937_64 random(7);
    std::student_t_distribution<double> tails(3);
    for (const auto* name : {"int4", "int8", "e2m1", "e2m3"}) {
        for (const auto ties : {TieRule::half_up, TieRule::half_away, TieRule::half_down}) {
            const auto q = quantization(name, 8, ScaleKind::power_of_two, 4, -9);
            const GroupQuantizer quantizer(q, ties);
            const auto results = results_of(q.format);
            for (int trial = 0; trial < 500; ++trial) {
                std::vector<double> numbers(16);
                // Many multiples of a quarter, so that ties are common.
                for (auto& number : numbers) {
                    number =
                        std::round(tails(random) * 64) / 64 * std::exp2(static_cast<double>(trial % 20) - 12);
                }
                auto rounded = numbers;
                std::vector<int> exponents(2);
                quantizer.round(rounded, exponents);
                for (std::size_t g = 0; g < 2; ++g) {
                    double absmax = 0;
                    for (std::size_t i = 8 * g; i < 8 * g + 8; ++i)
                        absmax = std::max(absmax, std::abs(numbers[i]));
                    int exponent = -9;
                    while (exponent < 6 && std::ldexp(results.back(), exponent) < absmax) ++exponent;
                    CHECK(exponents[g] == exponent + unit_exponent(q.format));
                    for (std::size_t i = 8 * g; i < 8 * g + 8; ++i) {
                        const auto expected =
                            std::ldexp(nearest(results, std::ldexp(numbers[i], -exponent), ties), exponent);
                        CHECK(rounded[i] == expected);
                    }
                }
            }
        }
    }
}

TEST_CASE("floating-point scales are fp16 numbers") {
    const GroupQuantizer quantizer(quantization("int4", 4, ScaleKind::floating_point, 16), TieRule::to_even);
    std::vector<double> values = {0.1, -0.35, 0.7, 0.2};
    std::vector<std::uint16_t> codes(4);
    std::vector<double> scales(1);
    quantizer.encode(values, codes, scales);
    // 0.7 / 7 = 0.1: the nearest fp16 is 0x2e66, 0.0999755859375.
    CHECK(scales[0] == 0.0999755859375);
    CHECK(codes == std::vector<std::uint16_t>{1, 0xc, 7, 2});  // -0.35 / scale = -3.5009
    quantizer.round(values);
    CHECK(values[2] == 7 * 0.0999755859375);
    std::vector<double> zeros(4);
    quantizer.encode(zeros, codes, scales);
    CHECK(scales[0] == 0);
    CHECK(codes == std::vector<std::uint16_t>{0, 0, 0, 0});
}

TEST_CASE("packed bytes hold what was rounded, in the recipe's size") {
    std::mt19937_64 random(11);
    std::normal_distribution<double> normal;
    for (const auto& q :
         {quantization("int8", 8, ScaleKind::power_of_two, 4, -15),
          quantization("int4", 16, ScaleKind::power_of_two, 8),
          quantization("e2m1", 32, ScaleKind::floating_point, 16),
          quantization("e2m3", 8, ScaleKind::floating_point, 32), quantization("fp16", 0, ScaleKind::none, 0),
          quantization("fp32", 0, ScaleKind::none, 0), quantization("int32", 0, ScaleKind::none, 0)}) {
        const GroupQuantizer quantizer(q, TieRule::half_up);
        std::vector<double> values(200);
        for (auto& value : values) value = normal(random) * (q.format.name == "int32" ? 1e6 : 1);
        std::vector<int> exponents(quantizer.groups(values.size()));
        const bool shifts = q.scale_kind == ScaleKind::power_of_two;
        quantizer.round(values, shifts ? std::span<int>(exponents) : std::span<int>());
        const auto bytes = quantizer.pack(values, shifts ? exponents : std::vector<int>());
        CHECK(static_cast<std::int64_t>(bytes.size()) == stored_bytes(q, 200));
        std::vector<int> unpacked_exponents(exponents.size());
        INFO(q.format.name);
        CHECK(quantizer.unpack(bytes, values.size(), unpacked_exponents) == values);
        if (shifts) CHECK(unpacked_exponents == exponents);
        // What is rounded stays as it is.
        auto again = values;
        quantizer.round(again);
        CHECK(again == values);
    }
}

TEST_CASE("whatever was rounded is what packed bytes hold, however few bits its scale has") {
    const std::vector<std::string> formats = {"int4", "int8", "int12", "e2m1", "e4m3", "bf16"};
    CHECK(rc::check("round, pack, unpack", [&] {
        const auto format = *rc::gen::elementOf(formats);
        const auto scale_bits = *rc::gen::element(16, 32);
        const auto group = *rc::gen::element(4, 16, 64);
        // Down to where scales of fp16 are subnormal or nothing.
        const auto size = std::ldexp(1.0, *rc::gen::inRange(-40, 10));
        const auto q = quantization(format.c_str(), group, ScaleKind::floating_point, scale_bits);
        const GroupQuantizer quantizer(q, TieRule::to_even);
        std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
        std::normal_distribution<double> normal;
        std::vector<double> values(100);
        for (auto& value : values) value = size * normal(random);
        quantizer.round(values);
        RC_ASSERT(quantizer.unpack(quantizer.pack(values), values.size()) == values);
    }));
}

TEST_CASE("fixed point rounds by rule and saturates") {
    CHECK(round_to_fixed_point(2.5, 0, 8, TieRule::half_up) == 3);
    CHECK(round_to_fixed_point(-2.5, 0, 8, TieRule::half_up) == -2);
    CHECK(round_to_fixed_point(-2.5, 0, 8, TieRule::half_away) == -3);
    CHECK(round_to_fixed_point(2.5, 0, 8, TieRule::half_down) == 2);
    CHECK(round_to_fixed_point(2.5, 0, 8, TieRule::to_even) == 2);
    CHECK(round_to_fixed_point(0.49999999999999994, 0, 8, TieRule::half_up) == 0);
    CHECK(round_to_fixed_point(200, 0, 8, TieRule::half_up) == 127);
    CHECK(round_to_fixed_point(-1e9, -3, 8, TieRule::half_up) == -127.0 / 8);
    CHECK_FALSE(std::signbit(round_to_fixed_point(-0.1, 0, 8, TieRule::to_even)));
    std::vector<double> bad = {0, std::nan("")};
    CHECK_THROWS_AS(
        GroupQuantizer(quantization("int8", 8, ScaleKind::power_of_two, 4), TieRule::half_up).round(bad),
        std::invalid_argument);
}
