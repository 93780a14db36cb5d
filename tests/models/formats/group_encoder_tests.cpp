// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "models/formats/group_encoder.hpp"
#include "tests/models/simd_targets.hpp"

using namespace tilewright::models;
using tilewright::test::for_every_simd_target;

namespace {

constexpr std::size_t group_sizes[] = {1, 3, 4, 8, 17, 32, 48, 128};

// Numbers whose quotients are hard to round when the first of a group makes its scale 1 or a power of two:
// values, midpoints and their neighbours, tiny ones, and any bits.
std::vector<float> hard_numbers(const NumberFormat& format, std::size_t group, std::size_t count,
                                unsigned seed) {
    std::mt19937 random(seed);
    std::vector<double> levels;
    for (const auto value : decode_table(format)) {
        if (std::abs(value) <= largest_value(format)) levels.push_back(value);
    }
    std::sort(levels.begin(), levels.end());
    std::vector<float> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto place = random() % (levels.size() - 1);
        const auto middle = static_cast<float>(levels[place] / 2 + levels[place + 1] / 2);
        switch (random() % 8) {
            case 0:
            case 1:
                numbers[i] = middle;
                break;
            case 2:
                numbers[i] = std::nextafter(middle, random() % 2 == 0 ? 3e38F : -3e38F);
                break;
            case 3:
                numbers[i] = static_cast<float>(levels[place]);
                break;
            case 4:
                numbers[i] = random() % 2 == 0 ? 0.0F : -0.0F;
                break;
            case 5:
                numbers[i] = std::ldexp(middle, -static_cast<int>(random() % 140));
                break;
            case 6:
                numbers[i] = static_cast<float>(random() % 2000) / 1000 - 1;
                break;
            default:
                numbers[i] = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
                // Most groups without NaN, infinity and huge numbers.
                if (random() % 64 != 0 && !(std::abs(numbers[i]) < 1e6F)) numbers[i] = 0.25F;
        }
        if (i % group == 0 && i / group % 2 == 0) numbers[i] = static_cast<float>(largest_value(format));
    }
    return numbers;
}

// Element by element through Codec, whose table knows nothing of bits of f32.
struct Expected {
    std::vector<std::uint16_t> codes;
    SpecialCounts counts;
};
Expected expected_codes(const std::vector<float>& values, const NumberFormat& format,
                        const GroupScaling& scaling, const std::vector<float>& scales) {
    const Codec codec(format, {scaling.ties, Overflow::saturate, IntegerRange::symmetric});
    Expected result;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto scale = scales[i / scaling.group];
        result.counts.nan_count += std::isnan(values[i]) ? 1 : 0;
        result.counts.infinite_count += std::isinf(values[i]) ? 1 : 0;
        const auto quotient = scale == 0 ? values[i] : values[i] / scale;
        const auto code = std::isnan(scale) ? 0 : codec.encode(quotient).value_or(0);
        result.codes.push_back(static_cast<std::uint16_t>(code));
    }
    return result;
}

}  // namespace

TEST_CASE("codes of groups are those of single conversions with every instruction set") {
    std::size_t compared = 0;
    std::size_t mismatches = 0;
    std::size_t formats = 0;
    for (const auto& format : number_formats()) {
        if (format.bits > 16 || !format.has_sign) continue;
        ++formats;
        for (const auto ties : {TieRule::to_even, TieRule::half_away, TieRule::half_up, TieRule::half_down}) {
            for (const auto rule : {ScaleRule::absmax, ScaleRule::power_of_two, ScaleRule::mx}) {
                const auto group = group_sizes[(formats + static_cast<std::size_t>(rule)) % 8];
                const GroupScaling scaling{group, rule, MxScaleMode::floor, ties};
                const GroupEncoder encoder(format, scaling);
                const auto values = hard_numbers(format, group, 1000, static_cast<unsigned>(formats));
                std::vector<std::uint16_t> codes(values.size());
                std::vector<float> scales(encoder.groups(values.size()));
                Expected expected;
                for_every_simd_target([&](const std::string&) {
                    const auto counts = encoder.encode(values, codes, scales);
                    if (expected.codes.empty()) expected = expected_codes(values, format, scaling, scales);
                    CHECK(counts.nan_count == expected.counts.nan_count);
                    CHECK(counts.infinite_count == expected.counts.infinite_count);
                    for (std::size_t i = 0; i < codes.size(); ++i)
                        mismatches += codes[i] == expected.codes[i] ? 0 : 1;
                    compared += codes.size();
                });
                CAPTURE(format.name, static_cast<int>(ties), static_cast<int>(rule), group);
                REQUIRE(mismatches == 0);
            }
        }
    }
    CHECK(formats == 53);
    WARN(compared << " codes of " << formats << " formats compared, " << mismatches << " mismatches");
}

TEST_CASE("units of groups are the values of their codes in steps") {
    std::size_t formats = 0;
    for (const auto& format : number_formats()) {
        if (format.bits > 16 || !format.has_sign) continue;
        for (const auto ties : {TieRule::to_even, TieRule::half_up}) {
            const GroupScaling scaling{32, ScaleRule::absmax, MxScaleMode::floor, ties};
            const GroupEncoder encoder(format, scaling);
            const auto values = hard_numbers(format, 32, 1000, 5);
            std::vector<std::uint16_t> codes(values.size());
            std::vector<std::int8_t> units(values.size());
            std::vector<float> scales(encoder.groups(values.size()));
            if (!encoder.units_fit()) {
                CHECK_THROWS_AS(encoder.encode_units(values, units, scales), std::invalid_argument);
                continue;
            }
            formats += ties == TieRule::to_even ? 1 : 0;
            encoder.encode(values, codes, scales);
            for_every_simd_target([&](const std::string&) {
                encoder.encode_units(values, units, scales);
                std::size_t mismatches = 0;
                for (std::size_t i = 0; i < codes.size(); ++i) {
                    const auto steps = std::ldexp(decode(format, codes[i]), -unit_exponent(format));
                    mismatches += units[i] == steps || std::isnan(steps) ? 0 : 1;
                }
                CAPTURE(format.name);
                CHECK(mismatches == 0);
            });
        }
    }
    CHECK(formats == 24);  // int2 ... int8, mxint8, e1m0 ... e1m6, e2m0 ... e2m4, e3m0, pot2 ... pot4
}

TEST_CASE("a group encoder refuses what does not fit") {
    const GroupEncoder encoder(number_format("e2m1"), {32});
    const std::vector<float> values(40);
    std::vector<std::uint16_t> codes(40);
    std::vector<float> scales(2);
    CHECK(encoder.groups(40) == 2);
    CHECK_NOTHROW(encoder.encode(values, codes, scales));
    CHECK_THROWS_AS(encoder.encode(values, std::span(codes).first(39), scales), std::invalid_argument);
    CHECK_THROWS_AS(encoder.encode(values, codes, std::span(scales).first(1)), std::invalid_argument);
    CHECK_THROWS_AS(GroupEncoder(number_format("e2m1"), {0}), std::invalid_argument);
    CHECK_THROWS_AS(GroupEncoder(number_format("e8m0"), {32}), std::invalid_argument);
    CHECK_THROWS_AS(GroupEncoder(number_format("fp32"), {32}), std::invalid_argument);
}

TEST_CASE("MX blocks have the scale of their mode and the nearest elements") {
    struct Row {
        const char* format;
        int largest_exponent;
        int mantissa_bits;
        double largest;
    };
    // OCP MX v1.0, sections 5.3 and 6.3; mxint8 has six bits behind the leading one.
    const Row row = GENERATE(values<Row>({{"e2m1", 2, 1, 6},
                                          {"e2m3", 2, 3, 7.5},
                                          {"e3m2", 4, 2, 28},
                                          {"e4m3", 8, 3, 448},
                                          {"e5m2", 15, 2, 57344},
                                          {"mxint8", 0, 6, 127.0 / 64}}));
    const auto mode = GENERATE(MxScaleMode::floor, MxScaleMode::ceil, MxScaleMode::even, MxScaleMode::rceil);
    CAPTURE(row.format, static_cast<int>(mode));
    const auto& format = number_format(row.format);
    auto levels = decode_table(format);
    std::erase_if(levels, [&](double value) { return !(std::abs(value) <= row.largest); });
    const auto expected_exponent = [&](double absmax) {
        const auto covering = [](double amount) {
            int exponent = -200;
            while (std::ldexp(1.0, exponent) < amount) ++exponent;
            return exponent;
        };
        switch (mode) {
            case MxScaleMode::floor:
                return std::ilogb(absmax) - row.largest_exponent;
            case MxScaleMode::ceil:
                return covering(absmax) - row.largest_exponent;
            case MxScaleMode::even: {
                const auto step = std::ldexp(1.0, std::ilogb(absmax) - row.mantissa_bits);
                return std::ilogb(std::floor(absmax / step + 0.5) * step) - row.largest_exponent;
            }
            case MxScaleMode::rceil:
                break;
        }
        // absmax / largest may round; the products do not.
        auto exponent = covering(absmax) - row.largest_exponent - 2;
        while (std::ldexp(row.largest, exponent) < absmax) ++exponent;
        return exponent;
    };
    const GroupEncoder encoder(format, {32, ScaleRule::mx, mode});
    std::mt19937 random(3);
    std::vector<float> block(32);
    std::vector<std::uint16_t> codes(32);
    std::vector<float> scales(1);
    std::size_t wrong_scales = 0;
    std::size_t not_nearest = 0;
    constexpr int blocks = 2000;
    for (int i = 0; i < blocks; ++i) {
        const auto binade = static_cast<int>(random() % 200) - 100;
        float absmax = 0;
        for (auto& value : block) {
            value = std::ldexp(static_cast<float>(random() % 20001) / 10000 - 1, binade);
            absmax = std::max(absmax, std::abs(value));
        }
        encoder.encode(block, codes, scales);
        wrong_scales += scales[0] == std::ldexp(1.0F, expected_exponent(absmax)) ? 0 : 1;
        for (std::size_t j = 0; j < block.size(); ++j) {
            const auto exact = std::clamp(double{block[j]} / double{scales[0]}, -row.largest, row.largest);
            const auto error = std::abs(decode(format, codes[j]) - exact);
            const bool nearest = std::none_of(levels.begin(), levels.end(), [&](double candidate) {
                return std::abs(candidate - exact) < error;
            });
            not_nearest += nearest ? 0 : 1;
        }
    }
    CHECK(wrong_scales == 0);
    CHECK(not_nearest == 0);
    WARN(blocks << " MX blocks of " << row.format << ", mode " << static_cast<int>(mode) << ": "
                << wrong_scales << " scales and " << not_nearest << " elements wrong");
}
