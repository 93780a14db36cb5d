// SPDX-License-Identifier: Apache-2.0
// A prefill whose residual stream goes to memory and comes back, pass by pass.
#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/schedule.hpp"
#include "evaluation_readers.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::bytes_read;
using test::bytes_written;
using test::Settings;
using test::small_document;

namespace {

constexpr auto activations = static_cast<std::size_t>(Buffer::activations);

// Three blocks, 384 channels in 6 groups, 150 tokens in passes of 70, 70 and 10; norms hand 64 on at once.
DesignDocument document(const Settings& more) {
    Settings settings = {{"/network/layers", 3},         {"/workload/phase", "prefill"},
                         {"/workload/tokens", 150},      {"/mapping/tile/tokens", 70},
                         {"/mapping/tile/channels", 64}, {"/mapping/residual", "memory"}};
    settings.insert(settings.end(), more.begin(), more.end());
    return small_document(settings);
}

nlohmann::json two_ports() {
    return {test::ddr4_port("axi0", {"weights"}, 128),
            test::ddr4_port("axi1", {"state", "convolution"}, 128)};
}

// Striped over both channels of another memory.
nlohmann::json striped() {
    auto ports = two_ports();
    ports[1]["memory"] = "lpddr4";
    ports[1]["channels"] = 2;
    return ports;
}

}  // namespace

TEST_CASE("the residual stream may wait in memory: same bits, and the traffic that this takes") {
    const Settings variants[] = {
        {},
        {{"/mapping/groups_ahead", 2}},
        {{"/mapping/groups_ahead", 5}, {"/memory_ports", two_ports()}},
        {{"/memory_ports", two_ports()}, {"/workload/lm_head", false}},
        {{"/mapping/groups_ahead", 2}, {"/memory_ports", striped()}},
        {{"/mapping/groups_ahead", 1}, {"/workload/lm_head", false}, {"/memory_ports/0/outstanding", 4}},
        {{"/mapping/operator_order", "naive"}, {"/mapping/unroll", "none"}},
        {{"/mapping/loop_order", "nmk"}},
        {{"/mapping/tile/tokens", 150}},
        {{"/mapping/operator_order", "released_rtl"},
         {"/mapping/state_transfer", "per_layer"},
         {"/mapping/groups_ahead", 3}},
        {{"/mapping/unroll", "full"}, {"/workload/tokens", 150}},
        {{"/recipe", "w16a16"}, {"/engines/matrix/products_per_dsp", 1}, {"/mapping/groups_ahead", 2}},
        {{"/engines/aie", test::small_array()},
         {"/mapping/linear_engine", 0.4},
         {"/mapping/groups_ahead", 2}},
    };
    for (const auto& settings : variants) {
        CAPTURE(test::text(settings));
        const auto evaluation = evaluate(document(settings), Fidelity::functional);
        REQUIRE(evaluation.functional);
        INFO(evaluation.functional->first_mismatch);
        CHECK(evaluation.functional->mismatches == 0);
        const auto& design = evaluation.design;
        auto settings_on_chip = settings;
        settings_on_chip.emplace_back("/mapping/residual", "on_chip");
        const auto on_chip = evaluate(document(settings_on_chip), Fidelity::timing);
        const auto timing = evaluate(document(settings), Fidelity::timing);
        CHECK(timing.activity->duration == evaluation.activity->duration);
        CHECK(timing.latency_s() >= timing.bound.latency_s);
        CHECK(timing.bound.latency_s >= on_chip.bound.latency_s);
        // Every token's goes through every block; with the ends here, the embedding makes all of it, and the
        // head takes the last 10 tokens', where a pass ends, or 22, where that of all does.
        const auto row = residual_bytes(design, 1);
        const auto last = token_pieces(design).back().size;
        const auto ends = design.workload.lm_head ? 1 : 0;
        CHECK(bytes_written(timing, Traffic::activations) == (3 + ends) * 150 * row);
        CHECK(bytes_read(timing, {Traffic::activations}) == (3 * 150 + ends * last) * row);
        CHECK(bytes_read(on_chip, {Traffic::activations}) == 0);
        CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
        const auto moved = [](const Evaluation& one) {
            double bytes = 0;
            for (const auto& [name, memory] : one.activity->memories)
                bytes += static_cast<double>(memory.read_bytes + memory.write_bytes);
            return bytes;
        };
        CHECK(moved(timing) - moved(on_chip) >=
              static_cast<double>((2 * 3 * 150 + ends * (150 + last)) * row));
        CHECK(timing.program->resident_bytes[activations] == 0);
    }
}

TEST_CASE(
    "a residual stream in memory takes the room of three passes at most, however many tokens there are") {
    for (const auto ahead : {0, 2}) {
        CAPTURE(ahead);
        const auto evaluated = [&](int tokens, const char* place) {
            return evaluate(document({{"/mapping/groups_ahead", ahead},
                                      {"/workload/tokens", tokens},
                                      {"/mapping/residual", place}}),
                            Fidelity::timing);
        };
        const auto short_prompt = evaluated(350, "memory");
        const auto long_prompt = evaluated(700, "memory");
        CHECK(short_prompt.program->buffer_bytes[activations] ==
              long_prompt.program->buffer_bytes[activations]);
        const auto on_chip = evaluated(700, "on_chip");
        const auto three_passes = residual_bytes(on_chip.design, 3 * 70);
        const auto beside = on_chip.program->buffer_bytes[activations] - residual_bytes(on_chip.design, 700);
        CHECK(long_prompt.program->buffer_bytes[activations] <= beside + three_passes);
        CHECK(long_prompt.activity->buffers[activations].peak_bytes <=
              long_prompt.program->buffer_bytes[activations]);
    }
}

TEST_CASE("a buffer that two passes' residual stream does not fit is refused with what it takes") {
    const auto needed = evaluate(document({}), Fidelity::timing).program->buffer_bytes[activations];
    const auto refusal = test::evaluation_refusal(document({{"/buffers/activations/bytes", needed - 1}}));
    CHECK_THAT(refusal, Catch::Contains("/buffers/activations/bytes") &&
                            Catch::Contains("at least " + std::to_string(needed)));
    CHECK(test::evaluation_refusal(document({{"/buffers/activations/bytes", needed}})).empty());
}

TEST_CASE("a program that takes the wrong tokens' residual stream from memory is found out") {
    const auto design = document({}).parse();
    const auto stride = lay_out_mamba2(design, build_graph(design)).block.residual_stride;
    auto program = build_program(design, build_graph(design));
    int loads = 0;
    for (auto& section : program.sections) {
        if (section.name != "block") continue;
        for (auto& stream : section.streams) {
            for (auto& work : stream) {
                if (work.opcode != Opcode::load || work.traffic != Traffic::activations) continue;
                if (loads++ == 0) work.address += 64 * stride;
            }
        }
    }
    // Passes of 64 + 6, 64 + 6 and 10 tokens.
    REQUIRE(loads == 5);
    const GivenProgram given{program, "program.json"};
    CHECK_THROWS_WITH(evaluate(document({}), Fidelity::functional, {}, given),
                      Catch::Contains("is none of its pieces"));
}
