// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "accel/bound/bound.hpp"
#include "accel/report/evaluate.hpp"
#include "small_design.hpp"
#include "two_ports.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using tilewright::test::design_document;

namespace {

double limit(const Bound& bound, const std::string& name) {
    for (const auto& [limit_name, seconds] : bound.limits_s) {
        if (limit_name == name) return seconds;
    }
    return -1;
}

}  // namespace

TEST_CASE("the limits of the main design are those worked out by hand") {
    const auto design = design_document("lightmamba-vck190-w4a4").parse();
    const auto graph = models::build_mamba_graph(design.network, design.step());
    const auto bound = lower_bound(design, graph);
    // 2,700,369,920 MACs on 64 multipliers at 400 MHz.
    CHECK(limit(bound, "matrix unit") == Approx(2700369920.0 / 64 / 400e6));
    // Weights, SSM state both ways, convolution weights once and state both ways, over 12.8 GB/s.
    const double bytes = 1392378240.0 + 2 * 44564480.0 + 3 * 64 * 22848.0;
    CHECK(limit(bound, "memory port axi0 to ddr4") == Approx(bytes / 12.8e9));
    CHECK(limit(bound, "interconnect link axi0") == Approx(bytes / 16e9));
    CHECK(limit(bound, "memory ddr4") == Approx(bytes / 25.6e9));
    // Fused: three passes of the same lanes over channels x states become one, beside dt B.
    CHECK(limit(bound, "ssm unit") == Approx(64 * (5120 * 128 + 80 * 128) / 8.0 / 400e6));
    CHECK(bound.latency_s == limit(bound, "memory port axi0 to ddr4"));
    CHECK(bound.binds == "memory port axi0 to ddr4");
}

TEST_CASE("a channel that two ports share counts once") {
    auto document = design_document("lightmamba-u280-w4a4");
    auto ports = tilewright::test::split_port(document);
    auto& weights = ports.first;
    auto& state = ports.second;
    weights["channels"] = state["channels"] = 2;
    const auto of_memory = [&](int first) {
        state["first_channel"] = first;
        document.set("/memory_ports", nlohmann::json::array({weights, state}));
        const auto design = document.parse();
        return limit(lower_bound(design, models::build_mamba_graph(design.network, design.step())),
                     "memory hbm");
    };
    CHECK(of_memory(0) == Approx(2 * of_memory(2)));
    CHECK(of_memory(1) == Approx(4.0 / 3 * of_memory(2)));
}

TEST_CASE("designs at the edges stay at or above their bounds") {
    const tilewright::test::Settings edges[] = {
        {},
        {{"/engines/matrix/tile_drain_cycles", 0}},
        {{"/engines/matrix/inputs", 32}, {"/engines/matrix/outputs", 64}, {"/mapping/tile/outputs", 64}},
        {{"/engines/vector/lanes", 1}},
        {{"/engines/ssm/head_dim_unroll", 1}},
        {{"/engines/ssm/head_unroll", 3}, {"/engines/ssm/state_unroll", 7}},
        {{"/memory_ports/0/outstanding", 1}},
        {{"/memory_ports/0/burst_beats", 1},
         {"/memory_ports/0/scales_inside_burst", false},
         {"/network", "mamba2-130m"}},
        {{"/memory_ports/0/width_bits", 512}},
        {{"/clock_hz", 123456789}},
        {{"/recipe", "lightmamba-w8a8"}},
        {{"/network", "mamba2-130m"}},
    };
    for (const auto& settings : edges) {
        CAPTURE(settings.empty() ? std::string("base") : settings.front().first);
        const auto evaluation =
            evaluate(design_document("lightmamba-vck190-w4a4", settings), Fidelity::timing);
        REQUIRE(evaluation.activity);
        CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
        CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);
    }
}

TEST_CASE("every shipped design simulates at or above its bound") {
    for (const auto& entry : std::filesystem::directory_iterator(test::source_path("configs/designs"))) {
        CAPTURE(entry.path().string());
        const auto evaluation = evaluate(DesignDocument::load(entry.path()), Fidelity::timing);
        REQUIRE(evaluation.activity);
        CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
        CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);
    }
}
