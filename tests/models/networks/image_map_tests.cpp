// SPDX-License-Identifier: Apache-2.0
// Operations on image maps against cases worked out by hand and against the plainest loops.
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "models/networks/image_map.hpp"

using namespace tilewright::models;

namespace {

ImageMap random_map(std::int64_t channels, std::int64_t height, std::int64_t width) {
    ImageMap map(channels, height, width);
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    for (auto& value : map.values) value = normal(random);
    return map;
}

ImageMap row(const std::vector<double>& values) {
    ImageMap map(1, 1, static_cast<std::int64_t>(values.size()));
    map.values = values;
    return map;
}

}  // namespace

TEST_CASE("bicubic resizing has the weights of a = -0.75 and clamps at the edge") {
    // Halfway between pixels: -3/32, 19/32, 19/32, -3/32.
    const auto halved = resize_bicubic(row({0, 0, 1, 0, 0, 0}), 1, 3);
    CHECK(halved.values[0] == Approx(-3.0 / 32));
    CHECK(halved.values[1] == Approx(19.0 / 32));
    CHECK(halved.values[2] == 0);
    // Two pixels to four: the second lies at 0.25; K(1.25), K(0.25), K(0.75), K(1.75) with pixels 0, 0, 1, 1.
    const auto k = [](double d) {
        const double a = -0.75;
        return d < 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                     : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
    };
    const auto doubled = resize_bicubic(row({0, 1}), 1, 4);
    CHECK(doubled.values[1] == Approx(k(0.75) + k(1.75)));
    CHECK(doubled.values[2] == Approx(1 - k(0.75) - k(1.75)));
    CHECK(doubled.values[0] == Approx(1 - k(1.75) - k(0.75) - k(0.25)).margin(1e-12));
    for (const auto value : resize_bicubic(row({5}), 4, 3).values) CHECK(value == Approx(5));
}

TEST_CASE("area resizing averages overlapping windows") {
    const auto small = resize_area(row({1, 2, 4}), 1, 2);
    CHECK(small.values == std::vector<double>{1.5, 3});
    const auto same = random_map(2, 3, 3);
    CHECK(resize_area(same, 3, 3).values == same.values);
    CHECK(resize_area(row({1, 2, 3, 4}), 1, 1).values.front() == 2.5);
}

TEST_CASE("a convolution is the sum over its window, with zeros around") {
    const auto map = random_map(3, 4, 5);
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (const std::int64_t size : {1, 3, 5}) {
        Convolution convolution{2, 3, size, {}, {0.5F, -1}};
        for (std::int64_t i = 0; i < 2 * 3 * size * size; ++i) convolution.weights.push_back(normal(random));
        const auto made = convolve(convolution, map);
        for (std::int64_t o = 0; o < 2; ++o) {
            for (std::int64_t y = 0; y < 4; ++y) {
                for (std::int64_t x = 0; x < 5; ++x) {
                    double sum = convolution.bias[static_cast<std::size_t>(o)];
                    for (std::int64_t c = 0; c < 3; ++c) {
                        for (std::int64_t i = 0; i < size * size; ++i) {
                            const auto at_y = y + i / size - size / 2;
                            const auto at_x = x + i % size - size / 2;
                            if (at_y < 0 || at_y >= 4 || at_x < 0 || at_x >= 5) continue;
                            sum += static_cast<double>(convolution.weights[static_cast<std::size_t>(
                                       (o * 3 + c) * size * size + i)]) *
                                   map.at(c, at_y, at_x);
                        }
                    }
                    CHECK(made.at(o, y, x) == Approx(sum).epsilon(1e-12));
                }
            }
        }
    }
    CHECK_THROWS_AS(convolve({1, 2, 1, {1, 1}, {0}}, map), std::invalid_argument);
}

TEST_CASE("a group norm centres and scales each group, then each channel") {
    ImageMap map(2, 1, 2);
    map.values = {1, 3, 10, 10};
    const std::vector<float> weight = {2, 5};
    const std::vector<float> bias = {0.5F, -1};
    const auto made = group_norm(map, 2, weight, bias);
    const auto scale = 1 / std::sqrt(1 + 1e-6);
    CHECK(made.values[0] == Approx(0.5 - 2 * scale));
    CHECK(made.values[1] == Approx(0.5 + 2 * scale));
    CHECK(made.values[2] == Approx(-1));
    CHECK_THROWS_AS(group_norm(map, 3, weight, bias), std::invalid_argument);
}

TEST_CASE("pixels are doubled both ways, and SiLU is x over 1 + e^-x") {
    ImageMap map(1, 1, 2);
    map.values = {1, 2};
    CHECK(double_nearest(map).values == std::vector<double>{1, 1, 2, 2, 1, 1, 2, 2});
    CHECK(silu(map).values[1] == Approx(2 / (1 + std::exp(-2.0))));
}
