// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <benchmark/benchmark.h>

#include "models/formats/quantize.hpp"
#include "models/kernels/four_bit_dot.hpp"
#include "models/kernels/grouped_dot.hpp"
#include "models/networks/mamba.hpp"
#include "models/weights/synthetic_mamba.hpp"

namespace {

using namespace tilewright::models;

constexpr std::size_t elements = 1 << 16;

std::vector<float> gaussian() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> values(elements);
    for (auto& value : values) value = normal(random);
    return values;
}

void count_elements(benchmark::State& state) {
    state.SetItemsProcessed(static_cast<std::int64_t>(elements) * state.iterations());
}

void quantize_codes(benchmark::State& state, const char* format, std::size_t group, ScaleRule rule,
                    TieRule ties) {
    const GroupEncoder encoder(number_format(format), {group, rule, MxScaleMode::floor, ties});
    const auto values = gaussian();
    std::vector<std::uint16_t> codes(elements);
    std::vector<float> scales(encoder.groups(elements));
    for (auto _ : state) {
        encoder.encode(values, codes, scales);
        benchmark::DoNotOptimize(codes.data());
    }
    count_elements(state);
}

void quantize_units(benchmark::State& state, const char* format, std::size_t group) {
    const GroupEncoder encoder(number_format(format), {group});
    const auto values = gaussian();
    std::vector<std::int8_t> units(elements);
    std::vector<float> scales(encoder.groups(elements));
    for (auto _ : state) {
        encoder.encode_units(values, units, scales);
        benchmark::DoNotOptimize(units.data());
    }
    count_elements(state);
}
BENCHMARK_CAPTURE(quantize_units, int8_128, "int8", 128);
BENCHMARK_CAPTURE(quantize_units, e2m1_32, "e2m1", 32);

std::vector<std::int8_t> bytes(unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::int8_t> result(elements);
    for (auto& value : result) value = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
    return result;
}

void dot_of_groups(benchmark::State& state) {
    const auto a = bytes(1);
    const auto b = bytes(2);
    const auto group = static_cast<std::size_t>(state.range(0));
    std::vector<std::int32_t> sums(elements / group);
    for (auto _ : state) {
        grouped_dot(a, b, group, sums);
        benchmark::DoNotOptimize(sums.data());
    }
    count_elements(state);
}
BENCHMARK(dot_of_groups)->Arg(8)->Arg(32)->Arg(128)->Arg(4096);

void dot_of_e2m1_codes(benchmark::State& state) {
    const FourBitDot dot(number_format("e2m1"), number_format("e2m1"));
    std::mt19937 random(1);
    std::vector<std::uint8_t> codes(elements);
    for (auto& code : codes) code = static_cast<std::uint8_t>(random() % 16);
    for (auto _ : state) benchmark::DoNotOptimize(dot.dot(codes, codes));
    count_elements(state);
}
BENCHMARK(dot_of_e2m1_codes);

// As quantize_groups() allocates its results.
void quantize_into_new_memory(benchmark::State& state) {
    const auto values = gaussian();
    for (auto _ : state) {
        benchmark::DoNotOptimize(tilewright::models::quantize_groups(values, number_format("e2m1"), {128}));
    }
    count_elements(state);
}
BENCHMARK(quantize_into_new_memory);

// One full-width block of Mamba2-2.7B.
void draw_synthetic_block(benchmark::State& state) {
    MambaConfig config;
    config.layers = 1;
    config.d_model = 2560;
    config.vocabulary = 16;
    std::int64_t weights = 0;
    for (auto _ : state) {
        const SyntheticMamba network(config, 1, ElementType::bf16);
        weights = 0;
        for (const auto& [name, view] : network.tensors()) weights += view.elements();
    }
    state.SetItemsProcessed(weights * state.iterations());
}
BENCHMARK(draw_synthetic_block)->Unit(benchmark::kMillisecond);

const bool registered = [] {
    for (const auto* format : {"int4", "int8", "e2m1", "e2m3", "e4m3"}) {
        const auto add = [&](const char* scale, std::size_t group, ScaleRule rule, TieRule ties) {
            const auto name = "quantize_codes/" + std::string(format) + "_" + scale;
            benchmark::RegisterBenchmark(name.c_str(), quantize_codes, format, group, rule, ties);
        };
        add("absmax_128", 128, ScaleRule::absmax, TieRule::to_even);
        add("absmax_128_half_up", 128, ScaleRule::absmax, TieRule::half_up);
        add("pot_32", 32, ScaleRule::power_of_two, TieRule::to_even);
        add("mx_32", 32, ScaleRule::mx, TieRule::to_even);
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
