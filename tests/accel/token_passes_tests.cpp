// SPDX-License-Identifier: Apache-2.0
// Passes over tokens of which the next begins before the one before it has ended, and gates that follow
// groups behind.
#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "accel/schedule/mamba2_layout.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/memory_layout.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "evaluation_readers.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::bytes_read;
using test::Settings;
using test::small_document;

namespace {

// 384 channels in 6 groups, 13 tokens in passes of 5, 5 and 3.
const Settings prefill = {{"/workload/phase", "prefill"},
                          {"/workload/tokens", 13},
                          {"/mapping/tile/tokens", 5},
                          {"/mapping/tile/channels", 64}};

DesignDocument document(int ahead, const Settings& more = {}) {
    auto settings = prefill;
    settings.emplace_back("/mapping/groups_ahead", ahead);
    settings.insert(settings.end(), more.begin(), more.end());
    return small_document(settings);
}

}  // namespace

TEST_CASE("passes that overlap: same bits, same traffic, same work, never below the bound") {
    const auto array = test::small_array();
    const Settings variants[] = {
        {},
        {{"/mapping/loop_order", "mkn"}, {"/mapping/tile/inputs", 64}},
        {{"/mapping/operator_order", "released_rtl"}, {"/mapping/state_transfer", "per_layer"}},
        {{"/mapping/fusion", "none"}, {"/mapping/state_transfer", "per_group"}},
        {{"/mapping/double_buffer", false}, {"/mapping/tile/outputs", 48}},
        {{"/mapping/unroll", "none"}},
        {{"/recipe", "lightmamba-w8a8"},
         {"/recipe/weights/group_size", 64},
         {"/recipe/activations/group_size", 64}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", "aie"}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", 0.4}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", {{"in_proj", "aie"}}}},
        {{"/buffers/weights/bytes", 60000}},
    };
    for (const auto& settings : variants) {
        CAPTURE(test::text(settings));
        const auto apart = evaluate(document(0, settings), Fidelity::timing);
        for (const auto ahead : {1, 2, 5}) {
            CAPTURE(ahead);
            const auto timing = evaluate(document(ahead, settings), Fidelity::timing);
            CHECK(timing.latency_s() >= timing.bound.latency_s);
            CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
            const auto functional = evaluate(document(ahead, settings), Fidelity::functional);
            REQUIRE(functional.functional);
            INFO(functional.functional->first_mismatch);
            CHECK(functional.functional->mismatches == 0);
            CHECK(functional.functional->values > 1000);
            CHECK(functional.activity->duration == timing.activity->duration);
            for (const auto kinds : {std::initializer_list<Traffic>{Traffic::weights, Traffic::aie_weights},
                                     {Traffic::weights_again, Traffic::aie_weights_again},
                                     {Traffic::ssm_state},
                                     {Traffic::convolution_state},
                                     {Traffic::convolution_weights}}) {
                CHECK(bytes_read(timing, kinds) == bytes_read(apart, kinds));
            }
            for (std::size_t i = 0; i < timing.activity->engines.size(); ++i) {
                CHECK(timing.activity->engines[i].macs == apart.activity->engines[i].macs);
            }
        }
    }
}

TEST_CASE("the residual stream of all tokens stays on chip, however few of them a pass takes") {
    const auto activations = static_cast<std::size_t>(Buffer::activations);
    for (const auto ahead : {0, 2}) {
        const auto evaluation = evaluate(document(ahead), Fidelity::timing);
        const auto& design = evaluation.design;
        const auto residual =
            design.workload.tokens * design.network.d_model * design.recipe.residual.bits / 8;
        CHECK(evaluation.program->resident_bytes[activations] == residual);
        // A pass of a quarter of the tokens works beside it.
        CHECK(evaluation.activity->buffers[activations].peak_bytes > residual);
        const auto longer = evaluate(document(ahead, {{"/workload/tokens", 130}}), Fidelity::timing);
        CHECK(longer.program->buffer_bytes[activations] >=
              evaluation.program->buffer_bytes[activations] + 9 * residual);
    }
}

TEST_CASE("a pass makes as many groups as asked for before out_proj of the pass before it") {
    for (const auto ahead : {1, 3}) {
        const auto design = document(ahead).parse();
        const auto graph = build_graph(design);
        const auto program = build_program(design, graph);
        const auto& block = *std::find_if(program.sections.begin(), program.sections.end(),
                                          [](const auto& section) { return section.name == "block"; });
        // Runs of in_proj and out_proj on the engine that multiplies, with the tokens that they begin at.
        std::vector<std::string> seen;
        for (std::size_t engine = 0; engine < block.streams.size(); ++engine) {
            if (program.engines[engine].kind != EngineKind::matrix) continue;
            for (const auto& work : block.streams[engine]) {
                const auto label = program.labels[work.label];
                if (label != "in_proj x" && label != "out_proj") continue;
                const auto entry = label + " " + std::to_string(work.m0);
                if (seen.empty() || seen.back() != entry) seen.push_back(entry);
            }
        }
        // out_proj of tokens 10 and following is that of the block before.
        CHECK(seen == std::vector<std::string>{"in_proj x 0", "out_proj 10", "in_proj x 0", "in_proj x 5",
                                               "out_proj 0", "in_proj x 5", "in_proj x 10", "out_proj 5",
                                               "in_proj x 10"});
        // Gates take turns with convolutions; the first ones are those of the block before.
        std::int64_t convolutions = 0;
        std::int64_t gates = 0;
        for (std::size_t engine = 0; engine < block.streams.size(); ++engine) {
            if (program.engines[engine].kind != EngineKind::vector) continue;
            for (const auto& work : block.streams[engine]) {
                const auto label = program.labels[work.label];
                if (label == "conv x") ++convolutions;
                if (label != "gate") continue;
                ++gates;
                CHECK(convolutions == gates);
                CHECK(work.stage == (gates <= ahead ? 1 : 0));
                CHECK(work.n0 == (gates - 1 + 6 - ahead) % 6 * 64);
            }
        }
        CHECK(gates == 3 * 6);
        CHECK(block.stages == 2);
        CHECK(block.runs() == block.repeat + 1);
    }
}

TEST_CASE("weights of overlapping passes lie in pieces that begin with a burst and do not overlap") {
    const auto design = document(2).parse();
    const auto graph = build_graph(design);
    const auto layout = lay_out_mamba2(design, graph);
    const auto& port = design.memory_ports[design.port_of(Stream::weights)];
    const auto& pieces = layout.block.weights[static_cast<std::size_t>(LinearEngine::pl)];
    // dt, B, C and two groups of x and z, by 192 inputs.
    const auto& network = design.network;
    CHECK(pieces[in_proj_ahead].weights ==
          (network.heads() + 2 * network.groups * network.d_state + 2 * 2 * 64) * 192);
    CHECK(pieces[in_proj_ahead].weights + pieces[in_proj_rest].weights ==
          network.in_proj_outputs() * network.d_model);
    CHECK(pieces[out_proj_piece].weights == network.d_model * network.d_inner());
    const auto bytes = [&](WeightPiece piece) {
        return stream_bytes(port, design.recipe.weights, pieces[piece].weights);
    };
    CHECK(pieces[out_proj_piece].begin == pieces[in_proj_ahead].begin + bytes(in_proj_ahead));
    CHECK(pieces[in_proj_rest].begin == pieces[out_proj_piece].begin + bytes(out_proj_piece));
    // From block to block with the first bank again.
    CHECK(layout.block.weights_stride[0] ==
          MemoryMap(design).whole_rows(design.port_of(Stream::weights),
                                       bytes(in_proj_ahead) + bytes(in_proj_rest) + bytes(out_proj_piece)));
}

TEST_CASE("overlapping blocks need no more room for the state than one has") {
    const auto bytes = 6 * state_group_bytes(document(2).parse());
    for (const auto ahead : {1, 2, 5}) {
        for (const auto outstanding : {1, 4}) {
            CAPTURE(ahead, outstanding);
            const auto evaluation = evaluate(document(ahead, {{"/buffers/state/bytes", bytes},
                                                              {"/mapping/state_transfer", "per_group"},
                                                              {"/memory_ports/0/outstanding", outstanding}}),
                                             Fidelity::timing);
            CHECK(evaluation.activity->buffers[static_cast<std::size_t>(Buffer::state)].peak_bytes == bytes);
        }
    }
}

TEST_CASE("passes that overlap keep the SSM unit busy where it is what binds") {
    const Settings slow_ssm = {{"/engines/ssm/head_dim_unroll", 2}, {"/engines/ssm/state_unroll", 1}};
    const auto apart = evaluate(document(0, slow_ssm), Fidelity::timing);
    const auto together = evaluate(document(2, slow_ssm), Fidelity::timing);
    REQUIRE(apart.bound.binds == "ssm unit");
    CHECK(together.latency_s() < apart.latency_s());
    CHECK(together.latency_s() / together.bound.latency_s <
          1 + 0.7 * (apart.latency_s() / apart.bound.latency_s - 1));
}

TEST_CASE("more groups ahead than there are, or with nothing to be ahead of, are refused") {
    const auto refused = [](const DesignDocument& from) -> std::string {
        const auto design = from.parse();
        try {
            build_program(design, build_graph(design));
        } catch (const MappingError& error) {
            return error.pointer() + ": " + error.what() + "; " + error.allowed();
        }
        return {};
    };
    CHECK(refused(document(5)).empty());
    CHECK(
        refused(document(6)) ==
        "/mapping/groups_ahead: 6 groups of channels are more than the order of operators and the tile leave "
        "to be ahead of; 0 to 5");
    CHECK(
        refused(document(1, {{"/mapping/operator_order", "naive"}})) ==
        "/mapping/groups_ahead: 1 groups of channels are more than the order of operators and the tile leave "
        "to be ahead of; 0 to 0");
    CHECK(test::refusal(document(-1)).find("/mapping/groups_ahead") != std::string::npos);
}
