// SPDX-License-Identifier: Apache-2.0
// Attention and unquantized layers of transformers on AI Engines of their own.
#include <cmath>

#include <catch2/catch.hpp>

#include "../gpt/small_gpt.hpp"
#include "../var/small_var.hpp"
#include "accel/design/config_error.hpp"
#include "accel/engines/timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/report/evaluate.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::refusal;
using test::Settings;
using test::small_gpt_document;
using test::small_var_document;

namespace {

const json floating = {{"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 32}, {"n", 16}};
const Settings on_aie = {{"/engines/aie_attention", floating}, {"/mapping/attention_engine", "aie"}};

}  // namespace

TEST_CASE("attention on AI Engines: a product for every head that has keys of its own") {
    const auto design = small_var_document(on_aie).parse();
    const auto& mapping = *design.var->aie_attention;
    CHECK(mapping.precision == AiePrecision::fp32);
    models::Operator op;
    op.name = "scale.3.blocks.0.attn.scores";
    op.kind = models::OperatorKind::matrix_product;
    op.m = 16;  // tokens
    op.count = 8;
    Instruction work;
    work.opcode = Opcode::matmul;
    work.operator_count = 1;
    work.n = 30;
    work.k = 64;
    work.m = 48;  // three heads
    Section section;
    section.operators = {op};
    const auto one = aie_matmul_cycles(design, mapping, 16, 30, 64);
    CHECK(instruction_cycles(design, EngineKind::attention, section, work) == 3 * one);
    work.m = 8;  // half of one
    CHECK(instruction_cycles(design, EngineKind::attention, section, work) ==
          aie_matmul_cycles(design, mapping, 8, 30, 64));
    // Of GPT-BigCode all rows share the keys of the prompt, and every beam has its own.
    const auto gpt = small_gpt_document(on_aie).parse();  // 100 tokens, three beams of 8 with the present one
    section.operators[0].name = "step.0.blocks.0.attn.scores.0";
    section.operators[0].count = 1;
    section.operators[0].m = 12;  // four heads of three beams
    work.m = 6;                   // two of the heads
    work.n = 108;
    CHECK(instruction_cycles(gpt, EngineKind::attention, section, work) ==
          aie_matmul_cycles(gpt, mapping, 6, 100, 64) + 3 * aie_matmul_cycles(gpt, mapping, 2, 8, 64));
    section.operators[0].name = "step.0.blocks.0.attn.values.0";
    work.n = 64;
    work.k = 108;
    CHECK(instruction_cycles(gpt, EngineKind::attention, section, work) ==
          aie_matmul_cycles(gpt, mapping, 6, 64, 100) + 3 * aie_matmul_cycles(gpt, mapping, 2, 64, 8));
}

TEST_CASE("attention on AI Engines stays at or above its bound, carries the same bits and is paid for") {
    const json linear = {
        {"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 32}, {"n", 32}, {"precision", "int8"}};
    const Settings both = {
        {"/recipe", "var-int6-rtn"}, {"/engines/aie", linear}, {"/mapping/linear_engine", 0.5}};
    for (const auto& more : {Settings{}, both}) {
        const auto document = small_var_document(test::joined(on_aie, more));
        const auto timing = evaluate(document, Fidelity::timing);
        CHECK(timing.latency_s() >= timing.bound.latency_s);
        CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
        CHECK(timing.resources.aie.tiles == (more.empty() ? 8 : 16));
        const auto report = make_report(document, timing);
        CHECK(report["resources"]["aie_tiles"]["used"] == timing.resources.aie.tiles);
        CHECK(report["energy"]["by_component"]["aie vector"] > 0.0);
        CHECK(report["resources"]["by_component"]["attention"]["dsp"] == 0);
        const auto functional = evaluate(document, Fidelity::functional);
        REQUIRE(functional.functional);
        CHECK(functional.functional->mismatches == 0);
        CHECK(functional.activity->duration == timing.activity->duration);
    }
    const Settings works[] = {{}, {{"/workload", {{"phase", "prefill"}, {"prompt", 90}}}}};
    for (const auto& work : works) {
        const auto timing = evaluate(small_gpt_document(test::joined(on_aie, work)), Fidelity::timing);
        CHECK(timing.latency_s() >= timing.bound.latency_s);
        CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
    }
    // An array that is not used changes nothing.
    const auto without = evaluate(small_var_document(), Fidelity::timing);
    const auto unused =
        evaluate(small_var_document({{"/engines/aie_attention", floating}}), Fidelity::timing);
    CHECK(without.activity->duration == unused.activity->duration);
    CHECK(unused.resources.aie.tiles == 0);
    CHECK(without.energy.total_j == unused.energy.total_j);
}

TEST_CASE("attention on AI Engines that cannot be is refused with a pointer") {
    using Catch::Matchers::Contains;
    CHECK_THAT(refusal(small_var_document({{"/mapping/attention_engine", "aie"}})),
               Contains("/mapping/attention_engine") && Contains("aie_attention"));
    auto large = floating;
    large["m"] = 128;
    large["n"] = 128;
    CHECK_THAT(refusal(small_var_document(
                   {{"/engines/aie_attention", large}, {"/mapping/attention_engine", "aie"}})),
               Contains("/engines/aie_attention/m") && Contains("bytes of 30720"));
    large = floating;
    large["x"] = 30;
    large["z"] = 10;
    CHECK_THAT(refusal(small_var_document(
                   {{"/engines/aie_attention", large}, {"/mapping/attention_engine", "aie"}})),
               Contains("/engines/aie_attention/x") && Contains("600 AI Engine tiles of 400"));
    // Each for itself has room.
    const json linear = {
        {"x", 8}, {"y", 4}, {"z", 8}, {"m", 16}, {"k", 32}, {"n", 32}, {"precision", "int8"}};
    large["x"] = 10;
    CHECK_THAT(refusal(small_var_document({{"/recipe", "var-int6-rtn"},
                                           {"/engines/aie", linear},
                                           {"/mapping/linear_engine", "aie"},
                                           {"/engines/aie_attention", large},
                                           {"/mapping/attention_engine", "aie"}})),
               Contains("/engines/aie_attention/x") && Contains("456 AI Engine tiles of 400"));
    large = floating;
    large["plio_bits"] = 64;
    CHECK_THAT(refusal(small_var_document({{"/recipe", "var-int6-rtn"},
                                           {"/engines/aie", linear},
                                           {"/mapping/linear_engine", "aie"},
                                           {"/engines/aie_attention", large},
                                           {"/mapping/attention_engine", "aie"}})),
               Contains("/engines/aie_attention/plio_bits") && Contains("the same width"));
    const Settings on_u280 = {
        {"/device", "u280"}, {"/memory_ports/0/memory", "hbm"}, {"/memory_ports/1/memory", "hbm"}};
    CHECK_THAT(refusal(small_var_document(test::joined(on_u280, on_aie))),
               Contains("/engines/aie_attention") && Contains("no AI Engines"));
}
