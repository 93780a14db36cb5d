// SPDX-License-Identifier: Apache-2.0
// The quantizer of comparators gives the codes of the format library, for every binary16 input.
#include <bit>
#include <cmath>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "models/kernels/group_quantizer.hpp"
#include "models/kernels/threshold_quantizer.hpp"

using namespace tilewright::models;

namespace {

constexpr const char* formats[] = {"e2m1", "e1m2", "e3m0", "e2m3", "e3m2", "int4", "int6", "int8"};
constexpr TieRule rules[] = {TieRule::to_even, TieRule::half_away, TieRule::half_up, TieRule::half_down};

Codec reference(const char* format, TieRule ties) {
    return Codec(number_format(format), {ties, Overflow::saturate, IntegerRange::symmetric});
}

}  // namespace

TEST_CASE(
    "comparing with scaled thresholds is dividing and rounding: all of binary16, powers of two as scales") {
    const auto inputs = decode_table(number_format("fp16"));
    for (const auto* format : formats) {
        for (const auto ties : rules) {
            const ThresholdQuantizer quantizer(number_format(format), ties);
            const auto codec = reference(format, ties);
            for (const float scale : {1.0F, 0.125F, 64.0F}) {
                const auto thresholds = quantizer.scaled(scale);
                std::int64_t different = 0;
                for (const auto x : inputs) {
                    if (std::isnan(x)) continue;
                    // The quotient is exact.
                    const auto expected = codec.encode(x / static_cast<double>(scale));
                    different += quantizer.encode(static_cast<float>(x), thresholds) == expected ? 0 : 1;
                }
                INFO(format << ", scale " << scale);
                CHECK(different == 0);
            }
        }
    }
}

TEST_CASE("at a threshold times any scale the tie rule decides, one step beside it does not") {
    CHECK(rc::check("ties of scaled thresholds", [] {
        const auto scale = std::abs(*rc::gen::arbitrary<float>());
        RC_PRE(std::isfinite(scale) && scale > 1e-30F && scale < 1e30F);
        const auto* format =
            *rc::gen::elementOf(std::vector<const char*>(std::begin(formats), std::end(formats)));
        const auto ties = *rc::gen::elementOf(std::vector<TieRule>(std::begin(rules), std::end(rules)));
        const ThresholdQuantizer quantizer(number_format(format), ties);
        const auto codec = reference(format, ties);
        const auto thresholds = quantizer.scaled(scale);
        const auto plain = quantizer.scaled(1);
        for (std::size_t i = 0; i < thresholds.size(); ++i) {
            const auto near = static_cast<float>(thresholds[i]);
            for (const auto x : {std::nextafter(near, -INFINITY), near, std::nextafter(near, INFINITY)}) {
                // Exact comparison of x with threshold times scale stands for the quotient's side.
                const auto side = static_cast<double>(x) - thresholds[i];
                const auto quotient = side == 0  ? plain[i]
                                      : side < 0 ? std::nextafter(plain[i], -INFINITY)
                                                 : std::nextafter(plain[i], INFINITY);
                RC_ASSERT(quantizer.encode(x, thresholds) == codec.encode(quotient).value());
            }
        }
    }));
}

TEST_CASE("codes are those that the kernels' quantizer finds by division, scales and all") {
    CHECK(rc::check("groups of any numbers", [] {
        const auto* name =
            *rc::gen::elementOf(std::vector<const char*>(std::begin(formats), std::end(formats)));
        const auto ties = *rc::gen::elementOf(std::vector<TieRule>(std::begin(rules), std::end(rules)));
        const auto& format = number_format(name);
        const GroupQuantizer division({format, 16, ScaleKind::floating_point, 32, 0}, ties);
        const ThresholdQuantizer comparison(format, ties);
        std::vector<double> group;
        for (const auto x : *rc::gen::container<std::vector<int>>(16, rc::gen::inRange(-4096, 4097))) {
            group.push_back(static_cast<float>(x) / 512.0F * 1.1F);
        }
        std::vector<std::uint16_t> codes(16);
        std::vector<double> scale(1);
        division.encode(group, codes, scale);
        RC_PRE(scale[0] > 0);
        const auto thresholds = comparison.scaled(static_cast<float>(scale[0]));
        const auto values = decode_table(format);
        for (std::size_t i = 0; i < group.size(); ++i) {
            // Which of the two zeros is the quantizers' own business.
            const auto code = comparison.encode(static_cast<float>(group[i]), thresholds);
            RC_ASSERT(values[code] == values[codes[i]]);
        }
    }));
}

TEST_CASE("elements beyond the format saturate, and comparisons are as many as magnitude bits") {
    const ThresholdQuantizer quantizer(number_format("e2m1"), TieRule::to_even);
    const auto thresholds = quantizer.scaled(2);
    const auto codec = reference("e2m1", TieRule::to_even);
    CHECK(codec.decode(quantizer.encode(1e30F, thresholds)) == 6);
    CHECK(codec.decode(quantizer.encode(-INFINITY, thresholds)) == -6);
    CHECK(quantizer.comparisons() == 4);  // 14 thresholds between 15 values
    CHECK_THROWS_AS(ThresholdQuantizer(number_format("fp16"), TieRule::to_even), std::invalid_argument);
}
