// SPDX-License-Identifier: Apache-2.0
// Programs for VAR: right, complete, and never faster than they can be.
#include <catch2/catch.hpp>

#include "accel/engines/timing.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/schedule/var_layout.hpp"
#include "small_var.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;
using test::joined;
using test::Settings;
using test::small_var_document;

namespace {

std::int64_t macs_of(const TileProgram& program) {
    std::int64_t macs = 0;
    for (const auto& section : program.sections) {
        for (const auto& stream : section.streams) {
            for (const auto& work : stream) macs += section.repeat * instruction_macs(section, work);
        }
    }
    return macs;
}

std::int64_t bytes_of(const TileProgram& program, Traffic traffic, Opcode opcode) {
    std::int64_t bytes = 0;
    for (const auto& section : program.sections) {
        for (const auto& stream : section.streams) {
            for (const auto& work : stream) {
                if (work.opcode != opcode || work.traffic != traffic) continue;
                bytes += section.repeat * (work.value_bytes + work.scale_bytes);
            }
        }
    }
    return bytes;
}

}  // namespace

TEST_CASE("programs for VAR are right and simulate at or above their bounds") {
    for (const auto& format : test::var_formats()) {
        for (const auto& pipeline : test::var_pipelines()) {
            for (const bool ends : {true, false}) {
                INFO(format.name << ", " << pipeline.name << ", ends " << ends);
                const auto evaluation = evaluate(
                    small_var_document(joined(
                        joined(format.settings, pipeline.settings),
                        {{"/workload/ends", ends}, {"/workload/adaln", ends ? "device" : "precomputed"}})),
                    Fidelity::timing);
                REQUIRE(evaluation.activity);
                CHECK(check_program(*evaluation.program).empty());
                CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
                CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);
            }
        }
    }
}

TEST_CASE("a VAR program carries out the MACs of the graph and reads weights once a scale") {
    const auto design = design_document("fpqvar-vck190-fp4", {{"/workload/adaln", "device"}}).parse();
    const auto graph = build_graph(design);
    const auto program = build_program(design, graph);
    const auto totals = models::var_totals(graph);
    CHECK(macs_of(program) ==
          totals.block_linear_macs + totals.attention_macs + totals.adaln_macs + totals.end_macs);
    // Ten times 30 blocks of 12 C^2 weights of 4 bits with a scale of 16 bits for each 128; AdaLN once, the
    // head ten times and the word embedding nine times in 16 bits.
    const std::int64_t c = 1920;
    const std::int64_t blocks = 10 * 30 * 12 * c * c * (4 * 128 + 16) / 128 / 8;
    const std::int64_t adaln = 2 * (30 * 6 * c * c + 2 * c * c);
    const std::int64_t ends = 2 * (10 * 4096 * c + 9 * 32 * c);
    CHECK(bytes_of(program, Traffic::weights, Opcode::load) == blocks + adaln + ends);
    CHECK(bytes_of(program, Traffic::weights_again, Opcode::load) == 0);
    // Keys and values of both halves of guidance: six bits, and 16 for each vector of 64. All but those of
    // the last scale are stored, and every scale reads all before it.
    const std::int64_t token = 2 * 2 * 30 * (64 * 6 + 16) / 8;
    CHECK(bytes_of(program, Traffic::kv_cache, Opcode::store) == 30 * (680 - 256) * token);
    const std::int64_t read = 1 + 5 + 14 + 30 + 55 + 91 + 155 + 255 + 424;
    CHECK(bytes_of(program, Traffic::kv_cache, Opcode::load) == 30 * read * token);
}

TEST_CASE("a VAR program loads and stores what lies around its matrices, in binary32") {
    const auto design = design_document("fpqvar-vck190-fp4", {{"/workload/adaln", "device"}}).parse();
    const auto program = build_program(design, build_graph(design));
    const std::int64_t c = 1920;
    const std::int64_t batch = 2;
    const std::int64_t tokens = 680;
    // Classes for the conditions and for the first scale, its start; AdaLN's biases, of 30 blocks and of the
    // head; in every scale and block its vectors (six of AdaLN an image; biases of qkv, proj, fc1, fc2, a
    // factor a head); maps and biases of the word embedding behind the first scale; positions; and in every
    // scale the head's modulation and biases.
    const std::int64_t loaded = 2 * batch * c + c + (30 * 6 + 2) * c +
                                10 * 30 * (batch * 6 * c + (3 + 1 + 4 + 1) * c + 30) +
                                batch * (tokens - 1) * 32 + 9 * c + tokens * c + 10 * (batch * 2 * c + 4096);
    CHECK(bytes_of(program, Traffic::activations, Opcode::load) == 4 * loaded);
    const std::int64_t stored = batch * (30 * 6 + 2) * c + batch * tokens * 4096;
    CHECK(bytes_of(program, Traffic::activations, Opcode::store) == 4 * stored);
}

TEST_CASE("an AdaLN that blocks share is made once, and what each adds to it is its own") {
    const auto design =
        small_var_document({{"/network/shared_adaln", true}, {"/workload/adaln", "device"}}).parse();
    const auto layout = lay_out_var(design);
    const auto program = build_program(design, build_graph(design));
    const auto loads = [&](const std::string& name) {
        std::vector<Instruction> found;
        for (const auto& section : program.sections) {
            for (const auto& stream : section.streams) {
                for (const auto& work : stream) {
                    const bool biases = work.opcode == Opcode::load && program.labels[work.label] == "biases";
                    if (section.name == name && biases) found.push_back(work);
                }
            }
        }
        return found;
    };
    const auto shared = loads("condition");
    const auto own = loads("adaln");
    REQUIRE(shared.size() == 1);
    REQUIRE(own.size() == 1);
    CHECK(shared[0].value_bytes == 4 * 6 * 256);
    CHECK(own[0].value_bytes == 4 * 6 * 256);
    CHECK(own[0].address == layout.adaln_bias);
    CHECK(own[0].address_stride >= own[0].value_bytes);
    CHECK(shared[0].address == layout.adaln_bias + 2 * own[0].address_stride);
    CHECK(layout.head_adaln_bias >= shared[0].address + shared[0].value_bytes);
    CHECK(check_program(program).empty());
}

TEST_CASE("rows of the feed-forward part that go through apart read its weights again") {
    const auto bytes = [](const Settings& settings) {
        const auto design = small_var_document(settings).parse();
        const auto program = build_program(design, build_graph(design));
        return std::pair{bytes_of(program, Traffic::weights, Opcode::load),
                         bytes_of(program, Traffic::weights_again, Opcode::load)};
    };
    const auto once = bytes({{"/mapping/tile/tokens", 8}});
    const auto cut = bytes({{"/mapping/tile/tokens", 8}, {"/mapping/tile/feed_forward_rows", 16}});
    CHECK(once.second == 0);
    CHECK(cut.first == once.first);
    // 2, 8, 18 and 32 rows: none, none, one and one pass more, over fc1 and fc2 of two blocks.
    CHECK(cut.second == 2 * 2 * 2 * 4 * 256 * 256 * (4 * 128 + 16) / 128 / 8);
}

TEST_CASE("both pipeline levels earn time, and either alone lies between") {
    const auto seconds = [](bool operators, bool matrix) {
        return evaluate(design_document("fpqvar-vck190-fp4", {{"/network", "var-d16"},
                                                              {"/mapping/pipeline/operators", operators},
                                                              {"/mapping/pipeline/matrix", matrix}}),
                        Fidelity::timing)
            .latency_s();
    };
    const auto both = seconds(true, true);
    const auto none = seconds(false, false);
    for (const auto one : {seconds(true, false), seconds(false, true)}) {
        CHECK(both < one);
        CHECK(one < none);
    }
}

TEST_CASE("weights, cache and vectors of a VAR step do not overlap in memory") {
    for (const auto* name : {"fpqvar-vck190-fp4", "fpqvar-vck190-fp6"}) {
        const auto design = design_document(name).parse();
        const auto layout = lay_out_var(design);
        // Two ports, one memory: everything else begins behind the weights.
        CHECK(layout.linear[0][0] == 0);
        const auto& network = design.var->network;
        const auto weights_end = layout.head + 2 * network.codebook * network.width;
        for (const auto piece : layout.cache_piece) CHECK(piece >= weights_end);
        CHECK(layout.modulation >= layout.cache_piece.front() + 30 * layout.cache_stride);
        CHECK(layout.outputs < design.device.memories.at("ddr4").dram.organization.channel_bytes);
    }
}
