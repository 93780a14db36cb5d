// SPDX-License-Identifier: Apache-2.0
// The float64 super-resolution network, the quantized one, and the synthetic weights and images of both.
#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "models/networks/quantized_super_resolution.hpp"
#include "models/networks/super_resolution_error.hpp"
#include "models/weights/synthetic_super_resolution.hpp"

using namespace tilewright::models;

namespace {

SuperResolutionConfig small() {
    return {"small", 4, 16, 4, 3, 2};
}

SuperResolutionRecipe recipe_of(const char* format, const char* feature_map, int scale_bits = 16) {
    OperandRecipe operand;
    operand.format = number_format(format);
    if (std::string(format) != "fp16") {
        operand.sharing = ScaleSharing::row;
        operand.scale_bits = scale_bits;
    }
    SuperResolutionRecipe recipe;
    recipe.weights = recipe.activations = operand;
    recipe.feature_map = number_format(feature_map);
    return recipe;
}

FeatureMap<double> wide(const FeatureMap<float>& map) {
    return {map.size, map.channels, {map.values.begin(), map.values.end()}};
}

// Weights [outputs, 3, 3, inputs] of zeros but for those that are set.
struct Picks : ConvolutionWeights {
    std::int64_t inputs;

    Picks(std::int64_t outputs, std::int64_t in) : inputs(in) {
        weights.resize(static_cast<std::size_t>(outputs * 9 * in));
        bias.resize(static_cast<std::size_t>(outputs));
    }
    Picks& pick(std::int64_t output, std::int64_t tap, std::int64_t input, float weight) {
        weights[static_cast<std::size_t>((output * 9 + tap) * inputs + input)] = weight;
        return *this;
    }
};

}  // namespace

TEST_CASE("pixel shuffle by hand") {
    // Two pixels side by side, two channels to be: 4 c + 2 dy + dx.
    const std::vector<int> pixels{0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17};
    CHECK(pixel_shuffle(std::span(pixels), 2, 2) ==
          std::vector<int>{0, 4, 1, 5, 10, 14, 11, 15, 2, 6, 3, 7, 12, 16, 13, 17});
    // One pixel a row, one channel to be.
    const std::vector<int> column{0, 1, 2, 3, 10, 11, 12, 13};
    CHECK(pixel_shuffle(std::span(column), 1, 1) == std::vector<int>{0, 1, 2, 3, 10, 11, 12, 13});
}

TEST_CASE("super-resolution by hand: a network that moves and multiplies pixels") {
    // The head copies, the units add nothing, the upsampler takes the pixel to the right 1 + 2 dy + dx times,
    // the tail swaps the colors of the pixel below and adds 1/4.
    const SuperResolutionConfig config{"hand", 1, 2, 1, 2, 2};
    SuperResolutionWeights weights;
    weights.head = Picks(2, 2).pick(0, 4, 0, 1).pick(1, 4, 1, 1);
    SuperResolutionUnitWeights unit;
    unit.fc1 = {1, 1};
    unit.fc1_bias = {0};
    unit.fc2 = {1, 1, 1, 1};
    unit.fc2_bias = {0, 0, 0, 0};
    unit.spatial = {1, 1};
    unit.spatial_bias = {0};
    unit.convolution.resize(2 * 9 * 2);
    weights.units = {unit, unit};
    Picks upsample(8, 2);
    for (std::int64_t output = 0; output < 8; ++output) {
        upsample.pick(output, 5, output / 4, static_cast<float>(1 + output % 4));
    }
    weights.upsample = {upsample};
    Picks tail(2, 2);
    tail.pick(0, 7, 1, 1).pick(1, 7, 0, 1);
    tail.bias = {0.25F, 0.25F};
    weights.tail = tail;
    // Twice the image is behind the body. 2 x 3 pixels, the second color is ten times the first.
    const FeatureMap<float> image({2, 3}, 2, {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60});
    std::vector<double> expected;
    const std::vector<double> row_1{12, 16, 18, 24, 0, 0};  // 3 and 4 times 2 x {2, 3}
    const std::vector<double> row_2{10, 20, 12, 24, 0, 0};  // 1 and 2 times 2 x {5, 6}
    const std::vector<double> row_3{30, 40, 36, 48, 0, 0};
    const std::vector<double> below(6, 0);
    for (const auto& row : {row_1, row_2, row_3, below}) {
        for (const auto value : row) {
            expected.push_back(10 * value + 0.25);
            expected.push_back(value + 0.25);
        }
    }
    const auto reference = super_resolve(config, weights, wide(image));
    CHECK(reference.size == ImageSize{4, 6});
    CHECK(reference.values == expected);
    const auto made = QuantizedSuperResolution(config, weights, recipe_of("fp16", "fp16")).run(image);
    CHECK(made.size == ImageSize{4, 6});
    CHECK(wide(made).values == expected);
}

TEST_CASE(
    "super-resolution: feature maps are rounded behind head, units, addition and shuffles, nowhere else") {
    const SuperResolutionConfig config{"tiny", 1, 6, 2, 3, 4};
    for (const auto* format : {"e4m3", "bf16"}) {
        const QuantizedSuperResolution network(config, synthetic_super_resolution(config, 5),
                                               recipe_of("int8", format));
        const auto convolve = [](const QuantizedConvolution& convolution, const FeatureMap<float>& map) {
            return FeatureMap<float>(map.size, convolution.outputs(),
                                     convolution.rows(convolution.quantize(map), {0, map.size.height}));
        };
        const auto round = [codec = Codec(number_format(format))](FeatureMap<float>& map) {
            for (auto& value : map.values) {
                value = static_cast<float>(codec.decode(*codec.encode(static_cast<double>(value))));
            }
        };
        const auto image = synthetic_image({5, 3}, 3, 5);
        auto head = convolve(network.head(), image);
        round(head);
        auto x = head;
        REQUIRE(network.units().size() == 2);
        CHECK(network.units()[0].first_of_block);
        CHECK_FALSE(network.units()[1].first_of_block);
        for (const auto& unit : network.units()) x = network.unit(unit, x);
        for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] += head.values[i];
        round(x);
        REQUIRE(network.upsample().size() == 2);
        for (const auto& stage : network.upsample()) {
            const auto four = convolve(stage, x);
            FeatureMap<float> next({2 * x.size.height, 2 * x.size.width}, 6);
            for (std::int64_t y = 0; y < next.size.height; ++y) {
                for (std::int64_t column = 0; column < next.size.width; ++column) {
                    for (std::int64_t c = 0; c < 6; ++c) {
                        next.pixel(y, column)[static_cast<std::size_t>(c)] = four.pixel(
                            y / 2, column / 2)[static_cast<std::size_t>(4 * c + 2 * (y % 2) + column % 2)];
                    }
                }
            }
            round(next);
            x = next;
        }
        CHECK(network.run(image).values == convolve(network.tail(), x).values);
    }
}

TEST_CASE("super-resolution: as close to float64 as the formats allow, until a sign differs") {
    const SuperResolutionConfig config{"tiny", 1, 6, 2, 3, 2};
    int without = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        const auto fine = super_resolution_error(config, recipe_of("int16", "fp32", 32), {6, 5}, seed);
        if (fine.differing_signs > 0) continue;
        ++without;
        CHECK(fine.operators.back().error.sqnr_db > 75);
        const auto plain = super_resolution_error(config, recipe_of("fp16", "fp32"), {6, 5}, seed);
        REQUIRE(plain.operators.size() == 3);
        CHECK(plain.operators.front().name == "head");
        CHECK(plain.operators.front().error.sqnr_db > 55);
        if (plain.differing_signs == 0) CHECK(plain.operators.back().error.sqnr_db > 55);
    }
    CHECK(without >= 8);
}

TEST_CASE("super-resolution: coarser formats are worse, and flip more signs") {
    const auto error = [](const char* format, const char* map) {
        return super_resolution_error(small(), recipe_of(format, map), {24, 24}, 1);
    };
    const auto fp16 = error("fp16", "fp16");
    const auto int8 = error("int8", "fp16");
    const auto int4 = error("int4", "fp16");
    CHECK(fp16.peak_signal_to_noise_db > int8.peak_signal_to_noise_db + 5);
    CHECK(int8.peak_signal_to_noise_db > int4.peak_signal_to_noise_db + 5);
    CHECK(int8.peak_signal_to_noise_db > 25);
    CHECK(fp16.differing_signs < int8.differing_signs);
    CHECK(int8.differing_signs < int4.differing_signs);
    CHECK(int4.differing_signs < 0.2);
    CHECK(int8.differing_signs_of_last_unit > 0);
    // The peak is 1, so the two measures differ by the power of the reference.
    CHECK(fp16.operators.back().error.sqnr_db - fp16.peak_signal_to_noise_db ==
          Approx(int8.operators.back().error.sqnr_db - int8.peak_signal_to_noise_db).margin(1e-9));
}

TEST_CASE("super-resolution: of a constant image only the border differs") {
    const SuperResolutionConfig config{"tiny", 1, 6, 2, 3, 2};
    const auto weights = synthetic_super_resolution(config, 3);
    FeatureMap<float> image({15, 14}, 3);
    std::fill(image.values.begin(), image.values.end(), 0.6F);
    const auto made = QuantizedSuperResolution(config, weights, recipe_of("int8", "fp16")).run(image);
    CHECK(made.size == ImageSize{30, 28});
    // Head, two units and upsampler reach four pixels, the tail half a one.
    const auto equal = [&](std::int64_t y, std::int64_t x) {
        const auto here = made.pixel(y, x);
        const auto there = made.pixel(14 + y % 2, 14 + x % 2);
        return std::equal(here.begin(), here.end(), there.begin());
    };
    int different_inside = 0;
    int different = 0;
    for (std::int64_t y = 0; y < 30; ++y) {
        for (std::int64_t x = 0; x < 28; ++x) {
            if (equal(y, x)) continue;
            ++different;
            if (y >= 9 && y < 21 && x >= 9 && x < 19) ++different_inside;
        }
    }
    CHECK(different_inside == 0);
    CHECK(different > 0);
}

TEST_CASE("synthetic super-resolution: the signal neither dies nor explodes") {
    for (const auto& config :
         {SuperResolutionConfig{"light", 16, 64, 16, 3, 2}, SuperResolutionConfig{"deep", 32, 32, 8, 3, 4}}) {
        SuperResolutionProbe probe;
        const auto image = synthetic_image({16, 16}, 3, 2);
        const auto output = super_resolve(config, synthetic_super_resolution(config, 2), wide(image), &probe);
        CHECK(output.size == ImageSize{16 * config.scale, 16 * config.scale});
        REQUIRE(probe.root_mean_squares.size() == static_cast<std::size_t>(config.units()));
        const auto [least, most] =
            std::minmax_element(probe.root_mean_squares.begin(), probe.root_mean_squares.end());
        CHECK(*least > 0.4);
        CHECK(*most < 4);
        // Signs of both kinds everywhere.
        for (const auto& signs : probe.signs) {
            const auto positive = signs.differences(SignMap(signs.size(), signs.channels()));
            const auto all = signs.size().pixels() * signs.channels();
            CHECK(positive > all / 20);
            CHECK(positive < all - all / 20);
        }
    }
}

TEST_CASE("synthetic super-resolution: an image of 256 levels with edges, weights as the graph counts them") {
    const auto image = synthetic_image({40, 31}, 3, 4);
    REQUIRE(image.whole());
    std::vector<int> levels;
    for (const auto value : image.values) {
        const auto level = static_cast<int>(std::lround(value * 255.0F));
        CHECK(static_cast<float>(level / 255.0) == value);
        levels.push_back(level);
    }
    CHECK(*std::min_element(levels.begin(), levels.end()) >= 0);
    CHECK(*std::max_element(levels.begin(), levels.end()) <= 255);
    // Most neighbours are close, some are not.
    int close = 0;
    int far = 0;
    for (std::size_t i = 3; i < levels.size(); ++i) {
        const auto step = std::abs(levels[i] - levels[i - 3]);
        if (step < 32) ++close;
        if (step > 40) ++far;
    }
    CHECK(close > 3000);
    CHECK(far > 20);
    CHECK(synthetic_image({40, 31}, 3, 5).values != image.values);

    const auto config = small();
    const auto weights = synthetic_super_resolution(config, 1);
    CHECK_NOTHROW(check_super_resolution(config, weights));
    const auto totals = super_resolution_totals(build_super_resolution_graph(config, {4, 4}));
    std::size_t binary = 0;
    auto others = weights.head.weights.size() + weights.head.bias.size() + weights.tail.weights.size() +
                  weights.tail.bias.size();
    for (const auto& unit : weights.units) {
        binary += unit.convolution.size();
        others += unit.fc1.size() + unit.fc1_bias.size() + unit.fc2.size() + unit.fc2_bias.size() +
                  unit.spatial.size() + unit.spatial_bias.size() + 16;  // the scales
    }
    for (const auto& stage : weights.upsample) others += stage.weights.size() + stage.bias.size();
    CHECK(static_cast<std::int64_t>(binary) == totals.binary_weights);
    CHECK(static_cast<std::int64_t>(others) == totals.other_parameters);
}

TEST_CASE("super-resolution: tensors, images and recipes that do not fit are refused") {
    const auto config = small();
    const auto good = synthetic_super_resolution(config, 1);
    const auto refused = [&](const char* name, auto change) {
        auto weights = good;
        change(weights);
        CHECK_THROWS_WITH(check_super_resolution(config, weights), Catch::Matchers::Contains(name));
    };
    refused("head", [](auto& w) { w.head.weights.pop_back(); });
    refused("head's bias", [](auto& w) { w.head.bias.pop_back(); });
    refused("units", [](auto& w) { w.units.pop_back(); });
    refused("body.3.channel.fc1", [](auto& w) { w.units[3].fc1.pop_back(); });
    refused("fc1's bias", [](auto& w) { w.units[0].fc1_bias.pop_back(); });
    refused("fc2", [](auto& w) { w.units[0].fc2.pop_back(); });
    refused("fc2's bias", [](auto& w) { w.units[0].fc2_bias.pop_back(); });
    refused("spatial", [](auto& w) { w.units[7].spatial.push_back(1); });
    refused("spatial's bias", [](auto& w) { w.units[0].spatial_bias.clear(); });
    refused("body.1.conv", [](auto& w) { w.units[1].convolution.pop_back(); });
    refused("doublings", [](auto& w) { w.upsample.clear(); });
    refused("upsample.0", [](auto& w) { w.upsample[0].weights.pop_back(); });
    refused("tail", [](auto& w) { w.tail.weights.pop_back(); });
    auto odd = config;
    odd.scale = 3;
    CHECK_THROWS_WITH(check_super_resolution(odd, good), Catch::Matchers::Contains("power of two"));

    const QuantizedSuperResolution network(config, good, recipe_of("int8", "fp16"));
    auto image = synthetic_image({4, 5}, 3);
    CHECK_NOTHROW(network.run(image));
    CHECK_THROWS_AS(network.run(synthetic_image({4, 5}, 1)), std::invalid_argument);
    CHECK_THROWS_AS(network.run(FeatureMap<float>({0, 5}, 3)), std::invalid_argument);
    image.values[11] = NAN;
    CHECK_THROWS_AS(network.run(image), std::invalid_argument);
    CHECK_THROWS_AS(super_resolve(config, good, wide(image)), std::invalid_argument);
    image.values.pop_back();
    CHECK_THROWS_AS(super_resolve(config, good, wide(image)), std::invalid_argument);

    auto recipe = recipe_of("int8", "fp16");
    recipe.activations.sharing = ScaleSharing::group;
    recipe.activations.group_size = 8;  // not of three colors
    CHECK_THROWS_AS(QuantizedSuperResolution(config, good, recipe), std::invalid_argument);
    CHECK_THROWS_AS(QuantizedSuperResolution(config, good, recipe_of("int8", "e8m0")), std::invalid_argument);
    recipe = recipe_of("int8", "fp16");
    recipe.activations.dual.emplace();
    CHECK_THROWS_AS(QuantizedSuperResolution(config, good, recipe), std::invalid_argument);
}
