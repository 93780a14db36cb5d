// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "models/formats/quantize.hpp"
#include "tests/models/formats/reference.hpp"

using namespace tilewright::models;
using tilewright::test::ReferenceFormat;

namespace {

std::vector<float> gaussian(std::size_t count, unsigned seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> result(count);
    std::generate(result.begin(), result.end(), [&] { return normal(random); });
    return result;
}

// 10 log10(sum x^2 / sum (x - q)^2)
double sqnr_db(std::span<const float> exact, std::span<const float> quantized) {
    double signal = 0;
    double noise = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const auto error = static_cast<double>(exact[i]) - static_cast<double>(quantized[i]);
        signal += static_cast<double>(exact[i]) * static_cast<double>(exact[i]);
        noise += error * error;
    }
    return 10 * std::log10(signal / noise);
}

}  // namespace

TEST_CASE("Gaussian data quantize with the expected noise") {
    struct Row {
        const char* format;
        double expected_db[3];  // groups of 32, 64, 128
    };
    const Row rows[] = {{"e2m1", {19.90, 19.52, 19.26}}, {"e1m2", {20.27, 19.37, 18.62}},
                        {"int4", {20.27, 19.37, 18.62}}, {"e3m0", {14.86, 14.51, 14.31}},
                        {"e2m3", {32.30, 31.85, 31.55}}, {"e3m2", {26.39, 26.01, 25.79}},
                        {"e4m3", {32.40, 32.02, 31.80}}, {"int8", {45.45, 44.54, 43.80}}};
    const auto samples = gaussian(1 << 20, 7);
    std::string summary = "SQNR in dB, groups of 32, 64, 128:";
    for (const auto& row : rows) {
        const auto& format = number_format(row.format);
        summary += std::string("\n") + row.format;
        for (std::size_t i = 0; i < 3; ++i) {
            GroupScaling scaling;
            scaling.group = std::size_t{32} << i;
            const auto quantized = quantize_groups(samples, format, scaling);
            CAPTURE(row.format, scaling.group);
            const auto db = sqnr_db(samples, dequantize_groups(quantized, format, scaling.group));
            CHECK(db == Approx(row.expected_db[i]).margin(0.05));
            summary += " " + std::to_string(db).substr(0, 5);
        }
    }
    WARN(summary);
}

TEST_CASE("every element takes the code nearest to its quotient") {
    const auto* const name = GENERATE("e2m1", "e1m2", "e3m0", "e2m3", "e3m2", "e4m3", "e5m2", "mxint8",
                                      "int4", "int8", "int12", "pot4", "e2m2", "fp16");
    const auto rule = GENERATE(ScaleRule::absmax, ScaleRule::power_of_two, ScaleRule::mx);
    const auto ties = GENERATE(TieRule::to_even, TieRule::half_away, TieRule::half_up, TieRule::half_down);
    CAPTURE(name, static_cast<int>(rule), static_cast<int>(ties));
    auto samples = gaussian(4000, 11);
    // Quarters make ties; the group of 48 does not divide the number of samples.
    for (std::size_t i = 0; i < samples.size(); i += 2) samples[i] = std::round(samples[i] * 4) / 4;
    const auto reference = *ReferenceFormat::of(name);
    const auto& format = number_format(name);
    GroupScaling scaling;
    scaling.group = 48;
    scaling.rule = rule;
    scaling.ties = ties;
    const auto quantized = quantize_groups(samples, format, scaling);
    REQUIRE(quantized.codes.size() == samples.size());
    REQUIRE(quantized.scales.size() == (samples.size() + 47) / 48);
    std::size_t mismatches = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto quotient = samples[i] / quantized.scales[i / 48];
        mismatches += reference.nearest(quotient, ties, true) == quantized.codes[i] ? 0 : 1;
    }
    CHECK(mismatches == 0);
}

TEST_CASE("quantization agrees with conversion at every midpoint and next to it") {
    std::size_t formats = 0;
    for (const auto& format : number_formats()) {
        if (format.bits > 8 || !format.has_sign) continue;
        ++formats;
        auto levels = decode_table(format);
        std::erase_if(levels, [&](double value) { return !(std::abs(value) <= largest_value(format)); });
        std::sort(levels.begin(), levels.end());
        // The first element makes the scale 1.
        std::vector<float> numbers = {static_cast<float>(largest_value(format))};
        for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
            const auto middle = static_cast<float>(levels[i] / 2 + levels[i + 1] / 2);
            for (const auto number : {middle, std::nextafter(middle, -3e38F), std::nextafter(middle, 3e38F)})
                numbers.push_back(number);
        }
        for (const auto ties : {TieRule::to_even, TieRule::half_away, TieRule::half_up, TieRule::half_down}) {
            const Codec codec(format, {ties, Overflow::saturate, IntegerRange::symmetric});
            GroupScaling scaling;
            scaling.group = numbers.size();
            scaling.ties = ties;
            const auto quantized = quantize_groups(numbers, format, scaling);
            REQUIRE(quantized.scales.at(0) == 1);
            std::size_t mismatches = 0;
            for (std::size_t i = 0; i < numbers.size(); ++i)
                mismatches += codec.encode(numbers[i]) == quantized.codes[i] ? 0 : 1;
            CAPTURE(format.name);
            CHECK(mismatches == 0);
        }
    }
    CHECK(formats == 43);
}

TEST_CASE("scales follow their rules") {
    const std::vector<float> values = {0.5F, -6.5F, 1, 3};
    const auto& e2m1 = number_format("e2m1");
    const auto scale_of = [&](ScaleRule rule, MxScaleMode mode = MxScaleMode::floor) {
        return quantize_groups(values, e2m1, {4, rule, mode, TieRule::to_even}).scales.at(0);
    };
    CHECK(scale_of(ScaleRule::absmax) == 6.5F / 6);
    CHECK(scale_of(ScaleRule::power_of_two) == 2);
    CHECK(scale_of(ScaleRule::mx) == 1);  // floor(log2 6.5) - 2
    CHECK(scale_of(ScaleRule::mx, MxScaleMode::ceil) == 2);
    CHECK(scale_of(ScaleRule::mx, MxScaleMode::rceil) == 2);
    CHECK(scale_of(ScaleRule::mx, MxScaleMode::even) == 1);  // 6.5 rounds to 6
    const auto mx = quantize_groups(values, e2m1, {4, ScaleRule::mx});
    CHECK(mx.scale_codes == std::vector<std::uint8_t>{127});
    CHECK(mx.codes == std::vector<std::uint16_t>{1, 15, 2, 5});  // -6.5 saturates
}

TEST_CASE("MX scale exponents of all modes") {
    struct Row {
        const char* format;
        float absmax;
        int floor, ceil, even, rceil;
    };
    const Row row = GENERATE(values<Row>({{"e2m1", 6, 0, 1, 0, 0},
                                          {"e2m1", 4, 0, 0, 0, 0},
                                          {"e2m1", 7, 0, 1, 1, 1},  // 7 is a tie to 8
                                          {"e2m1", 6.99F, 0, 1, 0, 1},
                                          {"e2m3", 7.5F, 0, 1, 0, 0},
                                          {"e2m3", 7.75F, 0, 1, 1, 1},
                                          {"e3m2", 28, 0, 1, 0, 0},
                                          {"e3m2", 30, 0, 1, 1, 1},
                                          {"e4m3", 448, 0, 1, 0, 0},
                                          {"e4m3", 500, 0, 1, 1, 1},
                                          {"e5m2", 57344, 0, 1, 0, 0},
                                          {"mxint8", 127.0F / 64, 0, 1, 0, 0},
                                          {"mxint8", 1.995F, 0, 1, 1, 1},
                                          {"e2m1", 1e-45F, -127, -127, -127, -127},
                                          {"e2m1", 3e38F, 125, 126, 126, 126}}));
    CAPTURE(row.format, row.absmax);
    const auto& format = number_format(row.format);
    CHECK(mx_scale_exponent(format, row.absmax, MxScaleMode::floor) == row.floor);
    CHECK(mx_scale_exponent(format, row.absmax, MxScaleMode::ceil) == row.ceil);
    CHECK(mx_scale_exponent(format, row.absmax, MxScaleMode::even) == row.even);
    CHECK(mx_scale_exponent(format, row.absmax, MxScaleMode::rceil) == row.rceil);
}

TEST_CASE("a power-of-two scale is the smallest that does not clip") {
    std::mt19937 random(3);
    for (const auto* name : {"e2m1", "e1m2", "int8", "e4m3", "mxint8"}) {
        const auto& format = number_format(name);
        const auto largest = largest_value(format);
        for (int i = 0; i < 20'000; ++i) {
            const auto binade = static_cast<int>(random() % 200) - 100;
            auto absmax = std::ldexp(1 + static_cast<float>(random() % 8) / 4, binade);
            if (i % 2 == 0) absmax = static_cast<float>(std::ldexp(largest, binade));
            if (i % 3 == 0) absmax = std::nextafter(absmax, i % 2 == 0 ? 0.0F : 3e38F);
            const float values[] = {absmax};
            const auto scale = static_cast<double>(
                quantize_groups(values, format, {1, ScaleRule::power_of_two}).scales.at(0));
            const bool smallest = scale * largest >= absmax && scale / 2 * largest < absmax;
            if (smallest) continue;
            CAPTURE(name, absmax, scale);
            REQUIRE(smallest);
        }
    }
}

TEST_CASE("zeros, NaN and infinity in a tensor") {
    constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
    constexpr auto infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> values = {0, -0.0F, nan, 3, -infinity, 6};
    const auto& e2m1 = number_format("e2m1");
    const auto plain = quantize_groups(values, e2m1, {2, ScaleRule::absmax});
    CHECK(plain.scales == std::vector<float>{0, 0.5F, 1});
    CHECK(plain.codes == std::vector<std::uint16_t>{0, 8, 0, 7, 15, 7});
    CHECK(plain.nan_count == 1);
    CHECK(plain.infinite_count == 1);
    const auto with_nan = quantize_groups(values, number_format("e4m3"), {2, ScaleRule::absmax});
    CHECK(with_nan.codes.at(2) == 0x7f);
    const auto mx = quantize_groups(values, e2m1, {2, ScaleRule::mx});
    CHECK(mx.scale_codes == std::vector<std::uint8_t>{0, 0xff, 0xff});
    CHECK(mx.nan_count == 1);
    CHECK(mx.infinite_count == 1);
    CHECK(quantize_groups({}, e2m1, {}).codes.empty());
    CHECK_THROWS_AS(quantize_groups(values, e2m1, {0}), std::invalid_argument);
    CHECK_THROWS_AS(quantize_groups(values, number_format("e8m0"), {}), std::invalid_argument);
    const std::vector<float> tiny = {1e-45F, -1e-45F};
    CHECK(dequantize_groups(quantize_groups(tiny, e2m1, {2}), e2m1, 2) == tiny);
}
