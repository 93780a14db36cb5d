// SPDX-License-Identifier: Apache-2.0
// Against convolutions tap by tap.
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "models/kernels/quantized_convolution.hpp"
#include "quantizations.hpp"

using namespace tilewright::models;
using tilewright::test::quantization;

namespace {

constexpr std::int64_t height = 4;
constexpr std::int64_t width = 3;
constexpr std::int64_t inputs = 8;
constexpr std::int64_t outputs = 5;

struct Layer {
    std::vector<float> weights;
    std::vector<float> bias;
    FeatureMap<float> map{{height, width}, inputs};

    template <typename Draw>
    explicit Layer(Draw draw) : weights(outputs * 9 * inputs), bias(outputs) {
        for (auto* values : {&weights, &bias, &map.values}) {
            for (auto& value : *values) value = draw();
        }
    }

    QuantizedConvolution convolution(const Quantization& w, const Quantization& a) const {
        return {outputs, inputs, weights, bias, w, a, TieRule::to_even};
    }
};

Layer tails() {
    return Layer([random = std::mt19937_64(5)]() mutable {
        return static_cast<float>(std::student_t_distribution<double>(4)(random));
    });
}

Layer small_integers() {
    return Layer(
        [random = std::mt19937_64(7)]() mutable { return static_cast<float>(random() % 15) - 7.0F; });
}

// The value of channel c that tap (ky, kx) of pixel (y, x) reads.
float tap(const FeatureMap<float>& map, std::int64_t y, std::int64_t x, std::int64_t c) {
    if (y < 0 || x < 0 || y == height || x == width) return 0;
    return map.values[static_cast<std::size_t>((y * width + x) * inputs + c)];
}

std::vector<float> whole(const QuantizedConvolution& convolution, const FeatureMap<float>& map) {
    return convolution.rows(convolution.quantize(map), {0, height});
}

}  // namespace

TEST_CASE("quantized convolution: integers that the formats hold are convolved exactly") {
    const auto layer = small_integers();
    std::vector<float> expected;
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (std::int64_t o = 0; o < outputs; ++o) {
                float sum = layer.bias[static_cast<std::size_t>(o)];
                for (std::int64_t k = 0; k < 9 * inputs; ++k) {
                    const auto ky = k / inputs / 3;
                    const auto kx = k / inputs % 3;
                    sum += layer.weights[static_cast<std::size_t>(o * 9 * inputs + k)] *
                           tap(layer.map, y + ky - 1, x + kx - 1, k % inputs);
                }
                expected.push_back(sum);
            }
        }
    }
    for (const auto* format : {"fp16", "bf16", "int8", "int12"}) {
        const auto plain = quantization(format, 0, ScaleKind::none, 0);
        CAPTURE(format);
        CHECK(whole(layer.convolution(plain, plain), layer.map) == expected);
    }
}

// absmax / 127 rounded to binary32, the nearest integers, segments of a tap in order.
TEST_CASE("quantized convolution: int8 with a scale a pixel and a scale an output, bit for bit") {
    const auto layer = tails();
    const auto convolution =
        layer.convolution(quantization("int8", 9 * inputs, ScaleKind::floating_point, 32),
                          quantization("int8", inputs, ScaleKind::floating_point, 32));
    const auto absmax_scale = [](const float* values, std::int64_t count) {
        double absmax = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            absmax = std::max(absmax, static_cast<double>(std::abs(values[i])));
        }
        return static_cast<float>(absmax / 127);
    };
    std::vector<float> expected;
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (std::int64_t o = 0; o < outputs; ++o) {
                const auto* row = &layer.weights[static_cast<std::size_t>(o * 9 * inputs)];
                const auto weight_scale = absmax_scale(row, 9 * inputs);
                float sum = 0;
                for (std::int64_t t = 0; t < 9; ++t) {
                    std::vector<float> pixel;
                    for (std::int64_t c = 0; c < inputs; ++c) {
                        pixel.push_back(tap(layer.map, y + t / 3 - 1, x + t % 3 - 1, c));
                    }
                    const auto scale = absmax_scale(pixel.data(), inputs);
                    if (scale == 0) continue;  // outside: adds zero
                    double dot = 0;
                    for (std::int64_t c = 0; c < inputs; ++c) {
                        dot += std::nearbyint(static_cast<double>(pixel[static_cast<std::size_t>(c)]) /
                                              static_cast<double>(scale)) *
                               static_cast<double>(std::nearbyint(row[t * inputs + c] / weight_scale));
                    }
                    sum += static_cast<float>(dot) * (scale * weight_scale);
                }
                expected.push_back(sum + layer.bias[static_cast<std::size_t>(o)]);
            }
        }
    }
    CHECK(whole(convolution, layer.map) == expected);
}

TEST_CASE("quantized convolution: strips are parts of the whole and read one row more on either side") {
    const auto layer = tails();
    const auto convolution = layer.convolution(quantization("int4", 12, ScaleKind::floating_point, 16),
                                               quantization("int8", 4, ScaleKind::floating_point, 16));
    const auto all = whole(convolution, layer.map);
    for (std::int64_t begin = 0; begin <= height; ++begin) {
        for (auto end = begin; end <= height; ++end) {
            auto map = convolution.quantize(layer.map);
            for (std::int64_t y = 0; y < height; ++y) {
                if (y >= begin - 1 && y <= end) continue;
                for (std::int64_t x = 0; x < width; ++x) {
                    map.pixels[map.size.index(y, x)] =
                        convolution.quantize_pixel(std::vector<float>(inputs, 99.0F));
                }
            }
            const auto row = width * outputs;
            CHECK(convolution.rows(map, {begin, end}) ==
                  std::vector(all.begin() + begin * row, all.begin() + end * row));
        }
    }
    const auto map = convolution.quantize(layer.map);
    CHECK_THROWS_AS(convolution.rows(map, {0, height + 1}), std::invalid_argument);
    CHECK_THROWS_AS(convolution.rows(map, {-1, 1}), std::invalid_argument);
}

TEST_CASE("quantized convolution: rows are the linear layer over the taps of each pixel, in every format") {
    const auto layer = tails();
    const auto floating = [](const char* format, std::int64_t group) {
        return quantization(format, group, ScaleKind::floating_point, 16);
    };
    const std::pair<Quantization, Quantization> formats[] = {
        {floating("int8", 9 * inputs), floating("int8", inputs)},
        {floating("e2m1", 12), floating("int4", 4)},
        {floating("e4m3", 9 * inputs), floating("int8", inputs)},
        {quantization("int8", 0, ScaleKind::none, 0), floating("int8", 2)},
        {quantization("int4", 8, ScaleKind::power_of_two, 8),
         quantization("int4", 8, ScaleKind::power_of_two, 8)},
    };
    for (const auto& [weights, activations] : formats) {
        CAPTURE(weights.format.name, activations.format.name);
        const auto convolution = layer.convolution(weights, activations);
        const auto map = convolution.quantize(layer.map);
        std::vector<float> expected;
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                const auto sums =
                    convolution.linear().apply(convolution.matrix(), convolution.taps(map, y, x));
                for (std::size_t n = 0; n < sums.size(); ++n) {
                    expected.push_back(static_cast<float>(sums[n]) + layer.bias[n]);
                }
            }
        }
        CHECK(convolution.rows(map, {0, height}) == expected);
        const auto other = layer.convolution(activations, activations);
        CHECK_THROWS_AS(convolution.with_weights(other.matrix(), {1}), std::invalid_argument);
        const auto copy = convolution.with_weights(convolution.matrix(), std::vector<float>(outputs, 1.0F));
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += 1 - layer.bias[i % outputs];
        const auto made = copy.rows(map, {0, height});
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(made[i] == Approx(expected[i]).margin(1e-5));
    }
}

TEST_CASE("quantized convolution: what does not fit is refused") {
    auto layer = tails();
    const auto plain = quantization("fp16", 0, ScaleKind::none, 0);
    const auto groups = [](std::int64_t size) {
        return quantization("int8", size, ScaleKind::floating_point, 16);
    };
    CHECK_NOTHROW(layer.convolution(groups(9), groups(8)));
    CHECK_THROWS_AS(layer.convolution(groups(5), groups(8)), std::invalid_argument);
    CHECK_THROWS_AS(layer.convolution(groups(9), groups(3)), std::invalid_argument);
    CHECK_THROWS_AS(layer.convolution(groups(9), groups(9)), std::invalid_argument);
    const auto convolution = layer.convolution(plain, plain);
    CHECK_THROWS_AS(convolution.quantize(FeatureMap<float>({height, width}, inputs + 1)),
                    std::invalid_argument);
    layer.map.values[20] = NAN;
    CHECK_THROWS_AS(convolution.quantize(layer.map), std::invalid_argument);
    layer.weights[3] = NAN;
    CHECK_THROWS_AS(layer.convolution(plain, plain), std::invalid_argument);
    layer.weights.pop_back();
    CHECK_THROWS_AS(layer.convolution(plain, plain), std::invalid_argument);
}
