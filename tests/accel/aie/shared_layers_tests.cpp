// SPDX-License-Identifier: Apache-2.0
// Linear layers that the matrix unit and the AI Engines share, layer by layer or inside a layer.
#include <regex>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "../evaluation_readers.hpp"
#include "../var/small_var.hpp"
#include "accel/design/config_error.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/linear_split.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::bytes_read;
using test::engine_of;
using test::Settings;
using test::small_document;

namespace {

DesignDocument shared_document(const json& linear_engine, const Settings& more = {}) {
    Settings settings = {{"/engines/aie", test::small_array()}, {"/mapping/linear_engine", linear_engine}};
    settings.insert(settings.end(), more.begin(), more.end());
    return small_document(settings);
}

void check_functional(const DesignDocument& document, const Evaluation& timing) {
    const auto functional = evaluate(document, Fidelity::functional);
    REQUIRE(functional.functional);
    CHECK(functional.functional->mismatches == 0);
    CHECK(functional.functional->values > 0);
    CHECK(functional.activity->duration == timing.activity->duration);
}

}  // namespace

TEST_CASE("a split covers the layer and keeps the share to within half a tile") {
    const bool holds = rc::check([] {
        const auto sizes = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 300)));
        const auto share = *rc::gen::inRange(0, 101) / 100.0;
        std::vector<OutputTile> tiles;
        std::int64_t begin = 0;
        for (const auto size : sizes) {
            tiles.push_back({begin, size});
            begin += size;
        }
        const LinearSplit split(tiles, share);
        std::int64_t on_aie = 0;
        std::int64_t made = 0;
        for (const auto& tile : tiles) {
            made += tile.size;
            if (split.engine_of(tile.begin) == LinearEngine::aie) on_aie += tile.size;
            if (std::all_of(sizes.begin(), sizes.end(), [&](int size) { return size == sizes[0]; })) {
                const auto off = static_cast<double>(on_aie) - share * static_cast<double>(made);
                RC_ASSERT(std::abs(off) <= 0.5 * sizes[0] + 1e-6);
            }
        }
        RC_ASSERT(split.outputs(LinearEngine::aie) == on_aie);
        RC_ASSERT(split.outputs(LinearEngine::pl) == made - on_aie);
        if (share == 0) RC_ASSERT(on_aie == 0);
        if (share == 1) RC_ASSERT(on_aie == made);
    });
    CHECK(holds);
}

TEST_CASE("tiles of the schedule are those that the split counts") {
    for (const auto* order : {"naive", "reordered", "released_rtl"}) {
        const auto design = shared_document(0.4, {{"/mapping/operator_order", order}}).parse();
        const auto graph = build_graph(design);
        for (const auto& op : graph.operators) {
            if (op.kind != models::OperatorKind::linear) continue;
            std::int64_t covered = 0;
            for (const auto& tile : output_tiles(design, op)) covered += tile.size;
            CHECK(covered == op.n);
        }
    }
}

TEST_CASE("layers that the engines share: same bits, same time, nothing lost, never below the bound") {
    const json choices[] = {
        {{"in_proj", "aie"}},
        {{"out_proj", "aie"}},
        {{"lm_head", "aie"}},
        {{"in_proj", 0.5}, {"out_proj", "aie"}, {"lm_head", 0.25}},
        0.3,
        0.7,
    };
    const Settings variants[] = {
        {},
        {{"/workload", {{"phase", "prefill"}, {"tokens", 13}}}},
        {{"/workload", {{"phase", "prefill"}, {"tokens", 13}}},
         {"/mapping/tile/tokens", 5},
         {"/mapping/tile/inputs", 64},
         {"/mapping/loop_order", "knm"}},
        {{"/workload", {{"phase", "prefill"}, {"tokens", 13}}}, {"/mapping/tile/tokens", 5}},
        {{"/mapping/operator_order", "naive"}, {"/mapping/fusion", "none"}},
        {{"/mapping/operator_order", "released_rtl"}},
        {{"/mapping/unroll", "none"}},
        {{"/mapping/double_buffer", false}},
    };
    for (const auto& choice : choices) {
        for (const auto& settings : variants) {
            CAPTURE(choice.dump(), settings.empty() ? std::string("base") : settings.back().first);
            const auto document = shared_document(choice, settings);
            const auto timing = evaluate(document, Fidelity::timing);
            REQUIRE(timing.activity);
            CHECK(timing.latency_s() >= timing.bound.latency_s);
            CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
            // Every engine has done its part.
            std::int64_t macs[linear_engine_count] = {};
            std::int64_t elements[linear_engine_count] = {};
            for (const auto& op : timing.graph.operators) {
                if (op.kind != models::OperatorKind::linear) continue;
                const auto split = split_of(timing.design, op);
                for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
                    macs[static_cast<int>(engine)] += op.m * op.k * split.outputs(engine);
                    elements[static_cast<int>(engine)] += op.k * split.outputs(engine);
                }
            }
            CHECK(engine_of(timing, EngineKind::matrix).macs == macs[0]);
            CHECK(engine_of(timing, EngineKind::aie).macs == macs[1]);
            // Four bits a weight and sixteen for the scale of 64 of them; the embedding's rows are the
            // fabric's.
            const auto bytes = [](std::int64_t count) { return count / 2 + count / 32; };
            const auto embedded = timing.design.workload.tokens * timing.design.network.d_model;
            CHECK(bytes_read(timing, {Traffic::weights}) == bytes(elements[0] + embedded));
            CHECK(bytes_read(timing, {Traffic::aie_weights}) == bytes(elements[1]));
            check_functional(document, timing);
        }
    }
}

TEST_CASE("tiles that take turns on PLIO and sums that meet in adder tiles: same bits, other time and room") {
    const Settings prefill = {{"/workload/phase", "prefill"}, {"/workload/tokens", 32}};
    const auto with = [&](const Settings& array) {
        auto settings = prefill;
        settings.insert(settings.end(), array.begin(), array.end());
        const auto document = shared_document("aie", settings);
        auto timing = evaluate(document, Fidelity::timing);
        CHECK(timing.latency_s() >= timing.bound.latency_s);
        check_functional(document, timing);
        return timing;
    };
    // x 2, y 2, z 3: left operands of 4 tiles, right ones of 6, sums of 6 chains.
    const auto plain = with({});
    CHECK(plain.resources.aie.plio_in == 10);
    CHECK(plain.resources.aie.plio_out == 6);
    const auto turns = with({{"/engines/aie/tiles_per_plio_in", 2}, {"/engines/aie/tiles_per_plio_out", 3}});
    CHECK(turns.resources.aie.plio_in == 5);
    CHECK(turns.resources.aie.plio_out == 2);
    CHECK(turns.latency_s() > plain.latency_s());
    CHECK(turns.resources.total.lut < plain.resources.total.lut);
    const auto adders = with({{"/engines/aie/reduction", "adder_tiles"}});
    CHECK(adders.resources.aie.tiles == plain.resources.aie.tiles + 6);
}

TEST_CASE("recipes in floating point run on fp32 kernels: same bits, energy of floating-point cycles") {
    Settings settings = {{"/recipe", "w16a16"},
                         {"/engines/matrix/products_per_dsp", 1},
                         {"/engines/aie/precision", "fp32"},
                         {"/workload", {{"phase", "prefill"}, {"tokens", 13}}}};
    for (const auto& choice : {json("aie"), json(0.5), json{{"out_proj", "aie"}}}) {
        CAPTURE(choice.dump());
        const auto document = shared_document(choice, settings);
        const auto timing = evaluate(document, Fidelity::timing);
        CHECK(timing.latency_s() >= timing.bound.latency_s);
        CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
        check_functional(document, timing);
    }
    const auto on_array = evaluate(shared_document("aie", settings), Fidelity::timing);
    const auto& array = on_array.design.device.aie;
    double cycles = 0;  // that issue a vector MAC: every product is padded to whole native ones
    const auto native = on_array.design.aie->native();
    for (const auto& section : on_array.program->sections) {
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            if (on_array.program->engines[engine].kind != EngineKind::aie) continue;
            for (const auto& work : section.streams[engine]) {
                const auto whole = [](std::uint32_t size, std::int64_t unit) {
                    return static_cast<double>((size + unit - 1) / unit * unit);
                };
                cycles += static_cast<double>(section.repeat) * whole(work.m, native.m) *
                          whole(work.n, native.n) * whole(work.k, native.k) / 8;  // 8 MACs a cycle
            }
        }
    }
    const auto& components = on_array.energy.components_j;
    const auto vector = std::find_if(components.begin(), components.end(),
                                     [](const auto& one) { return one.first == "aie vector"; });
    REQUIRE(vector != components.end());
    CHECK(vector->second == Approx(cycles * array.floating_vector_cycle_j));
    // Integers have no place there, nor floating point in integer kernels.
    CHECK_THAT(test::refusal(shared_document("aie", {{"/engines/aie/precision", "fp32"}})),
               Catch::Matchers::Contains("/engines/aie/precision") &&
                   Catch::Matchers::Contains("floating-point formats of at most 32 bits"));
    settings[2].second = "int16";
    CHECK_THAT(test::refusal(shared_document("aie", settings)),
               Catch::Matchers::Contains("integers of at most 16 bits"));
}

TEST_CASE("384 tiles need more PLIO than there are unless tiles share them, and then PLIO are what limits") {
    // Fewer tokens would be padded: 24 x 8 rows.
    const Settings prefill = {{"/workload/phase", "prefill"}, {"/workload/tokens", 192}};
    const auto seconds = [&](std::int64_t x, std::int64_t turns) {
        auto settings = prefill;
        settings.emplace_back("/engines/aie/x", x);
        settings.emplace_back("/engines/aie/y", 1);
        settings.emplace_back("/engines/aie/z", 16);
        settings.emplace_back("/engines/aie/tiles_per_plio_in", turns);
        settings.emplace_back("/engines/aie/tiles_per_plio_out", turns);
        const auto timing = evaluate(shared_document("aie", settings), Fidelity::timing);
        REQUIRE(timing.activity);
        return static_cast<double>(engine_of(timing, EngineKind::aie).busy) * 1e-15;
    };
    try {
        seconds(24, 1);
        FAIL("384 PLIO were accepted");
    } catch (const ConfigError& error) {
        CHECK_THAT(error.what(), Catch::Matchers::Contains("384 PLIO out of the array of 117"));
    }
    // Four times the tiles through as many PLIO: as fast as a quarter of them, or hardly faster.
    CHECK(seconds(24, 4) > 0.7 * seconds(6, 1));
}

TEST_CASE("two engines side by side are faster than either when they are what binds") {
    const Settings prefill = {{"/workload", {{"phase", "prefill"}, {"tokens", 96}}},
                              {"/engines/vector/lanes", 512},
                              {"/engines/ssm/head_dim_unroll", 64},
                              {"/mapping/tile/outputs", 32},
                              {"/engines/matrix/inputs", 32},
                              {"/engines/matrix/outputs", 32}};
    const auto seconds = [&](const json& choice) {
        return evaluate(shared_document(choice, prefill), Fidelity::timing).latency_s();
    };
    const auto fabric = seconds("pl");
    const auto array = seconds("aie");
    double best = std::min(fabric, array);
    for (const auto share : {0.2, 0.4, 0.6, 0.8}) best = std::min(best, seconds(share));
    CHECK(best < 0.9 * std::min(fabric, array));
}

TEST_CASE("the array's weights through GMIO and the fabric's through AXI") {
    const auto port = [](const std::string& name, const std::vector<std::string>& carries) {
        return json{{"name", name},      {"memory", "ddr4"}, {"width_bits", 256},
                    {"burst_beats", 16}, {"outstanding", 2}, {"carries", carries}};
    };
    auto gmio = port("gmio", {"weights"});
    gmio["gmio"] = 2;
    const Settings settings = {
        {"/engines/aie/precision", "int8_int4"},
        {"/memory_ports", json::array({port("axi", {"weights", "state", "convolution"}), gmio})}};
    const auto document = shared_document({{"in_proj", 0.5}, {"lm_head", "aie"}}, settings);
    const auto timing = evaluate(document, Fidelity::timing);
    CHECK(timing.latency_s() >= timing.bound.latency_s);
    const auto moved = [&](std::size_t index, Traffic traffic) {
        return timing.activity->ports[index].traffic[static_cast<std::size_t>(traffic)].read_bytes;
    };
    CHECK(moved(0, Traffic::weights) > 0);
    CHECK(moved(0, Traffic::aie_weights) == 0);
    CHECK(moved(1, Traffic::aie_weights) > 0);
    CHECK(moved(1, Traffic::weights) == 0);
    check_functional(document, timing);

    using Catch::Matchers::Contains;
    const Settings no_axi = {{"/engines/aie/precision", "int8_int4"},
                             {"/memory_ports", json::array({port("axi", {"state", "convolution"}), gmio})}};
    CHECK_THAT(test::refusal(shared_document(0.5, no_axi)),
               Contains("/memory_ports") && Contains("the fabric reads"));
    // The embedding's rows are the fabric's, whoever multiplies.
    CHECK_THAT(test::refusal(shared_document("aie", no_axi)), Contains("the fabric reads"));
    auto blocks_alone = no_axi;
    blocks_alone.emplace_back("/workload/lm_head", false);
    CHECK(test::refusal(shared_document("aie", blocks_alone)).empty());
    // A layer of which an engine would get no tile.
    try {
        evaluate(shared_document(0.001), Fidelity::timing);
        FAIL("a share of nothing was accepted");
    } catch (const ConfigError& error) {
        CHECK_THAT(error.what(), Contains("/mapping/linear_engine") && Contains("without any"));
    }
    // What the message allows is the least and the most that is accepted.
    const auto outcome = [](double share) -> std::string {
        const Settings one_block = {{"/network/layers", 1}};
        try {
            evaluate(shared_document({{"in_proj", share}}, one_block), Fidelity::timing);
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "accepted";
    };
    const auto refused = outcome(0.0001);
    CHECK_THAT(refused, Contains("#/mapping/linear_engine/in_proj:"));
    std::smatch limits;
    REQUIRE(std::regex_search(refused, limits, std::regex("shares from ([0-9.]+) to ([0-9.]+)")));
    const auto least = std::stod(limits[1]);
    const auto most = std::stod(limits[2]);
    CHECK(outcome(least) == "accepted");
    CHECK(outcome(most) == "accepted");
    CHECK_THAT(outcome(least - 1e-4), Contains("without any"));
    CHECK_THAT(outcome(most + 1e-4), Contains("without any"));
    const Settings two_axi = {{"/memory_ports", json::array({port("axi", {"weights", "state", "convolution"}),
                                                             port("other", {"weights"})})}};
    CHECK_THAT(test::refusal(shared_document(0.5, two_axi)), Contains("carried by 2 ports"));
    CHECK_THAT(test::refusal(shared_document(0.5, {{"/mapping/unroll", "full"}})),
               Contains("/mapping/unroll"));
    CHECK_THAT(test::refusal(shared_document(1.5)),
               Contains("/mapping/linear_engine") && Contains("less than 1"));
    CHECK_THAT(test::refusal(shared_document({{"in_prj", "aie"}})), Contains("did you mean \"in_proj\""));
    CHECK_THAT(test::refusal(shared_document(true)), Contains("number, object"));
}

TEST_CASE("a shared design has both units, and an account of either") {
    const auto document = shared_document(0.5);
    const auto evaluation = evaluate(document, Fidelity::timing);
    const auto alone = evaluate(shared_document("pl"), Fidelity::timing);
    const auto component = [](const Evaluation& one, const std::string& wanted) {
        for (const auto& [name, fabric] : one.resources.components) {
            if (name == wanted) return fabric;
        }
        return FabricResources{};
    };
    CHECK(component(evaluation, "matrix").dsp == component(alone, "matrix").dsp);
    CHECK(component(evaluation, "aie").lut > 0);
    CHECK(component(alone, "aie").lut == 0);
    CHECK(evaluation.resources.aie.tiles == 12);
    const auto report = make_report(document, evaluation);
    CHECK(report["account_cycles"]["engine"] == "matrix");
    CHECK(report["account_cycles_aie"]["engine"] == "aie");
    for (const auto* account : {"account_cycles", "account_cycles_aie"}) {
        std::int64_t cycles = 0;
        for (const auto& [name, value] : report[account].items()) {
            if (value.is_number()) cycles += value.get<std::int64_t>();
        }
        const auto period = tilewright::memory::period_fs(evaluation.design.clock_hz);
        CHECK(cycles == (evaluation.activity->duration + period / 2) / period);
    }
    // What its streams take longer than its kernels is told apart.
    const auto iteration =
        aie_iteration(evaluation.design.device.aie, *evaluation.design.aie, evaluation.design.clock_hz);
    CHECK(report["account_cycles_aie"]["multiplying"] > 0);
    CHECK(report["account_cycles_aie"].contains(std::string("moving_") + iteration.limit()) ==
          (iteration.cycles() > iteration.compute_cycles));
    CHECK(!make_report(shared_document("pl"), alone).contains("account_cycles_aie"));
    // The share that came of it: what the AI Engines have multiplied of the weights.
    CHECK(!make_report(shared_document("pl"), alone).contains("aie_share"));
    double on_aie = 0;
    for (const auto& op : evaluation.graph.operators) {
        if (op.kind != models::OperatorKind::linear) continue;
        const double share = report["aie_share"].at(linear_layer_name(evaluation.design, op.name));
        CHECK(share > 0.3);
        CHECK(share < 0.7);
        on_aie += share * static_cast<double>(op.m * op.k * op.n);
    }
    CHECK(report["utilization"]["aie"]["macs"].get<double>() == Approx(on_aie));
}

TEST_CASE("layers of VAR that the engines share: same bits, same time, never below the bound") {
    const json array = {{"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 32}, {"n", 32}, {"precision", "int8"}};
    const json choices[] = {
        {{"qkv", "aie"}}, {{"fc1", 0.5}, {"fc2", "aie"}}, {{"qkv", 0.5}, {"proj", 0.5}}, 0.3};
    for (const auto& choice : choices) {
        for (const auto& [name, pipeline] : test::var_pipelines()) {
            CAPTURE(choice.dump(), name);
            Settings settings = {{"/recipe", "var-int6-rtn"},
                                 {"/engines/aie", array},
                                 {"/mapping/linear_engine", choice},
                                 {"/mapping/tile/feed_forward_rows", 64}};
            settings.insert(settings.end(), pipeline.begin(), pipeline.end());
            const auto document = test::small_var_document(settings);
            const auto timing = evaluate(document, Fidelity::timing);
            CHECK(timing.latency_s() >= timing.bound.latency_s);
            CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
            check_functional(document, timing);
        }
    }
}
