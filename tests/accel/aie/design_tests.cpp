// SPDX-License-Identifier: Apache-2.0
// Designs whose linear layers run on AI Engines.
#include <cmath>
#include <utility>

#include <catch2/catch.hpp>

#include "accel/cost/resources.hpp"
#include "accel/design/config_error.hpp"
#include "accel/engines/timing.hpp"
#include "accel/report/evaluate.hpp"
#include "vck190_array.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;
using test::refusal;
using test::Settings;
using test::small_document;

namespace {

// The small design's groups have 64 elements: chains of two kernels of depth 32.
const nlohmann::json small_array = {
    {"x", 2}, {"y", 2}, {"z", 3}, {"m", 8}, {"k", 32}, {"n", 16}, {"precision", "int8"}};

DesignDocument small_on_aie(const Settings& more = {}) {
    Settings settings = {{"/engines/aie", small_array}, {"/mapping/linear_engine", "aie"}};
    settings.insert(settings.end(), more.begin(), more.end());
    return small_document(settings);
}

}  // namespace

TEST_CASE("an instruction on the array takes its iterations in cycles of the accelerator clock") {
    const auto design = small_on_aie().parse();
    const auto& array = design.device.aie;
    const auto iteration = aie_iteration(array, *design.aie, design.clock_hz);
    CHECK(iteration.compute_cycles == 4 * (8 + 4) + 3 * 4 + 40);
    CHECK(iteration.out_cycles == 8 * 16 * 4 / 4);
    // 17 tokens x 50 outputs x 130 inputs on 16 x 48 x 64: two by two by three iterations.
    const auto cycles = 128 + 2 * 2 * 3 * 128 + 128;
    Instruction work;
    work.opcode = Opcode::matmul;
    work.m = 17;
    work.n = 50;
    work.k = 130;
    CHECK(instruction_cycles(design, EngineKind::aie, Section{}, work) ==
          static_cast<std::int64_t>(std::ceil(cycles * 400e6 / 1.25e9)));
    CHECK(aie_vector_cycles(design, *design.aie, 17, 50, 130) == 12 * 12 * 4 * 8);
}

TEST_CASE("an account tells padding from products") {
    // Iterations are 16 x 48 x 64 of tokens, outputs and inputs.
    const auto design = small_on_aie().parse();
    const auto whole = aie_matmul_pace(design, 32, 96, 128);
    CHECK(whole.computing > 0);
    CHECK(whole.padding == 0);
    const auto one_token = aie_matmul_pace(design, 1, 96, 128);
    CHECK(one_token.computing == aie_matmul_pace(design, 16, 96, 128).computing);
    CHECK(one_token.computing - one_token.padding == one_token.computing / 16);
    // A third of the outputs, three quarters of the inputs.
    const auto corner = aie_matmul_pace(design, 32, 16, 48);
    CHECK(corner.computing - corner.padding == corner.computing / 4);

    const auto document = small_on_aie();
    const auto evaluation = evaluate(document, Fidelity::timing);
    const auto report = make_report(document, evaluation);
    const auto& account = report.at("account_cycles");
    // One token on tiles of 16 rows.
    CHECK(account.at("padding").get<double>() > 14 * account.at("multiplying").get<double>());
    const auto& busiest = report.at("busiest");
    for (const auto& [name, engine] : report.at("utilization").items()) {
        CHECK(engine.at("busy") <= busiest.at("busy"));
        if (name == busiest.at("engine")) CHECK(engine.at("busy") == busiest.at("busy"));
    }
    CHECK(report.at("utilization").contains(busiest.at("engine").get<std::string>()));
}

TEST_CASE("vector cycles that unpack int4 weights are those of every call, and cost energy") {
    // 16 x 32 x 32 multiplies in 128 vector cycles; 1024 weights in 32 vectors take three each to unpack.
    const auto run = [](const std::string& precision) {
        const auto document = design_document(
            "mamba2-vck190-aie", {{"/network/layers", 1}, {"/engines/aie/precision", precision}});
        const auto design = document.parse();
        return std::pair{aie_vector_cycles(design, *design.aie, 1, 512, 512),
                         evaluate(document, Fidelity::timing)};
    };
    const auto [whole_cycles, whole] = run("int8");
    const auto [packed_cycles, packed] = run("int8_int4");
    CHECK(packed_cycles * 128 == whole_cycles * (128 + 32 * 3));
    const auto joules = [](const Evaluation& evaluation) {
        for (const auto& [name, energy] : evaluation.energy.components_j) {
            if (name == "aie vector") return energy;
        }
        return 0.0;
    };
    CHECK(joules(packed) == Approx(joules(whole) * (128 + 32 * 3) / 128));
    CHECK(packed.energy.total_j >= packed.bound_energy.total_j);
}

TEST_CASE("simulations on AI Engines stay at or above their bounds") {
    const Settings variants[] = {
        {},
        {{"/workload", {{"phase", "prefill"}, {"tokens", 37}}}},
        {{"/workload", {{"phase", "prefill"}, {"tokens", 37}}},
         {"/mapping/tile/tokens", 5},
         {"/mapping/loop_order", "knm"}},
        {{"/mapping/unroll", "none"}},
        {{"/mapping/operator_order", "naive"}},
        {{"/engines/aie/plio_bits", 64}},
        {{"/engines/aie/kernel", "library"}, {"/engines/aie/precision", "int16"}},
        {{"/engines/aie/precision", "int8_int4"}},
        {{"/clock_hz", 123456789}},
    };
    for (const auto& settings : variants) {
        CAPTURE(settings.empty() ? std::string("base") : settings.back().first);
        const auto evaluation = evaluate(small_on_aie(settings), Fidelity::timing);
        REQUIRE(evaluation.activity);
        CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
        CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);
        CHECK(evaluation.resources.aie.tiles == 12);
        CHECK(evaluation.resources.aie.plio_in == 2 * 2 + 2 * 3);
        CHECK(evaluation.resources.aie.plio_out == 2 * 3);
    }
}

TEST_CASE("linear layers on AI Engines give the same bits in the same time as without data") {
    const auto document = small_on_aie({{"/workload", {{"phase", "prefill"}, {"tokens", 5}}}});
    const auto timing = evaluate(document, Fidelity::timing);
    const auto functional = evaluate(document, Fidelity::functional);
    REQUIRE(functional.functional);
    CHECK(functional.functional->mismatches == 0);
    CHECK(functional.functional->values > 0);
    CHECK(functional.activity->duration == timing.activity->duration);
}

TEST_CASE("a design without AI Engines is the same with an array that it does not use") {
    const auto without = evaluate(small_document(), Fidelity::timing);
    const auto unused = evaluate(small_document({{"/engines/aie", small_array}}), Fidelity::timing);
    CHECK(without.activity->duration == unused.activity->duration);
    CHECK(without.energy.total_j == unused.energy.total_j);
    CHECK(without.resources.total.lut == unused.resources.total.lut);
}

TEST_CASE("the matrix unit goes when the array takes its work") {
    const auto evaluation = evaluate(small_on_aie(), Fidelity::timing);
    for (const auto& engine : evaluation.activity->engines) CHECK(engine.kind != EngineKind::matrix);
    for (const auto& [name, fabric] : evaluation.resources.components) CHECK(name != "matrix");
    const auto report = make_report(small_on_aie(), evaluation);
    CHECK(report["resources"]["aie_tiles"]["used"] == 12);
    CHECK(report["resources"]["aie_tiles"]["available"] == 400);
    CHECK(report["resources"]["plio_out"]["available"] == 117);
    CHECK(report["energy"]["by_component"]["aie vector"] > 0.0);
    CHECK(report["account_cycles"]["engine"] == "aie");
    // With one array for everything the rotation keeps the matrix unit.
    const auto shared = evaluate(small_on_aie({{"/mapping/unroll", "none"}}), Fidelity::timing);
    CHECK(shared.design.has_matrix_unit());
}

TEST_CASE("buffers have a word for every PLIO that they feed") {
    const auto words = [](int turns) {
        const auto design = small_on_aie({{"/engines/aie/tiles_per_plio_in", turns}}).parse();
        return std::pair{buffer_specification(design, Buffer::weights, 1 << 20).word_bits,
                         buffer_specification(design, Buffer::activations, 1 << 20).word_bits};
    };
    CHECK(words(1) == std::pair<std::int64_t, std::int64_t>{6 * 128, 4 * 128});
    CHECK(words(3) == std::pair<std::int64_t, std::int64_t>{2 * 128, 2 * 128});
}

TEST_CASE("sums of transformers and convolutions are rescaled in the fabric at the rate at which they come") {
    const auto dsp = [](const std::string& name, const Settings& settings) {
        const auto use = evaluate(design_document(name, settings), Fidelity::bound).resources;
        for (const auto& [component, fabric] : use.components) {
            if (component == "aie") return fabric.dsp;
        }
        return std::int64_t{0};
    };
    // 48 PLIO bring 4 sums a cycle of 300 MHz, of the 64 products that have scales of their own; three DSP
    // blocks each.
    CHECK(dsp("ebsr-vck190-light-x4-aie", {}) == 48 * 4 * 3);
    // 48 PLIO of 5 GB/s bring 150 sums a cycle of 400 MHz, four of 512 products to each scale.
    CHECK(design_document("codes-vck190-w8a8", {}).parse().aie_placement().plio_out == 48);
    CHECK(dsp("codes-vck190-w8a8", {}) == 38 * 3);
}

TEST_CASE("GMIO divide over the channels of their memory") {
    const auto ports = [](int gmio, int channels) {
        nlohmann::json weights = {{"name", "gmio"},     {"memory", "lpddr4"},  {"width_bits", 64},
                                  {"burst_beats", 256}, {"outstanding", 2},    {"carries", {"weights"}},
                                  {"gmio", gmio},       {"channels", channels}};
        nlohmann::json others = {{"name", "axi"},     {"memory", "ddr4"},
                                 {"width_bits", 256}, {"burst_beats", 256},
                                 {"outstanding", 2},  {"carries", {"weights", "state", "convolution"}}};
        return small_on_aie({{"/engines/aie/precision", "int8_int4"},
                             {"/memory_ports", nlohmann::json::array({others, weights})}});
    };
    const auto bytes_per_s = [&](int gmio, int channels) {
        const auto design = ports(gmio, channels).parse();
        const auto& port = design.memory_ports[1];
        const auto specification = design.port_specification(port);
        return specification.clock_hz * specification.width_bits / 8 * port.channels;
    };
    CHECK(bytes_per_s(2, 2) == Approx(2 * bytes_per_s(1, 1)));
    CHECK(bytes_per_s(2, 2) == Approx(bytes_per_s(2, 1)));
    CHECK_THAT(refusal(ports(3, 2)),
               Catch::Matchers::Contains("/memory_ports/1/gmio") && Catch::Matchers::Contains("2 channels"));
}

TEST_CASE("arrays that cannot be are refused with a pointer") {
    using Catch::Matchers::Contains;
    const auto on_u280 = design_document("lightmamba-u280-w4a4", {{"/engines/aie", small_array}});
    CHECK_THAT(refusal(on_u280), Contains("/engines/aie") && Contains("u280 has no AI Engines"));
    CHECK_THAT(refusal(small_document({{"/mapping/linear_engine", "aie"}})),
               Contains("/mapping/linear_engine") && Contains("no AI Engine array"));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/x", 20}, {"/engines/aie/z", 20}})),
               Contains("/engines/aie/x") && Contains("800 AI Engine tiles of 400"));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/m", 256}})),
               Contains("/engines/aie/m") && Contains("bytes of 30720"));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/x", 80}, {"/engines/aie/z", 1}})),
               Contains("/engines/aie/x") && Contains("162 PLIO into the array of 156"));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/x", 30}, {"/engines/aie/z", 6}})),
               Contains("/engines/aie/x") && Contains("180 PLIO out of the array of 117"));
    // A larger array would do, which does not help a kernel.
    CHECK_THROWS_AS(small_on_aie({{"/engines/aie/x", 30}, {"/engines/aie/z", 6}}).parse(), DesignDoesNotFit);
    const auto throws_does_not_fit = [](const DesignDocument& document) {
        try {
            document.parse();
        } catch (const DesignDoesNotFit&) {
            return true;
        } catch (const ConfigError&) {
        }
        return false;
    };
    CHECK_FALSE(throws_does_not_fit(small_on_aie({{"/engines/aie/m", 256}})));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/k", 48}})),
               Contains("/engines/aie/k") && Contains("y * k = 96"));
    CHECK_THAT(refusal(small_on_aie({{"/recipe", "w16a16"}, {"/engines/matrix/products_per_dsp", 1}})),
               Contains("/engines/aie/precision"));
    CHECK_THAT(refusal(small_on_aie({{"/mapping/unroll", "full"}})), Contains("/mapping/unroll"));
    CHECK_THAT(refusal(small_on_aie({{"/clock_hz", 626e6}})),
               Contains("/clock_hz") && Contains("at most 625000000"));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/kernel", "library"}})),
               Contains("/engines/aie/kernel") && Contains("no matrix multiplication of int8"));
    CHECK_THAT(refusal(small_on_aie({{"/engines/aie/reduction", "adder_tiles"},
                                     {"/engines/aie/y", 64},
                                     {"/engines/aie/x", 1},
                                     {"/engines/aie/z", 1},
                                     {"/engines/aie/k", 1},
                                     {"/engines/aie/m", 32},
                                     {"/engines/aie/n", 32}})),
               Contains("/engines/aie/reduction") && Contains("of 131072"));
    CHECK(refusal(small_on_aie()).empty());
}
