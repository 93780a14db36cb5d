// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "accel/report/evaluate.hpp"
#include "accel/report/heap.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "accel/trace/background_observer.hpp"
#include "accel/trace/chrome_trace.hpp"
#include "accel/trace/vcd_trace.hpp"

namespace {

using namespace tilewright;

accel::DesignDocument shipped(const std::string& name) {
    return accel::DesignDocument::load(std::filesystem::path(TILEWRIGHT_SOURCE_DIR) / "configs" / "designs" /
                                       (name + ".json"));
}

const accel::DesignDocument& lightmamba() {
    static const auto document = shipped("lightmamba-vck190-w4a4");
    return document;
}

struct Prepared {
    accel::Design design = lightmamba().parse();
    models::OperatorGraph graph = models::build_mamba_graph(design.network, design.step());
    accel::TileProgram program = accel::build_program(design, graph);
};

void build_program(benchmark::State& state) {
    const Prepared prepared;
    for (auto _ : state) benchmark::DoNotOptimize(accel::build_program(prepared.design, prepared.graph));
}
BENCHMARK(build_program)->Unit(benchmark::kMillisecond);

void check_program(benchmark::State& state) {
    const Prepared prepared;
    for (auto _ : state) benchmark::DoNotOptimize(accel::check_program(prepared.program));
}
BENCHMARK(check_program)->Unit(benchmark::kMillisecond);

void lower_bound(benchmark::State& state) {
    const Prepared prepared;
    for (auto _ : state) benchmark::DoNotOptimize(accel::lower_bound(prepared.design, prepared.graph));
}
BENCHMARK(lower_bound)->Unit(benchmark::kMicrosecond);

// One decode token of Mamba2-2.7B, every tile and every burst.
void simulate_token(benchmark::State& state) {
    const Prepared prepared;
    for (auto _ : state) benchmark::DoNotOptimize(accel::simulate(prepared.design, prepared.program));
}
BENCHMARK(simulate_token)->Unit(benchmark::kMillisecond);

// The same with the controller of the DRAM working command by command.
void simulate_token_by_command(benchmark::State& state) {
    Prepared prepared;
    prepared.design.memory_controls["ddr4"].model = accel::DramModel::commands;
    for (auto _ : state) benchmark::DoNotOptimize(accel::simulate(prepared.design, prepared.program));
}
BENCHMARK(simulate_token_by_command)->Unit(benchmark::kMillisecond);

// On 32 channels of HBM, which one stands for.
void simulate_token_on_hbm(benchmark::State& state) {
    const auto design = shipped("lightmamba-u280-w4a4").parse();
    const auto program = accel::build_program(design, accel::build_graph(design));
    for (auto _ : state) benchmark::DoNotOptimize(accel::simulate(design, program));
}
BENCHMARK(simulate_token_on_hbm)->Unit(benchmark::kMillisecond);

// One image of VAR-d30 from design to report: program, simulation, costs.
void evaluate_image(benchmark::State& state) {
    const auto document = shipped("fpqvar-vck190-fp4");
    for (auto _ : state) {
        benchmark::DoNotOptimize(accel::evaluate(document, accel::Fidelity::timing));
    }
}
BENCHMARK(evaluate_image)->Unit(benchmark::kMillisecond);

// As `run` does it: the trace is written by a second thread.
template <typename MakeTrace>
void simulate_token_with(benchmark::State& state, MakeTrace make_trace) {
    const Prepared prepared;
    const auto path = (std::filesystem::temp_directory_path() / "tilewright_benchmark.trace").string();
    for (auto _ : state) {
        accel::BackgroundObserver trace(make_trace(prepared, path));
        benchmark::DoNotOptimize(accel::simulate(prepared.design, prepared.program, &trace));
    }
    std::filesystem::remove(path);
}
BENCHMARK_CAPTURE(simulate_token_with, vcd, [](const Prepared& prepared, const std::string& path) {
    return std::make_unique<accel::VcdTrace>(prepared.program, memory::period_fs(prepared.design.clock_hz),
                                             path);
})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(simulate_token_with, chrome_trace, [](const Prepared& prepared, const std::string& path) {
    return std::make_unique<accel::ChromeTrace>(prepared.program, path);
})->Unit(benchmark::kMillisecond);

// A whole point of a sweep: design to report.
void evaluate_design(benchmark::State& state) {
    for (auto _ : state) {
        const auto evaluation = accel::evaluate(lightmamba(), accel::Fidelity::timing);
        benchmark::DoNotOptimize(accel::make_report(lightmamba(), evaluation));
    }
}
BENCHMARK(evaluate_design)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int count, char** words) {
    tilewright::accel::keep_freed_memory();  // as the program does
    benchmark::Initialize(&count, words);
    if (benchmark::ReportUnrecognizedArguments(count, words)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
