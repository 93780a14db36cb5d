// SPDX-License-Identifier: Apache-2.0
// Designs for GPT-BigCode: schedules, bounds, traffic, what is refused.
#include <catch2/catch.hpp>

#include "../evaluation_readers.hpp"
#include "accel/design/config_error.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/schedule.hpp"
#include "small_gpt.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::bytes_read;
using test::bytes_written;
using test::design_document;
using test::evaluation_refusal;
using test::macs_of;
using test::Settings;
using test::small_gpt_document;

namespace {

const json array = {{"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 32}, {"n", 32}, {"precision", "int8"}};
const json prefill = {{"phase", "prefill"}, {"prompt", 100}};

}  // namespace

TEST_CASE("GPT-BigCode: every mapping ends, does all work once and stays at or above its bound") {
    const Settings works[] = {{},
                              {{"/workload", prefill}},
                              {{"/workload", prefill}, {"/mapping/tile/prompt_slice", 100}},
                              {{"/workload", {{"phase", "decode"}, {"prompt", 1}}}},
                              {{"/workload", {{"phase", "decode"}, {"prompt", 50}, {"beams", 40}}}},
                              {{"/workload", {{"phase", "prefill"}, {"prompt", 33}, {"ends", false}}}}};
    const Settings mappings[] = {
        {},
        {{"/mapping/pipeline/operators", false}},
        {{"/mapping/pipeline/matrix", false}},
        {{"/mapping/double_buffer", false}},
        {{"/mapping/tile/outputs", 64}},
        {{"/mapping/tile/outputs", 192}, {"/mapping/tile/feed_forward_rows", 16}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", "aie"}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", 0.5}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", {{"qkv", "aie"}, {"fc2", 0.4}}}},
        {{"/recipe", "gpt-w4a8-kv8"}}};
    for (const auto& work : works) {
        for (const auto& mapping : mappings) {
            auto settings = work;
            settings.insert(settings.end(), mapping.begin(), mapping.end());
            CAPTURE(test::text(settings));
            const auto evaluation = evaluate(small_gpt_document(settings), Fidelity::timing);
            REQUIRE(evaluation.activity);
            CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
            CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);
            const auto totals = models::gpt_totals(evaluation.graph);
            CHECK(macs_of(evaluation, EngineKind::matrix) + macs_of(evaluation, EngineKind::aie) ==
                  totals.block_linear_macs);
            const auto head = evaluation.design.gpt->ends ? totals.head_macs : 0;
            CHECK(macs_of(evaluation, EngineKind::attention) == totals.attention_macs + head);
        }
    }
}

TEST_CASE("GPT-BigCode: the cache that is read and written is what the steps need") {
    // A vector of 64 channels at 8 bits with a 16-bit scale: 66 bytes, keys and values, two blocks.
    const std::int64_t vectors = 2 * 2 * 66;
    const auto decode = evaluate(small_gpt_document(), Fidelity::timing);
    CHECK(bytes_read(decode, {Traffic::kv_cache}) == vectors * (100 + 3 * 7));
    CHECK(bytes_written(decode, Traffic::kv_cache) == vectors * 3);
    // Slices of 40, 40 and 20 tokens: the second reads 40, the third 80.
    const auto prompt = evaluate(small_gpt_document({{"/workload", prefill}}), Fidelity::timing);
    CHECK(bytes_read(prompt, {Traffic::kv_cache}) == vectors * (40 + 80));
    CHECK(bytes_written(prompt, Traffic::kv_cache) == vectors * 100);
    // Without a format of its own the cache keeps binary32.
    const auto wide = evaluate(small_gpt_document({{"/recipe", "var-int6-rtn"}}), Fidelity::timing);
    CHECK(bytes_read(wide, {Traffic::kv_cache}) == 2 * 2 * 4 * 64 * (100 + 3 * 7));
}

TEST_CASE("GPT-BigCode: weights come once a step, lm_head with the last") {
    const auto linear_bytes = [](const Evaluation& evaluation) {
        double bytes = 0;
        for (const auto& tensor : evaluation.graph.tensors) {
            // int8 with a 16-bit scale a row.
            if (tensor.tensor_class != models::TensorClass::linear_weight) continue;
            bytes += static_cast<double>(tensor.elements() + 2 * tensor.shape[0]);
        }
        return bytes;
    };
    const double head = 2.0 * 500 * 256;
    const auto decode = evaluate(small_gpt_document(), Fidelity::timing);
    CHECK(static_cast<double>(bytes_read(decode, {Traffic::weights})) ==
          Approx(linear_bytes(decode) + head).epsilon(1e-3));
    const auto prompt = evaluate(small_gpt_document({{"/workload", prefill}}), Fidelity::timing);
    CHECK(static_cast<double>(bytes_read(prompt, {Traffic::weights})) ==
          Approx(3 * linear_bytes(prompt) + head).epsilon(1e-3));
    CHECK(bytes_read(prompt, {Traffic::weights_again}) == 0);
}

TEST_CASE("GPT-BigCode: larger slices read less and take more memory") {
    const auto with_slice = [](std::int64_t slice) {
        return evaluate(small_gpt_document({{"/workload", prefill}, {"/mapping/tile/prompt_slice", slice}}),
                        Fidelity::timing);
    };
    const auto small = with_slice(16);
    const auto large = with_slice(100);
    CHECK(bytes_read(small, {Traffic::weights}) > 6 * bytes_read(large, {Traffic::weights}) / 2);
    CHECK(small.program->buffer_bytes[1] < large.program->buffer_bytes[1]);
}

TEST_CASE("GPT-BigCode: a prompt takes the buffers of its slices, however full the last one is") {
    const auto buffers = [](std::int64_t prompt) {
        const auto work = json{{"phase", "prefill"}, {"prompt", prompt}};
        const auto design =
            small_gpt_document({{"/workload", work}, {"/mapping/tile/prompt_slice", 64}}).parse();
        return build_program(design, build_graph(design)).buffer_bytes;
    };
    const auto activations = static_cast<std::size_t>(Buffer::activations);
    CHECK(buffers(64)[activations] == buffers(65)[activations]);
    CHECK(buffers(128)[activations] == buffers(129)[activations]);
    CHECK(buffers(128)[activations] == buffers(65)[activations]);
}

// A block of 64 x 8 keys of 8 bits comes in 16 clocks, as wide as the port. The prompt's are shared by the
// rows of all beams and of so many heads that their rows take as long; those that a beam has made are not.
TEST_CASE("GPT-BigCode: rows wait for the attention unit's keys, which as many heads share") {
    const auto document =
        design_document("codes-vck190-w8a8", {{"/network/layers", 2}, {"/mapping/tile/outputs", 128}});
    const auto design = document.parse();
    CHECK(attention_refill_cycles(design) == 64 * 8 * 8 / 256);
    const auto program = build_program(design, build_graph(design));
    std::int64_t scores = 0;
    for (const auto& section : program.sections) {
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            for (const auto& work : section.streams[engine]) {
                if (work.operator_count == 0 || work.opcode != Opcode::matmul) continue;
                const auto& name = section.operators[work.operator_first].name;
                if (name.find("attn.scores") == std::string::npos) continue;
                ++scores;
                CHECK(work.m == 4 * 4);  // heads x beams
                CHECK(work.n == 2048 + 128 + 1);
                const auto blocks = [](std::int64_t keys) { return (keys + 7) / 8 * (128 / 64); };
                CHECK(transformer_instruction_cycles(design, EngineKind::attention, section, work) ==
                      blocks(2048) * 16 + 4 * blocks(128 + 1) * 16 + 80);
            }
        }
    }
    CHECK(scores == 16 / 4);
    // Of a single beam all heads go together.
    const auto lone = design_document("codes-vck190-w8a8", {{"/network/layers", 2}, {"/workload/beams", 1}});
    CHECK(evaluate(lone, Fidelity::timing).latency_s() <= evaluate(document, Fidelity::timing).latency_s());
}

TEST_CASE("GPT-BigCode: operators that run beside each other are faster") {
    const auto seconds = [](bool pipelined) {
        return evaluate(
                   small_gpt_document({{"/workload", prefill}, {"/mapping/pipeline/operators", pipelined}}),
                   Fidelity::timing)
            .latency_s();
    };
    CHECK(seconds(true) < seconds(false));
}

TEST_CASE("GPT-BigCode: reports say what was run, and numerics how far from exact the block is") {
    const auto document = small_gpt_document();
    auto evaluation = evaluate(document, Fidelity::timing);
    add_numerics(evaluation);
    const auto report = make_report(document, evaluation);
    CHECK(report["throughput"]["unit"] == "tokens_per_s");
    CHECK(report["workload"]["prompt"] == 100);
    CHECK(report["workload"]["beams"] == 3);
    CHECK(report["workload"]["tokens"] == 1);
    const auto sqnr = [&](const char* recipe) {
        auto one = evaluate(small_gpt_document({{"/recipe", recipe}}), Fidelity::bound);
        add_numerics(one);
        return one.numerics->operators.back().error.sqnr_db;
    };
    CHECK(sqnr("gpt-int8-kv8") > sqnr("gpt-w4a8-kv8") + 6);
}

TEST_CASE("GPT-BigCode: what cannot be is refused with a pointer") {
    using Catch::Matchers::Contains;
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/workload/prompt", 600}})),
               Contains("/workload/prompt") && Contains("at most 512"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/workload/prompt", 0}})),
               Contains("/workload/prompt"));
    CHECK_THAT(evaluation_refusal(
                   small_gpt_document({{"/workload", {{"phase", "prefill"}, {"prompt", 9}, {"beams", 2}}}})),
               Contains("/workload/beams") && Contains("decode"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/network/heads", 7}})),
               Contains("/network/heads") && Contains("divisor"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/network", "var-d16"}})),
               Contains("/network/family") && Contains("gpt_bigcode"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/recipe", "lightmamba-w4a4"}})), Contains("/recipe"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/mapping/tile/outputs", 100}})),
               Contains("/mapping/tile/outputs") && Contains("whole heads"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/mapping/tile/prompt_slice", 0}})),
               Contains("/mapping/tile/prompt_slice"));
    CHECK_THAT(evaluation_refusal(small_gpt_document(
                   {{"/mapping/linear_engine", "aie"},
                    {"/recipe", "fpqvar-fp4"},
                    {"/engines/hadamard", {{"points_per_cycle", 16}, {"pipeline_cycles", 4}}}})),
               Contains("/engines/aie/precision"));
    CHECK_THAT(evaluation_refusal(small_gpt_document({{"/mapping/linear_engine", {{"in_proj", "aie"}}}})),
               Contains("/mapping/linear_engine/in_proj"));
}

TEST_CASE("GPT-BigCode: rounding and rotation cost the same whoever multiplies") {
    const auto component = [](const json& engine, const std::string& name) {
        const Settings settings = {{"/engines/aie", array},
                                   {"/mapping/linear_engine", engine},
                                   {"/recipe/linears/fc1/hadamard_block", 64},
                                   {"/engines/hadamard", {{"points_per_cycle", 16}, {"pipeline_cycles", 4}}}};
        const auto evaluation = evaluate(small_gpt_document(settings), Fidelity::bound);
        for (const auto& [found, fabric] : evaluation.resources.components) {
            if (found == name) return fabric.lut;
        }
        return std::int64_t{-1};
    };
    for (const auto* name : {"quantizer", "hadamard"}) {
        CHECK(component("pl", name) > 0);
        CHECK(component("aie", name) == component("pl", name));
    }
}

TEST_CASE("GPT-BigCode: numerics of unusual shapes") {
    const auto sqnr = [](const Settings& settings) {
        auto one = evaluate(small_gpt_document(settings), Fidelity::bound);
        add_numerics(one);
        return one.numerics->operators.back().error.sqnr_db;
    };
    CHECK(sqnr({{"/network/hidden", 64}}) > 15);
    CHECK(sqnr({{"/network/hidden", 640}}) > 15);
    // Groups that two heads do not hold.
    CHECK(sqnr({{"/recipe", "gpt-w4a8-kv8"}, {"/recipe/linears/proj/weights/group_size", 256}}) > 5);
}

TEST_CASE("GPT-BigCode: a program of millions of instructions is refused") {
    const auto text =
        evaluation_refusal(small_gpt_document({{"/network/positions", 100000},
                                               {"/workload", {{"phase", "prefill"}, {"prompt", 60000}}},
                                               {"/mapping/tile/prompt_slice", 1}}));
    CHECK_THAT(text, Catch::Contains("/mapping/tile") && Catch::Contains("pieces"));
}
