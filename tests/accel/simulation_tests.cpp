// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using tilewright::test::design_document;
using tilewright::test::small_document;

namespace {

double tokens_per_s(const test::Settings& settings) {
    return evaluate(design_document("lightmamba-vck190-w4a4", settings), Fidelity::timing).items_per_s();
}

const test::Settings naive = {{"/mapping/operator_order", "naive"},
                              {"/mapping/fusion", "none"},
                              {"/mapping/state_transfer", "per_layer"}};

}  // namespace

TEST_CASE("nothing depends on how far the model runs ahead of the kernel") {
    for (const auto* model : {"bursts", "commands"}) {
        CAPTURE(model);
        // Two ports share the channel, so that an arbiter has its turns, too.
        const auto design =
            design_document("fpqvar-vck190-fp4", {{"/network", "var-small"}, {"/memories/ddr4/model", model}})
                .parse();
        const auto program = build_program(design, build_graph(design));
        const auto figures = [&](memory::TimeFs quantum) {
            const auto activity = simulate(design, program, nullptr, nullptr, quantum);
            std::vector<memory::TimeFs> result = {activity.duration};
            for (const auto& engine : activity.engines) {
                result.push_back(engine.busy);
                result.push_back(engine.critical);
                result.insert(result.end(), engine.stalled.begin(), engine.stalled.end());
            }
            for (const auto& [name, memory] : activity.memories) result.push_back(memory.served());
            return result;
        };
        const auto in_step = figures(0);
        CHECK(in_step.front() > 0);
        for (const memory::TimeFs quantum : {memory::TimeFs{1'000'000}, 100 * memory::fs_per_us}) {
            CHECK(figures(quantum) == in_step);
        }
    }
}

TEST_CASE("two runs of a design are equal to the femtosecond, and so are their reports") {
    const auto document = small_document();
    const auto report = [&] {
        auto json = make_report(document, evaluate(document, Fidelity::timing));
        json.erase("wall");
        return json.dump();
    };
    const auto first = report();
    evaluate(small_document({{"/engines/vector/lanes", 3}}), Fidelity::timing);
    CHECK(report() == first);
}

TEST_CASE("an engine's time is busy, stalled or idle and nothing else") {
    const auto evaluation = evaluate(small_document(), Fidelity::timing);
    for (const auto& engine : evaluation.activity->engines) {
        CAPTURE(engine.name);
        memory::TimeFs sum = engine.busy + engine.idle;
        for (const auto time : engine.stalled) sum += time;
        CHECK(sum == evaluation.activity->duration);
    }
}

TEST_CASE("a program that deadlocks in the simulation says who waits for whom") {
    const auto design = small_document().parse();
    const auto graph = models::build_mamba_graph(design.network, design.step());
    auto program = build_program(design, graph);
    auto& block = program.sections[1];
    auto& load = block.streams[0][5];
    load.wait_begin = static_cast<std::uint32_t>(block.waits.size());
    load.wait_count = 1;
    block.waits.push_back({1, static_cast<std::int32_t>(block.streams[1].size()) - 1, true});
    try {
        simulate(design, program);
        FAIL("the simulation ended");
    } catch (const DeadlockError& error) {
        CHECK_THAT(error.what(),
                   Catch::Contains("dma axi0") && Catch::Contains("waits for matrix instruction"));
    }
    // The kernel is usable afterwards.
    CHECK(simulate(design, build_program(design, graph)).duration > 0);
}

TEST_CASE("faster parts never make the main design slower") {
    const auto base = tokens_per_s({});
    CHECK(tokens_per_s({{"/engines/matrix/tile_drain_cycles", 50}}) > base);
    CHECK(tokens_per_s({{"/engines/vector/lanes", 32}}) > base);
    CHECK(tokens_per_s({{"/engines/hadamard/points_per_cycle", 64}}) > base);
    CHECK(tokens_per_s({{"/engines/matrix/inputs", 16}}) > base);
    CHECK(tokens_per_s({{"/clock_hz", 200e6}}) < base);
    CHECK(tokens_per_s({{"/recipe", "lightmamba-w8a8"}}) < base);
}

TEST_CASE("reordering hides the SSM, and fusion saves the memory of its intermediates") {
    const auto document = [](const test::Settings& settings) {
        return evaluate(design_document("lightmamba-vck190-w4a4", settings), Fidelity::timing);
    };
    const auto serial = document(naive);
    const auto reordered = document({{"/mapping/fusion", "none"}});
    const auto fused = document({});
    CHECK(reordered.latency_s() < 0.8 * serial.latency_s());
    const auto stalled_on_others = [](const Evaluation& evaluation) {
        double share = 0;
        for (const auto& engine : evaluation.activity->engines) {
            if (engine.kind != EngineKind::matrix) continue;
            for (int cause = 1; cause < stall_cause_count; ++cause) {
                share += static_cast<double>(engine.stalled[static_cast<std::size_t>(cause)]);
            }
        }
        return share / static_cast<double>(evaluation.activity->duration);
    };
    CHECK(stalled_on_others(serial) > 0.2);
    CHECK(stalled_on_others(reordered) < 0.02);
    CHECK(fused.resources.total.uram < reordered.resources.total.uram / 2);
    CHECK(fused.latency_s() == Approx(reordered.latency_s()).epsilon(0.02));
}

TEST_CASE("the Hadamard rotation costs almost no time") {
    CHECK(tokens_per_s({{"/recipe", "w4a4-unrotated"}}) / tokens_per_s({}) == Approx(1.0).margin(0.01));
}

TEST_CASE("the fraction of the token that DRAM needs is physical") {
    const auto evaluation = evaluate(design_document("lightmamba-vck190-w4a4"), Fidelity::timing);
    const auto& ddr4 = evaluation.activity->memories.front().second;
    // About 1.39 GB of weights and 92 MB of state at 4 and 8 bits; a port of 12.8 GB/s cannot do it in less.
    CHECK(ddr4.read_bytes == Approx(1.44e9).epsilon(0.01));
    const auto bandwidth = static_cast<double>(ddr4.read_bytes + ddr4.write_bytes) / evaluation.latency_s();
    CHECK(bandwidth > 10e9);
    CHECK(bandwidth < 12.8e9);
}

TEST_CASE("a weight port beside a state port moves the same bytes") {
    const nlohmann::json ports = {{{"name", "w"},
                                   {"memory", "ddr4"},
                                   {"width_bits", 256},
                                   {"burst_beats", 64},
                                   {"outstanding", 4},
                                   {"carries", {"weights"}}},
                                  {{"name", "s"},
                                   {"memory", "ddr4"},
                                   {"width_bits", 128},
                                   {"burst_beats", 64},
                                   {"outstanding", 1},
                                   {"carries", {"state", "convolution"}}}};
    const auto one = evaluate(small_document(), Fidelity::timing);
    const auto two = evaluate(small_document({{"/memory_ports", ports}}), Fidelity::timing);
    REQUIRE(two.activity->ports.size() == 2);
    const auto bytes = [](const Evaluation& evaluation, Traffic kind) {
        std::int64_t sum = 0;
        for (const auto& port : evaluation.activity->ports) {
            sum += port.traffic[static_cast<std::size_t>(kind)].read_bytes;
        }
        return sum;
    };
    for (const auto kind : {Traffic::weights, Traffic::ssm_state, Traffic::convolution_state}) {
        CHECK(bytes(one, kind) == bytes(two, kind));
    }
    CHECK(two.latency_s() >= two.bound.latency_s);
}

TEST_CASE("an account tells multipliers without work") {
    const auto account = [](int outputs) {
        const auto document = small_document({{"/engines/matrix/outputs", outputs}});
        const auto evaluation = evaluate(document, Fidelity::timing);
        return make_report(document, evaluation).at("account_cycles");
    };
    const auto narrow = account(8);
    const auto wide = account(64);  // for tiles of eight outputs
    const auto cycles = [](const auto& one, const char* name) { return one.value(name, std::int64_t{0}); };
    CHECK(cycles(wide, "multiplying") + cycles(wide, "padding") ==
          cycles(narrow, "multiplying") + cycles(narrow, "padding"));
    CHECK(cycles(wide, "padding") > 6 * cycles(wide, "multiplying"));
    CHECK(cycles(narrow, "padding") < cycles(narrow, "multiplying") / 10);
}
