// SPDX-License-Identifier: Apache-2.0
// Against convolutions of the integers +1, -1 and 0.
#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "models/kernels/binary_convolution.hpp"
#include "tests/models/simd_targets.hpp"

using namespace tilewright::models;
using tilewright::test::for_every_simd_target;

namespace {

struct Case {
    std::int64_t height;
    std::int64_t width;
    std::int64_t inputs;
    std::int64_t outputs;
    std::vector<float> map;      // [height, width, inputs]
    std::vector<float> weights;  // [outputs, 3, 3, inputs]

    Case(std::int64_t h, std::int64_t w, std::int64_t in, std::int64_t out, std::uint64_t seed)
        : height(h), width(w), inputs(in), outputs(out) {
        std::mt19937_64 random(seed);
        const auto draw = [&] {
            const float numbers[] = {-1.5F, -0.0F, 0.0F, 1e-40F, -1e-40F, 2.0F, -7.0F, 0.25F};
            return numbers[random() % 8];
        };
        for (std::int64_t i = 0; i < h * w * in; ++i) map.push_back(draw());
        for (std::int64_t i = 0; i < out * 9 * in; ++i) weights.push_back(draw());
    }

    SignMap signs() const {
        SignMap result({height, width}, inputs);
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                result.set_pixel(y, x,
                                 std::span(map).subspan(static_cast<std::size_t>((y * width + x) * inputs),
                                                        static_cast<std::size_t>(inputs)));
            }
        }
        return result;
    }
    BinaryConvolution convolution() const {
        return {outputs, inputs, pack_signs(std::span(weights), inputs)};
    }
};

// The image with a border of zeros, then sums of products.
std::vector<std::int32_t> naive(const Case& c) {
    const auto sign = [](float value) { return value < 0 ? -1 : 1; };
    const auto padded = [&](std::int64_t y, std::int64_t x, std::int64_t channel) {
        if (y < 0 || x < 0 || y == c.height || x == c.width) return 0;
        return sign(c.map[static_cast<std::size_t>((y * c.width + x) * c.inputs + channel)]);
    };
    std::vector<std::int32_t> result;
    for (std::int64_t y = 0; y < c.height; ++y) {
        for (std::int64_t x = 0; x < c.width; ++x) {
            for (std::int64_t o = 0; o < c.outputs; ++o) {
                int sum = 0;
                for (int ky = 0; ky < 3; ++ky) {
                    for (int kx = 0; kx < 3; ++kx) {
                        for (std::int64_t i = 0; i < c.inputs; ++i) {
                            sum += padded(y + ky - 1, x + kx - 1, i) *
                                   sign(c.weights[static_cast<std::size_t>(
                                       ((o * 3 + ky) * 3 + kx) * c.inputs + i)]);
                        }
                    }
                }
                result.push_back(sum);
            }
        }
    }
    return result;
}

std::vector<std::int32_t> made(const Case& c) {
    return c.convolution().rows(c.signs(), {0, c.height});
}

// The nine bits of a number as signs.
std::vector<float> nine_signs(unsigned number) {
    std::vector<float> result;
    for (unsigned i = 0; i < 9; ++i) result.push_back((number >> i & 1U) != 0 ? 1.0F : -1.0F);
    return result;
}

}  // namespace

TEST_CASE("binary convolution: all 3x3 images of one channel by all weights") {
    Case all(3, 3, 1, 512, 1);
    all.weights.clear();
    for (unsigned weights = 0; weights < 512; ++weights) {
        const auto signs = nine_signs(weights);
        all.weights.insert(all.weights.end(), signs.begin(), signs.end());
    }
    int wrong = 0;
    for (unsigned image = 0; image < 512; ++image) {
        all.map = nine_signs(image);
        if (made(all) != naive(all)) ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("binary convolution: images of any size and channels, one pixel too") {
    CHECK(rc::check("sums of signs", [] {
        const Case c(*rc::gen::inRange(1, 6), *rc::gen::inRange(1, 6), *rc::gen::inRange(1, 200),
                     *rc::gen::inRange(1, 5), *rc::gen::arbitrary<std::uint64_t>());
        RC_ASSERT(made(c) == naive(c));
    }));
}

TEST_CASE("binary convolution: every instruction set, around whole words") {
    const auto targets = for_every_simd_target([](const std::string&) {
        for (const std::int64_t channels : {1, 7, 63, 64, 65, 127, 128, 129, 256, 300}) {
            const Case c(3, 2, channels, 3, static_cast<std::uint64_t>(channels));
            CAPTURE(channels);
            CHECK(made(c) == naive(c));
        }
    });
    CHECK(targets >= 1);
}

TEST_CASE("binary convolution: rows and outputs are parts of the whole") {
    CHECK(rc::check("parts", [] {
        const Case c(*rc::gen::inRange(1, 7), *rc::gen::inRange(1, 5), *rc::gen::inRange(1, 80),
                     *rc::gen::inRange(1, 6), *rc::gen::arbitrary<std::uint64_t>());
        const auto whole = naive(c);
        const auto signs = c.signs();
        const auto convolution = c.convolution();
        const auto begin = *rc::gen::inRange<std::int64_t>(0, c.height + 1);
        const auto end = *rc::gen::inRange<std::int64_t>(begin, c.height + 1);
        const auto row = c.width * c.outputs;
        RC_ASSERT(convolution.rows(signs, {begin, end}) ==
                  std::vector(whole.begin() + begin * row, whole.begin() + end * row));

        const auto first = *rc::gen::inRange<std::int64_t>(0, c.outputs);
        std::vector<std::int32_t> dots(
            static_cast<std::size_t>(*rc::gen::inRange<std::int64_t>(0, c.outputs - first + 1)));
        convolution.pixel(signs, c.height - 1, c.width - 1, dots, first);
        const auto from = whole.end() - c.outputs + first;
        RC_ASSERT(std::equal(dots.begin(), dots.end(), from));
    }));
}

TEST_CASE("binary convolution: zeros of both signs are +1, what is not a number is refused") {
    const std::vector<float> values{0.0F, -0.0F, -1.0F, std::numeric_limits<float>::infinity()};
    CHECK(pack_signs(std::span<const float>(values), 4) == std::vector<std::uint64_t>{0b1011});
    CHECK(pack_signs(std::span<const float>(values), 2) == std::vector<std::uint64_t>{0b11, 0b10});
    const std::vector<double> wide{-0.0, -std::numeric_limits<double>::denorm_min()};
    CHECK(pack_signs(std::span<const double>(wide), 2) == std::vector<std::uint64_t>{0b01});
    const std::vector<float> bad{1, NAN};
    CHECK_THROWS_AS(pack_signs(std::span<const float>(bad), 2), std::invalid_argument);
    SignMap map({1, 1}, 2);
    CHECK_THROWS_AS(map.set_pixel(0, 0, std::span<const float>(bad)), std::invalid_argument);
}

TEST_CASE("binary convolution: a pixel can be set again, and differences are counted") {
    SignMap one({1, 2}, 70);
    SignMap other({1, 2}, 70);
    std::vector<float> values(70, 1.0F);
    one.set_pixel(0, 1, std::span<const float>(values));
    CHECK(one.differences(other) == 70);
    values[69] = -1;
    one.set_pixel(0, 1, std::span<const float>(values));
    CHECK(one.differences(other) == 69);
    other.set_pixel(0, 1, std::span<const float>(values));
    CHECK(one.differences(other) == 0);
    CHECK_THROWS_AS(one.differences(SignMap({2, 1}, 70)), std::invalid_argument);
}

TEST_CASE("binary convolution: sizes that do not fit are refused") {
    const Case c(2, 3, 5, 4, 1);
    const auto signs = c.signs();
    const auto convolution = c.convolution();
    std::vector<std::int32_t> dots(4);
    CHECK_NOTHROW(convolution.pixel(signs, 1, 2, dots));
    CHECK_THROWS_AS(convolution.pixel(signs, 2, 0, dots), std::invalid_argument);
    CHECK_THROWS_AS(convolution.pixel(signs, 0, -1, dots), std::invalid_argument);
    CHECK_THROWS_AS(convolution.pixel(signs, 0, 0, dots, 1), std::invalid_argument);
    CHECK_THROWS_AS(convolution.pixel(SignMap({2, 3}, 6), 0, 0, dots), std::invalid_argument);
    CHECK_THROWS_AS(convolution.rows(signs, {0, 3}), std::invalid_argument);
    CHECK_THROWS_AS(convolution.rows(signs, {-1, 1}), std::invalid_argument);
    CHECK_THROWS_AS(convolution.rows(signs, {2, 1}), std::invalid_argument);
    CHECK_THROWS_AS(BinaryConvolution(4, 5, std::vector<std::uint64_t>(35)), std::invalid_argument);
    CHECK_THROWS_AS(SignMap({0, 3}, 5), std::invalid_argument);
    CHECK_THROWS_AS(SignMap({2, 3}, 0), std::invalid_argument);
    CHECK_THROWS_AS(SignMap({2, 3}, 4).set_pixel(0, 0, std::span(c.map).first(5)), std::invalid_argument);
    CHECK_THROWS_AS(pack_signs(std::span(c.map), 4), std::invalid_argument);
}
