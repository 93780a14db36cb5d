// SPDX-License-Identifier: Apache-2.0
// Against sums of exact rational numbers.
#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "exact_rational.hpp"
#include "models/kernels/quantized_linear.hpp"
#include "quantizations.hpp"

using namespace tilewright::models;
using tilewright::test::quantization;
using namespace tilewright::test;

namespace {

struct Layer {
    Quantization weights;
    Quantization activations;
    std::int64_t inputs = 256;
    std::vector<float> matrix;
    std::vector<double> x;
    QuantizedMatrix quantized;

    Layer(const Quantization& w, const Quantization& a, std::uint64_t seed) : weights(w), activations(a) {
        std::mt19937_64 random(seed);
        std::student_t_distribution<double> tails(4);
        for (std::int64_t i = 0; i < 6 * inputs; ++i)
            matrix.push_back(static_cast<float>(0.05 * tails(random)));
        for (std::int64_t i = 0; i < inputs; ++i) x.push_back(tails(random));
        quantized = quantize_matrix(matrix, 6, inputs, w, TieRule::half_up);
    }

    // The weights' and inputs' exact values, scale apart, by element.
    Rational weight(std::int64_t n, std::int64_t k) const {
        const auto at = static_cast<std::size_t>(n * inputs + k);
        return quantized.units.empty()
                   ? Rational(decode(weights.format, quantized.codes[at]))
                   : Rational(quantized.units[at]) * Rational(std::ldexp(1.0, unit_exponent(weights.format)));
    }
    double weight_scale(std::int64_t n, std::int64_t k) const {
        if (weights.group_size == 0) return 1;
        return std::ldexp(quantized.scales[static_cast<std::size_t>((n * inputs + k) / weights.group_size)],
                          quantized.scale_base);
    }
};

// What the format and scales make of the inputs, by the codes alone.
std::vector<Rational> inputs_of(const Layer& layer, std::vector<double>& scales) {
    const GroupQuantizer quantizer(layer.activations, TieRule::half_up);
    std::vector<std::uint16_t> codes(layer.x.size());
    scales.resize(quantizer.groups(layer.x.size()));
    quantizer.encode(layer.x, codes, scales);
    std::vector<Rational> values;
    for (const auto code : codes) values.emplace_back(decode(layer.activations.format, code));
    return values;
}

}  // namespace

TEST_CASE("layers with power-of-two scales are exact sums") {
    for (const auto& [w, a] : {std::pair{quantization("int4", 64, ScaleKind::sum_of_two_powers, 6),
                                         quantization("int4", 8, ScaleKind::power_of_two, 4, -10)},
                               std::pair{quantization("e2m1", 32, ScaleKind::power_of_two, 4, -12),
                                         quantization("int8", 16, ScaleKind::power_of_two, 3, -6)}}) {
        const Layer layer(w, a, 3);
        const QuantizedLinear kernel(w, a, layer.inputs, 64, TieRule::half_up);
        const auto made = kernel.apply(layer.quantized, layer.x);
        std::vector<double> scales;
        const auto x = inputs_of(layer, scales);
        for (std::int64_t n = 0; n < 6; ++n) {
            Rational sum = 0;
            for (std::int64_t k = 0; k < layer.inputs; ++k) {
                sum += layer.weight(n, k) * Rational(layer.weight_scale(n, k)) *
                       x[static_cast<std::size_t>(k)] *
                       Rational(scales[static_cast<std::size_t>(k / a.group_size)]);
            }
            CHECK(Rational(made[static_cast<std::size_t>(n)]) == sum);
        }
    }
}

TEST_CASE("layers with floating-point scales round once for every step that they name") {
    for (const auto* format : {"int4", "int8", "e2m1", "e2m3", "e4m3"}) {
        const auto w = quantization(format, 64, ScaleKind::floating_point, 16);
        const auto a = quantization(format, 32, ScaleKind::floating_point, 16);
        const Layer layer(w, a, 5);
        const QuantizedLinear kernel(w, a, layer.inputs, 64, TieRule::half_up);
        const auto made = kernel.apply(layer.quantized, layer.x);
        std::vector<double> scales;
        const auto x = inputs_of(layer, scales);
        for (std::int64_t n = 0; n < 6; ++n) {
            // In units of the product, so that powers of two do not matter.
            const Rational unit = std::ldexp(1.0, 2 * unit_exponent(w.format));
            float sum = 0;
            for (std::int64_t k = 0; k < layer.inputs; k += 32) {
                Rational segment = 0;
                for (auto i = k; i < k + 32; ++i)
                    segment += layer.weight(n, i) * x[static_cast<std::size_t>(i)];
                const auto scale = nearest_float(Rational(scales[static_cast<std::size_t>(k / 32)]) *
                                                 Rational(layer.weight_scale(n, k)));
                const auto product = nearest_float(Rational(nearest_float(segment / unit)) * Rational(scale));
                sum = nearest_float(Rational(sum) + Rational(product));
            }
            CHECK(Rational(made[static_cast<std::size_t>(n)]) == Rational(sum) * unit);
        }
    }
}

TEST_CASE("layers without scales are exact sums, rounded once") {
    const auto fp16 = quantization("fp16", 0, ScaleKind::none, 0);
    const Layer layer(fp16, fp16, 9);
    const QuantizedLinear kernel(fp16, fp16, layer.inputs, 32, TieRule::half_up);
    const auto made = kernel.apply(layer.quantized, layer.x);
    std::vector<double> scales;
    const auto x = inputs_of(layer, scales);
    for (std::int64_t n = 0; n < 6; ++n) {
        Rational sum = 0;
        for (std::int64_t k = 0; k < layer.inputs; ++k)
            sum += layer.weight(n, k) * x[static_cast<std::size_t>(k)];
        CHECK(made[static_cast<std::size_t>(n)] == static_cast<double>(nearest_float(sum)));
    }
}

TEST_CASE("any cut of the inputs gives the same bits") {
    for (const auto& [w, a] :
         {std::pair{quantization("int4", 32, ScaleKind::floating_point, 16),
                    quantization("int8", 64, ScaleKind::floating_point, 16)},
          std::pair{quantization("int4", 32, ScaleKind::sum_of_two_powers, 6),
                    quantization("int4", 8, ScaleKind::power_of_two, 4, -10)},
          std::pair{quantization("fp16", 0, ScaleKind::none, 0), quantization("fp16", 0, ScaleKind::none, 0)},
          std::pair{quantization("bf16", 0, ScaleKind::none, 0),
                    quantization("int8", 32, ScaleKind::floating_point, 16)}}) {
        const Layer layer(w, a, 13);
        const QuantizedLinear kernel(w, a, layer.inputs, 24, TieRule::half_up);
        const auto whole = kernel.apply(layer.quantized, layer.x);
        const auto input = kernel.quantize_input(layer.x);
        std::mt19937_64 random(1);
        for (int trial = 0; trial < 50; ++trial) {
            for (std::int64_t n = 0; n < 6; ++n) {
                LinearSum sum;
                for (std::int64_t k = 0; k < layer.inputs;) {
                    const auto count = std::min<std::int64_t>(
                        layer.inputs - k, 32 * (1 + static_cast<std::int64_t>(random() % 4)));
                    const auto at = static_cast<std::size_t>(n * layer.inputs + k);
                    const auto size = static_cast<std::size_t>(count);
                    const auto part = [&](const auto& all) {
                        const std::span from(all);
                        return all.empty() ? from : from.subspan(at, size);
                    };
                    const std::span scales(layer.quantized.scales);
                    kernel.accumulate(sum, input, k, count, part(layer.quantized.units),
                                      part(layer.quantized.codes),
                                      scales.empty() ? scales : scales.subspan(at / 32));
                    k += count;
                }
                CHECK(kernel.finish(sum, layer.quantized.scale_base) == whole[static_cast<std::size_t>(n)]);
            }
        }
    }
}

TEST_CASE("an accumulator that is too narrow wraps, and the width that suffices is known") {
    const auto w = quantization("int8", 64, ScaleKind::floating_point, 32);
    QuantizedLinear wide(w, w, 64, 64, TieRule::to_even);
    CHECK(wide.required_accumulator_bits() == 21);  // 64 x 127^2 < 2^20, and the sign
    // All weights and inputs at their largest: the sum of the codes is 64 x 127 x 127 = 1,032,256.
    const std::vector<float> ones(64, 1.0F);
    const std::vector<double> x(64, 1.0);
    const auto matrix = quantize_matrix(ones, 1, 64, w, TieRule::to_even);
    const auto scale = static_cast<float>(static_cast<double>(static_cast<float>(1.0 / 127)) *
                                          static_cast<double>(static_cast<float>(1.0 / 127)));
    CHECK(wide.apply(matrix, x)[0] == static_cast<double>(1032256.0F * scale));
    CHECK(QuantizedLinear(w, w, 64, 21, TieRule::to_even).apply(matrix, x)[0] == wide.apply(matrix, x)[0]);
    // Modulo 2^20 in two's complement: 1,032,256 - 1,048,576 = -16,320.
    CHECK(QuantizedLinear(w, w, 64, 20, TieRule::to_even).apply(matrix, x)[0] ==
          static_cast<double>(-16320.0F * scale));
}

TEST_CASE("sums of two powers are the nearest of their kind") {
    const auto w = quantization("int4", 8, ScaleKind::sum_of_two_powers, 6);
    std::mt19937_64 random(17);
    std::lognormal_distribution<float> sizes(0, 1.5);
    std::vector<float> matrix(800);
    for (std::size_t i = 0; i < matrix.size(); ++i) matrix[i] = i % 8 == 0 ? sizes(random) : 0;
    const auto quantized = quantize_matrix(matrix, 10, 80, w, TieRule::half_up);
    for (std::size_t g = 0; g < 100; ++g) {
        const auto wanted = static_cast<double>(matrix[8 * g]) / 7;
        const auto made = std::ldexp(quantized.scales[g], quantized.scale_base);
        CHECK(decode_scale(w, quantized.scale_fields[g]) == quantized.scales[g]);
        for (int i = 0; i < 8; ++i) {
            for (int j = 0; j < 8; ++j) {
                const auto other = std::ldexp(std::exp2(-i) + std::exp2(-j), quantized.scale_base);
                CHECK(std::abs(made - wanted) <= std::abs(other - wanted));
            }
        }
    }
    CHECK_THROWS_AS(quantize_matrix(std::vector<float>{1, INFINITY}, 1, 2,
                                    quantization("int4", 2, ScaleKind::none, 0), TieRule::half_up),
                    std::invalid_argument);
}
