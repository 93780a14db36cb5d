// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "accel/engines/timing.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/mamba2_schedule.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/program_json.hpp"
#include "accel/schedule/schedule.hpp"
#include "mappings.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using tilewright::test::all_mappings;
using tilewright::test::Settings;
using tilewright::test::small_document;
using tilewright::test::text;

namespace {

struct Built {
    Design design;
    models::OperatorGraph graph;
    TileProgram program;
};

Built build(const DesignDocument& document) {
    Built built;
    built.design = document.parse();
    built.graph = models::build_mamba_graph(built.design.network, built.design.step());
    built.program = build_program(built.design, built.graph);
    return built;
}

}  // namespace

TEST_CASE(
    "every mapping makes a right program, simulates it at or above its bound and conserves work and bytes") {
    const auto mappings = all_mappings();
    REQUIRE(mappings.size() == 2 * 6 * 3 * 2 * 2 * 2);
    for (const auto& settings : mappings) {
        INFO(text(settings));
        const auto document = small_document(settings);
        const auto evaluation = evaluate(document, Fidelity::timing);
        REQUIRE(evaluation.activity.has_value());
        REQUIRE(check_program(*evaluation.program).empty());
        CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
        CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);

        const auto& activity = *evaluation.activity;
        std::int64_t macs = 0;
        for (const auto& engine : activity.engines) macs += engine.macs;
        const auto totals = models::totals(evaluation.graph, evaluation.design.recipe);
        CHECK(macs == totals.macs);
        CHECK(activity.instructions == evaluation.program->instructions());
        for (const auto& buffer : activity.buffers) CHECK(buffer.peak_bytes <= buffer.capacity_bytes);

        // Weights, once: all linear layers and the embedding row of every token. Again: once more for every
        // further pass over a tile of tokens.
        const auto& design = evaluation.design;
        const auto tokens = design.workload.tokens;
        const auto block = design.network.in_proj_outputs() * design.network.d_model +
                           design.network.d_model * design.network.d_inner();
        const auto bits = [&](std::int64_t weights) {
            return models::stored_bytes(design.recipe.weights, weights);
        };
        const auto& traffic = activity.ports.front().traffic;
        const auto read = [&](Traffic kind) { return traffic[static_cast<std::size_t>(kind)].read_bytes; };
        const auto written = [&](Traffic kind) {
            return traffic[static_cast<std::size_t>(kind)].write_bytes;
        };
        CHECK(read(Traffic::weights) == 2 * bits(block) + bits(500 * 192) + bits(192 * tokens));
        const bool m_outermost = design.mapping.loop_order[0] == 'm';
        const std::int64_t passes = m_outermost && tokens > 1 ? 3 : 1;
        CHECK(read(Traffic::weights_again) == (passes - 1) * 2 * bits(block));
        CHECK(read(Traffic::ssm_state) == written(Traffic::ssm_state));
        CHECK(read(Traffic::ssm_state) == totals.ssm_state_bytes);
        CHECK(read(Traffic::convolution_state) == totals.convolution_state_bytes);
        CHECK(written(Traffic::convolution_state) == totals.convolution_state_bytes);
        CHECK(read(Traffic::convolution_weights) == totals.convolution_weight_bytes);
    }
}

TEST_CASE("the released order makes B and C, then eight heads of dt before their x and z") {
    const auto design = tilewright::test::design_document("lightmamba-rtl-vck190").parse();
    const auto order = in_proj_order(design);
    REQUIRE(order.size() == 2 + 10 * (1 + 2 * 64));
    CHECK(order[0].segment == "B");
    CHECK(order[1].segment == "C");
    CHECK((order[2].segment == "dt" && order[2].begin == 0 && order[2].size == 8));
    CHECK((order[3].segment == "x" && order[3].begin == 0 && order[3].size == 8));
    CHECK((order[4].segment == "z" && order[4].begin == 0 && order[4].size == 8));
    CHECK((order[5].segment == "x" && order[5].begin == 8));
    CHECK((order[131].segment == "dt" && order[131].begin == 8));
    CHECK((order.back().segment == "z" && order.back().begin == 5112));
}

TEST_CASE("the released hardware's beats come out exactly, kind by kind") {
    const auto evaluation =
        evaluate(tilewright::test::design_document("lightmamba-rtl-vck190"), Fidelity::timing);
    const auto& traffic = evaluation.activity->ports.front().traffic;
    const auto beats = [&](Traffic kind) { return traffic[static_cast<std::size_t>(kind)]; };
    CHECK(beats(Traffic::weights).read_beats == 64 * 635199);
    CHECK(beats(Traffic::weights).scale_beats == 64 * 3 * 2453);
    CHECK(beats(Traffic::convolution_weights).read_beats == 64 * 714);
    CHECK(beats(Traffic::convolution_state).read_beats == 64 * 714);
    CHECK(beats(Traffic::convolution_state).write_beats == 64 * 714);
    CHECK(beats(Traffic::ssm_state).read_beats == 64 * 21760);
    CHECK(beats(Traffic::ssm_state).write_beats == 64 * 21760);
    std::int64_t all = 0;
    for (const auto& kind : traffic) all += kind.read_beats + kind.write_beats;
    CHECK(all == 64 * 680861);
}

TEST_CASE("a program with a missing, doubled or misplaced tile is refused") {
    auto built = build(small_document());
    auto& block = built.program.sections[1];
    REQUIRE(block.name == "block");
    const auto matrix = static_cast<std::size_t>(built.design.memory_ports.size());
    REQUIRE(built.program.engines[matrix].kind == EngineKind::matrix);
    auto& tile = block.streams[matrix][3];
    const auto original = tile;
    const auto complaint = [&] {
        const auto problems = check_program(built.program);
        return problems.empty() ? std::string() : problems.front();
    };
    CHECK(complaint().empty());
    tile.n0 = block.streams[matrix][4].n0;
    CHECK_THAT(complaint(), Catch::Contains("in_proj") && Catch::Contains("never computed"));
    tile = original;
    tile.n += 1;
    CHECK_THAT(complaint(), Catch::Contains("computed twice"));
    tile = original;
    tile.k += 1;
    CHECK_THAT(complaint(), Catch::Contains("beyond the operator"));
    tile = original;
    tile.operator_first = 1000;
    CHECK_THAT(complaint(), Catch::Contains("does not exist"));
}

TEST_CASE("a deadlock is found before the run, with who waits for whom") {
    auto built = build(small_document());
    auto& block = built.program.sections[1];
    // The first load of the block waits for the last tile of the matrix unit.
    auto& load = block.streams[0][0];
    load.wait_begin = static_cast<std::uint32_t>(block.waits.size());
    load.wait_count = 1;
    const auto last = static_cast<std::int32_t>(block.streams[1].size()) - 1;
    block.waits.push_back({1, last, true});
    const auto problems = check_program(built.program);
    REQUIRE(problems.size() == 1);
    CHECK_THAT(problems.front(), Catch::Contains("deadlock") && Catch::Contains("dma axi0") &&
                                     Catch::Contains("waits for matrix instruction"));
}

TEST_CASE("a buffer that the schedule can overfill is found, whatever the engines' speeds") {
    auto built = build(small_document());
    for (const auto which : {Buffer::weights, Buffer::activations, Buffer::state, Buffer::intermediates}) {
        auto program = built.program;
        auto& bytes = program.buffer_bytes[static_cast<std::size_t>(which)];
        REQUIRE(bytes > 0);
        --bytes;
        const auto problems = check_program(program);
        REQUIRE(problems.size() == 1);
        CHECK_THAT(problems.front(), Catch::Contains(to_string(which)));
    }
}

TEST_CASE("a load that no longer waits for space overfills its buffer") {
    auto built = build(small_document());
    auto& block = built.program.sections[1];
    for (auto& work : block.streams[0]) work.wait_count = 0;
    const auto problems = check_program(built.program);
    REQUIRE_FALSE(problems.empty());
    CHECK_THAT(problems.front(), Catch::Contains("weights"));
}

TEST_CASE("a program survives the way to JSON and back") {
    const auto built = build(small_document());
    const auto dumped = program_to_json(built.program);
    const auto again = program_from_json(nlohmann::json::parse(dumped.dump()), built.program, "program.json");
    CHECK(program_to_json(again) == dumped);
    CHECK(check_program(again).empty());
    const auto document = small_document();
    const auto direct = evaluate(document, Fidelity::timing);
    const auto replayed = evaluate(document, Fidelity::timing, {}, GivenProgram{again, "dump.json"});
    CHECK(direct.activity->duration == replayed.activity->duration);
}

TEST_CASE("small tiles stay right when the buffer holds many of them") {
    // Slots for more chunks than a block has: loads of the next block must still wait for their space.
    const auto document =
        small_document({{"/buffers/weights/bytes", 1 << 20}, {"/buffers/state/bytes", 1 << 20}});
    const auto evaluation = evaluate(document, Fidelity::timing);
    CHECK(evaluation.activity->buffers[0].peak_bytes <= 1 << 20);
}
