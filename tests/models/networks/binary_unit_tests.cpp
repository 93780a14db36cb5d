// SPDX-License-Identifier: Apache-2.0
// A unit of binary super-resolution: by hand in float64, and bit for bit against loops over integers +1, -1
// and 0 and binary32 operations in the order that quantized_super_resolution.hpp states.
#include <cmath>
#include <random>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "models/networks/quantized_super_resolution.hpp"
#include "models/weights/synthetic_super_resolution.hpp"

using namespace tilewright::models;

namespace {

// The format's nearest value by its step, ties to even; fp16 and bf16.
float rounded(float value, const std::string& format) {
    if (format == "fp32" || value == 0) return value;
    const int mantissa = format == "fp16" ? 10 : 7;
    const int least = format == "fp16" ? -14 : -126;
    const double largest = format == "fp16" ? 65504.0 : std::ldexp(255.0, 120);
    const auto wide = static_cast<double>(value);
    const auto step = std::ldexp(1.0, std::max(std::ilogb(wide), least) - mantissa);
    const auto nearest = std::nearbyint(wide / step) * step;
    return static_cast<float>(std::copysign(std::min(std::abs(nearest), largest), wide));
}

float naive_sigmoid(float x) {
    return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(x))));
}

struct Unit {
    std::int64_t height, width, channels, hidden;
    SuperResolutionUnitWeights weights;
    FeatureMap<float> x;

    Unit(std::int64_t h, std::int64_t w, std::int64_t c, std::int64_t hide, std::uint64_t seed)
        : height(h), width(w), channels(c), hidden(hide), x({h, w}, c) {
        weights = synthetic_super_resolution({"unit", 1, c, hide, 3, 2}, seed).units[seed % 2];
        std::mt19937_64 random(seed);
        // Many zeros, also negative ones, and a few large numbers.
        for (auto& value : x.values) {
            const auto kind = random() % 8;
            value = kind < 2 ? (kind == 0 ? 0.0F : -0.0F)
                             : static_cast<float>(std::student_t_distribution<double>(3)(random));
        }
    }
};

std::size_t at(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

FeatureMap<float> naive(const Unit& unit, const std::string& format, bool first_of_block) {
    const auto& w = unit.weights;
    const auto c = unit.channels;
    const auto pixels = unit.height * unit.width;
    const auto& x = unit.x.values;
    std::vector<float> hidden;
    for (std::int64_t n = 0; n < unit.hidden; ++n) {
        float sum = 0;
        for (std::int64_t k = 0; k < c; ++k) {
            double total = 0;
            for (std::int64_t p = 0; p < pixels; ++p) total += static_cast<double>(x[at(p * c + k)]);
            const auto average = static_cast<float>(total / static_cast<double>(pixels));
            const float product = w.fc1[at(n * c + k)] * average;
            sum = sum + product;
        }
        sum = sum + w.fc1_bias[at(n)];
        hidden.push_back(sum > 0 ? sum : 0);
    }
    std::vector<float> branch;
    for (std::int64_t n = 0; n < 2 * c; ++n) {
        float sum = 0;
        for (std::int64_t k = 0; k < unit.hidden; ++k) {
            const float product = w.fc2[at(n * unit.hidden + k)] * hidden[at(k)];
            sum = sum + product;
        }
        branch.push_back(sum + w.fc2_bias[at(n)]);
    }
    const auto sign = [&](std::int64_t row, std::int64_t column, std::int64_t k) {
        if (row < 0 || column < 0 || row >= unit.height || column >= unit.width) return 0;
        const float shifted = x[at((row * unit.width + column) * c + k)] + branch[at(k)];
        return shifted < 0 ? -1 : 1;
    };
    FeatureMap<float> result({unit.height, unit.width}, c);
    for (std::int64_t p = 0; p < pixels; ++p) {
        float logit = 0;
        for (std::int64_t k = 0; k < c; ++k) {
            const float product = w.spatial[at(k)] * x[at(p * c + k)];
            logit = logit + product;
        }
        const float factor = naive_sigmoid(logit + w.spatial_bias[0]);
        for (std::int64_t o = 0; o < c; ++o) {
            int dot = 0;
            double magnitudes = 0;
            for (std::int64_t i = 0; i < 9 * c; ++i) {
                const auto weight = w.convolution[at(o * 9 * c + i)];
                const auto tap = i / c;
                dot += sign(p / unit.width + tap / 3 - 1, p % unit.width + tap % 3 - 1, i % c) *
                       (weight < 0 ? -1 : 1);
                magnitudes += static_cast<double>(weight < 0 ? -weight : weight);
            }
            const auto scale = static_cast<float>(magnitudes / static_cast<double>(9 * c));
            const float scaled = static_cast<float>(dot) * scale;
            const float by_pixel = scaled * factor;
            const float by_channel = by_pixel * naive_sigmoid(branch[at(c + o)]);
            float y = x[at(p * c + o)] + by_channel;
            if (first_of_block && !(y >= 0)) y = 0.1F * y;
            result.values[at(p * c + o)] = rounded(y, format);
        }
    }
    return result;
}

// Signs of zeros included.
bool same_bits(std::span<const float> a, std::span<const float> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return x == y && std::signbit(x) == std::signbit(y); });
}

// A network whose feature maps have a format; its own units do not matter here.
QuantizedSuperResolution network(const char* feature_map) {
    const SuperResolutionConfig config{"unit", 1, 1, 1, 1, 2};
    SuperResolutionRecipe recipe;
    recipe.weights.format = recipe.activations.format = number_format("int8");
    recipe.feature_map = number_format(feature_map);
    return {config, synthetic_super_resolution(config), recipe};
}

Unit random_unit(std::int64_t most_channels) {
    return {*rc::gen::inRange(1, 6), *rc::gen::inRange(1, 6),
            *rc::gen::inRange<std::int64_t>(1, most_channels), *rc::gen::inRange(1, 4),
            *rc::gen::arbitrary<std::uint64_t>()};
}

}  // namespace

TEST_CASE("binary unit by hand: one pixel, one channel") {
    SuperResolutionUnitWeights weights;
    weights.fc1 = {1};
    weights.fc1_bias = {0.5F};
    weights.fc2 = {-1, 0.25F};
    weights.fc2_bias = {-0.5F, 0.375F};
    weights.spatial = {2};
    weights.spatial_bias = {-3};
    weights.convolution = {0.125F, -0.125F, 0, 0, -0.5F, 0.25F, 0, 0, 0.125F};
    // h = 2 + 1/2; the shift is -3 and the gain 1, so the sign is that of -1, times the centre's: +1.
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    const auto scale = 1.125 / 9;
    const auto y = super_resolution_unit(weights, {{1, 1}, 1, {2.0}}, true);
    CHECK(y.values[0] == Approx(2 + scale * sigmoid(1) * sigmoid(1)).epsilon(1e-14));
    // h = relu(-3 + 1/2) = 0: shift -1/2, gain 3/8, sign -1.
    const auto low = -3 + scale * sigmoid(-9) * sigmoid(0.375);
    CHECK(super_resolution_unit(weights, {{1, 1}, 1, {-3.0}}, false).values[0] == Approx(low).epsilon(1e-14));
    CHECK(super_resolution_unit(weights, {{1, 1}, 1, {-3.0}}, true).values[0] ==
          Approx(0.1 * low).epsilon(1e-14));
}

TEST_CASE("binary unit: every bit of random units") {
    for (const auto* format : {"fp32", "fp16", "bf16"}) {
        const auto quantized = network(format);
        CHECK(rc::check(std::string("bits of ") + format, [&] {
            const auto unit = random_unit(12);
            const bool first = *rc::gen::arbitrary<bool>();
            const auto made = quantized.unit(prepare_binary_unit(unit.weights, first), unit.x);
            RC_ASSERT(same_bits(made.values, naive(unit, format, first).values));
        }));
    }
    const Unit wide(3, 4, 131, 9, 3);
    const auto made = network("fp16").unit(prepare_binary_unit(wide.weights, true), wide.x);
    CHECK(same_bits(made.values, naive(wide, "fp16", true).values));
}

TEST_CASE("binary unit: cut into rows it is the same") {
    const auto quantized = network("fp16");
    CHECK(rc::check("rows", [&] {
        const auto unit = random_unit(70);
        const auto prepared = prepare_binary_unit(unit.weights, true);
        const auto whole = quantized.unit(prepared, unit.x);

        ChannelAverage average(unit.channels);
        std::vector<RowRange> strips;
        for (std::int64_t begin = 0; begin < unit.height;) {
            const auto end = *rc::gen::inRange<std::int64_t>(begin + 1, unit.height + 1);
            strips.push_back({begin, end});
            average.add(unit.x.rows(strips.back()));
            begin = end;
        }
        const auto factors = channel_factors(prepared, average.averages());
        const auto signs = quantized.signs(unit.x, factors.shifts);
        std::vector<float> joined;
        for (const auto& strip : strips) {
            const auto rows = quantized.unit_rows(prepared, factors.gains, signs, unit.x, strip);
            RC_ASSERT(same_bits(rows, whole.rows(strip)));
            joined.insert(joined.end(), rows.begin(), rows.end());
        }
        RC_ASSERT(same_bits(joined, whole.values));
    }));
}

TEST_CASE("binary unit: the float64 unit is the same but for rounding") {
    const Unit unit(5, 6, 24, 4, 8);
    const FeatureMap<double> x({5, 6}, 24, {unit.x.values.begin(), unit.x.values.end()});
    const auto reference = super_resolution_unit(unit.weights, x, true);
    const auto made = network("fp32").unit(prepare_binary_unit(unit.weights, true), unit.x);
    for (std::size_t i = 0; i < made.values.size(); ++i) {
        CHECK(static_cast<double>(made.values[i]) == Approx(reference.values[i]).margin(2e-6));
    }
}

TEST_CASE("binary unit: what is not a number, or not whole, is refused") {
    Unit unit(3, 3, 4, 2, 1);
    const auto quantized = network("fp16");
    const auto prepared = prepare_binary_unit(unit.weights, true);
    CHECK_THROWS_AS(quantized.unit(prepared, FeatureMap<float>({3, 3}, 5)), std::invalid_argument);
    CHECK_THROWS_AS(ChannelAverage(4).add(std::span(unit.x.values).first(7)), std::invalid_argument);
    unit.x.values[5] = NAN;
    CHECK_THROWS_AS(quantized.unit(prepared, unit.x), std::invalid_argument);
    CHECK_THROWS_AS(quantized.round(unit.x.values), std::invalid_argument);
    unit.weights.convolution[7] = NAN;
    CHECK_THROWS_AS(prepare_binary_unit(unit.weights, true), std::invalid_argument);
}
