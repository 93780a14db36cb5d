// SPDX-License-Identifier: Apache-2.0
// The operators of the power-of-two SSM against one that knows integers and shifts only.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "models/networks/mamba_operators.hpp"

using namespace tilewright::models;

namespace {

Quantization int8_groups(int least_exponent) {
    Quantization result;
    result.format = number_format("int8");
    result.group_size = 8;
    result.scale_kind = ScaleKind::power_of_two;
    result.scale_bits = 4;
    result.scale_exponent_min = least_exponent;
    return result;
}

Recipe power_of_two_recipe() {
    Recipe recipe;
    recipe.convolution = int8_groups(-15);
    recipe.state = int8_groups(-13);
    recipe.ssm_intermediate = number_format("int16");
    recipe.residual = number_format("int32");
    recipe.residual_fraction_bits = 10;
    recipe.ties = TieRule::half_up;
    recipe.functions = FunctionUnits::tables;
    return recipe;
}

MambaConfig small_network() {
    MambaConfig config;
    config.layers = 1;
    config.d_model = 16;
    config.d_state = 16;
    config.head_dim = 16;
    config.vocabulary = 1;
    return config;
}

// A group of integers that share a power of two.
struct Integers {
    std::vector<std::int64_t> mantissas;
    int exponent = 0;
};

// value >> shift, half up; or << for a negative shift.
std::int64_t shift_right(std::int64_t value, int shift) {
    if (shift <= 0) return value << -shift;
    return (value + (std::int64_t{1} << (shift - 1))) >> shift;
}

// Eight numbers m_i 2^e_i to INT8 with the smallest exponent of 4 bits that holds them.
Integers requantize(const std::vector<std::int64_t>& mantissas, const std::vector<int>& exponents,
                    int least) {
    Integers result;
    for (result.exponent = least; result.exponent < least + 15; ++result.exponent) {
        bool fits = true;
        for (std::size_t i = 0; i < mantissas.size(); ++i) {
            // |m| 2^e <= 127 2^exponent, in integers
            const auto left = std::abs(mantissas[i]) << std::max(0, exponents[i] - result.exponent);
            const auto right = std::int64_t{127} << std::max(0, result.exponent - exponents[i]);
            fits = fits && left <= right;
        }
        if (fits) break;
    }
    for (std::size_t i = 0; i < mantissas.size(); ++i) {
        const auto shifted = shift_right(mantissas[i], result.exponent - exponents[i]);
        result.mantissas.push_back(std::clamp<std::int64_t>(shifted, -127, 127));
    }
    return result;
}

struct Product {
    std::int64_t mantissa;
    int exponent;
};

Product add(const Product& a, const Product& b) {
    const auto exponent = std::max(a.exponent, b.exponent);
    const auto sum =
        shift_right(a.mantissa, exponent - a.exponent) + shift_right(b.mantissa, exponent - b.exponent);
    return {std::clamp<std::int64_t>(sum, -32767, 32767), exponent};
}

double value(std::int64_t mantissa, int exponent) {
    return std::ldexp(static_cast<double>(mantissa), exponent);
}

Integers random_group(std::mt19937_64& random, int least) {
    Integers group;
    group.exponent = least + static_cast<int>(random() % 16);
    for (int i = 0; i < 8; ++i) group.mantissas.push_back(static_cast<std::int64_t>(random() % 255) - 127);
    return group;
}

}  // namespace

TEST_CASE("a step of the power-of-two SSM is integers and shifts") {
    const auto config = small_network();
    const MambaOperators operators(power_of_two_recipe(), config);
    std::mt19937_64 random(5);
    for (int trial = 0; trial < 400; ++trial) {
        // dt B and C over 16 states, x and h over a group of 8 channels, one decay.
        const Integers gains[2] = {random_group(random, -15), random_group(random, -15)};
        const Integers c[2] = {random_group(random, -15), random_group(random, -15)};
        const auto x = random_group(random, -15);
        const Product decay{static_cast<std::int64_t>(random() % 128), -15 + static_cast<int>(random() % 9)};
        std::vector<Integers> h;  // by state
        for (int n = 0; n < 16; ++n) h.push_back(random_group(random, -13));
        const double d = static_cast<double>(random() % 64) / 32;

        Elements hidden;
        for (const auto& group : h) {
            for (const auto m : group.mantissas) hidden.values.push_back(value(m, group.exponent));
            hidden.exponents.push_back(group.exponent);
        }
        // A second group of channels that nothing may touch.
        const auto untouched = hidden.values;
        hidden.values.insert(hidden.values.end(), untouched.begin(), untouched.end());
        hidden.exponents.insert(hidden.exponents.end(), hidden.exponents.begin(), hidden.exponents.end());
        hidden.values.resize(32 * 16);
        hidden.exponents.resize(4 * 16);
        std::vector<double> gain_values;
        std::vector<double> c_values;
        for (int n = 0; n < 16; ++n) {
            const auto& g = gains[n / 8];
            gain_values.push_back(value(g.mantissas[static_cast<std::size_t>(n % 8)], g.exponent));
            c_values.push_back(value(c[n / 8].mantissas[static_cast<std::size_t>(n % 8)], c[n / 8].exponent));
        }
        const std::vector<int> gain_exponents = {gains[0].exponent, gains[1].exponent};

        std::vector<double> sums;
        std::vector<double> y;
        for (std::size_t channel = 0; channel < 8; ++channel) {
            const auto bx = operators.outer_product(gain_values, gain_exponents,
                                                    value(x.mantissas[channel], x.exponent), x.exponent);
            const auto ah = operators.decay_state(
                std::vector<double>(16, value(decay.mantissa, decay.exponent)),
                std::vector<int>(16, decay.exponent), hidden, static_cast<std::int64_t>(channel));
            const auto s = operators.add_rows(bx, ah);
            sums.insert(sums.end(), s.begin(), s.end());
            y.push_back(operators.contract_state(s, c_values, d, value(x.mantissas[channel], x.exponent)));
        }
        operators.store_state(sums, 0, hidden);

        // The same in integers.
        std::vector<std::vector<Product>> s(8, std::vector<Product>(16));
        for (std::size_t channel = 0; channel < 8; ++channel) {
            for (std::size_t n = 0; n < 16; ++n) {
                const auto& g = gains[n / 8];
                const Product bx{g.mantissas[n % 8] * x.mantissas[channel], g.exponent + x.exponent};
                const Product ah{decay.mantissa * h[n].mantissas[channel], decay.exponent + h[n].exponent};
                s[channel][n] = add(bx, ah);
                REQUIRE(sums[channel * 16 + n] == value(s[channel][n].mantissa, s[channel][n].exponent));
            }
        }
        for (std::size_t n = 0; n < 16; ++n) {
            std::vector<std::int64_t> mantissas;
            std::vector<int> exponents;
            for (std::size_t channel = 0; channel < 8; ++channel) {
                mantissas.push_back(s[channel][n].mantissa);
                exponents.push_back(s[channel][n].exponent);
            }
            const auto kept = requantize(mantissas, exponents, -13);
            REQUIRE(hidden.exponents[n] == kept.exponent);
            for (std::size_t channel = 0; channel < 8; ++channel) {
                REQUIRE(hidden.values[n * 8 + channel] == value(kept.mantissas[channel], kept.exponent));
            }
        }
        for (std::size_t channel = 0; channel < 8; ++channel) {
            // h C in units of 2^-28: the smallest exponents of both factors.
            std::int64_t sum = 0;
            for (std::size_t part = 0; part < 2; ++part) {
                std::vector<std::int64_t> mantissas;
                std::vector<int> exponents;
                for (std::size_t n = 8 * part; n < 8 * part + 8; ++n) {
                    mantissas.push_back(s[channel][n].mantissa);
                    exponents.push_back(s[channel][n].exponent);
                }
                const auto rounded = requantize(mantissas, exponents, -13);
                for (std::size_t n = 0; n < 8; ++n) {
                    sum += rounded.mantissas[n] * c[part].mantissas[n]
                           << (rounded.exponent + c[part].exponent + 28);
                }
            }
            REQUIRE(y[channel] == value(sum, -28) + d * value(x.mantissas[channel], x.exponent));
        }
        CHECK(std::equal(untouched.begin(), untouched.end(), hidden.values.begin() + 128));
    }
}

TEST_CASE("the convolution keeps its last inputs and sums exactly") {
    const auto config = small_network();
    const MambaOperators operators(power_of_two_recipe(), config);
    auto state = operators.initial_state();
    const auto channels = static_cast<std::size_t>(config.convolution_channels());
    std::vector<double> taps(channels * 4);
    for (std::size_t i = 0; i < taps.size(); ++i) taps[i] = static_cast<double>(i % 7) / 8 - 0.375;
    const std::vector<double> bias(channels, 0.25);
    std::vector<std::vector<double>> inputs;
    for (int token = 0; token < 6; ++token) {
        std::vector<double> raw(channels);
        for (std::size_t i = 0; i < channels; ++i) raw[i] = std::sin(static_cast<double>(i + 10U * token));
        inputs.push_back(operators.to_elements(raw).values);
        const auto whole = [&] {
            auto window = state.window;
            return operators.convolve(raw, 0, taps, bias, window);
        }();
        // In two ranges, which is what tiles do.
        const auto first = operators.convolve(std::span(raw).first(24), 0, taps, bias, state.window);
        const auto second = operators.convolve(std::span(raw).subspan(24), 24, taps, bias, state.window);
        auto joined = first.values;
        joined.insert(joined.end(), second.values.begin(), second.values.end());
        CHECK(joined == whole.values);
        std::vector<double> expected(channels);
        for (std::size_t i = 0; i < channels; ++i) {
            double sum = 0.25;
            for (int tap = 0; tap < 4; ++tap) {
                const auto at = token - 3 + tap;
                if (at >= 0)
                    sum +=
                        taps[4 * i + static_cast<std::size_t>(tap)] * inputs[static_cast<std::size_t>(at)][i];
            }
            expected[i] = operators.functions().silu(sum);
        }
        CHECK(whole.values == operators.to_elements(expected).values);
    }
}

TEST_CASE("the residual stream is fixed point and saturates") {
    const MambaOperators operators(power_of_two_recipe(), small_network());
    CHECK(operators.to_residual(1.0 / 2048) == 1.0 / 1024);  // half a unit goes up
    CHECK(operators.add_residual(3, 1.25) == 4.25);
    CHECK(operators.add_residual(2097151, 100) == (std::exp2(31) - 1) / 1024);
}
