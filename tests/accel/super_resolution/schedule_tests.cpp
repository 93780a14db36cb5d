// SPDX-License-Identifier: Apache-2.0
// Designs for binary super-resolution: schedules, bounds, traffic, what is refused.
#include <map>

#include <catch2/catch.hpp>

#include "../evaluation_readers.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/happens_before.hpp"
#include "small_super_resolution.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::bytes_read;
using test::bytes_written;
using test::evaluation_refusal;
using test::macs_of;
using test::Settings;
using test::small_super_resolution_document;

namespace {

// Sums over twelve inputs, a scale's worth.
const json array = {{"x", 2}, {"y", 1}, {"z", 2}, {"m", 8}, {"k", 16}, {"n", 16}, {"precision", "int8"}};

// For weights and pixels.
const json one_port = {{"name", "axi0"},     {"memory", "ddr4"}, {"width_bits", 256},
                       {"burst_beats", 256}, {"outstanding", 4}, {"carries", {"weights", "state"}}};

Settings joined(Settings settings, const Settings& more) {
    settings.insert(settings.end(), more.begin(), more.end());
    return settings;
}

}  // namespace

TEST_CASE("super-resolution: every mapping ends, does all work once and stays at or above its bound") {
    const Settings images[] = {{},
                               {{"/workload/height", 1}, {"/workload/width", 1}},
                               {{"/workload/height", 19}, {"/network/scale", 2}},
                               {{"/network/blocks", 1}},
                               {{"/network/channels", 16}, {"/network/blocks", 2}}};
    const Settings mappings[] = {
        {},
        {{"/mapping/tile/rows", 1}},
        {{"/mapping/tile/rows", 100}},
        {{"/mapping/feature_maps", "memory"}},
        {{"/mapping/feature_maps", "memory"}, {"/mapping/tile/rows", 1}, {"/mapping/double_buffer", false}},
        {{"/mapping/double_buffer", false}},
        {{"/memory_ports", json::array({one_port})}, {"/mapping/feature_maps", "memory"}},
        {{"/engines/aie", array},
         {"/network/channels", 16},
         {"/mapping/linear_engine", {{"upsample", "aie"}, {"tail", "aie"}}}}};
    for (const auto& image : images) {
        for (const auto& mapping : mappings) {
            const auto settings = joined(image, mapping);
            CAPTURE(test::text(settings));
            const auto evaluation = evaluate(small_super_resolution_document(settings), Fidelity::timing);
            REQUIRE(evaluation.activity);
            CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
            CHECK(evaluation.energy.total_j >= evaluation.bound_energy.total_j);
            const auto totals = models::super_resolution_totals(evaluation.graph);
            CHECK(macs_of(evaluation, EngineKind::matrix) + macs_of(evaluation, EngineKind::aie) ==
                  totals.convolution_macs);
            CHECK(macs_of(evaluation, EngineKind::binary) == totals.binary_macs);
            CHECK(macs_of(evaluation, EngineKind::vector) == totals.branch_macs);
        }
    }
}

TEST_CASE("super-resolution: pixels in memory are read and written once a unit, on the chip once at all") {
    // 35 pixels of twelve channels in fp16.
    const std::int64_t map = 35 * 12 * 2;
    const auto on_chip = evaluate(small_super_resolution_document(), Fidelity::timing);
    CHECK(bytes_written(on_chip, Traffic::feature_maps) == map);
    CHECK(bytes_read(on_chip, {Traffic::feature_maps}) == map);
    const auto memory =
        evaluate(small_super_resolution_document({{"/mapping/feature_maps", "memory"}}), Fidelity::timing);
    CHECK(bytes_written(memory, Traffic::feature_maps) == (1 + 6) * map);
    CHECK(bytes_read(memory, {Traffic::feature_maps}) == (6 + 2) * map);
    for (const auto* evaluation : {&on_chip, &memory}) {
        CHECK(bytes_read(*evaluation, {Traffic::activations}) == 35 * 3);
        CHECK(bytes_written(*evaluation, Traffic::activations) == 35 * 16 * 3);
    }
    const auto pixels_on_chip = [](const char* maps) {
        return evaluate(small_super_resolution_document(
                            {{"/mapping/feature_maps", maps}, {"/workload/height", 90}}),
                        Fidelity::timing)
            .program->buffer_bytes[1];
    };
    CHECK(pixels_on_chip("memory") < pixels_on_chip("on_chip"));
}

TEST_CASE("super-resolution: what a unit reads from memory has been written there before") {
    const auto evaluation = evaluate(
        small_super_resolution_document(
            {{"/mapping/feature_maps", "memory"}, {"/mapping/tile/rows", 1}, {"/workload/height", 23}}),
        Fidelity::timing);
    const auto& program = *evaluation.program;
    const HappensBefore order(program, 100);
    const std::uint16_t dma = 1;                   // of the second port, which carries the pixels
    std::map<std::int64_t, std::int32_t> written;  // by address
    int reads = 0;
    for (const auto& instance : order.instances()) {
        const auto& stream = instance.section->streams[dma];
        for (std::size_t i = 0; i < stream.size(); ++i) {
            if (stream[i].traffic != Traffic::feature_maps) continue;
            const auto index = instance.base[dma] + static_cast<std::int32_t>(i);
            if (stream[i].opcode == Opcode::store) {
                written[stream[i].address] = index;
                continue;
            }
            ++reads;
            REQUIRE(written.count(stream[i].address) == 1);
            CHECK(order.completed_before(dma, index, dma) > written.at(stream[i].address));
        }
    }
    CHECK(reads == (6 + 2) * 23);
}

TEST_CASE("super-resolution: more rows at once need more memory and fewer instructions") {
    const auto with_rows = [](int rows) {
        return evaluate(
            small_super_resolution_document(
                {{"/mapping/tile/rows", rows}, {"/workload/height", 32}, {"/workload/width", 64}}),
            Fidelity::timing);
    };
    const auto few = with_rows(2);
    const auto many = with_rows(32);
    CHECK(few.program->instructions() > many.program->instructions());
    for (const auto buffer : {1, 2, 3}) {
        CHECK(few.program->buffer_bytes[static_cast<std::size_t>(buffer)] <
              many.program->buffer_bytes[static_cast<std::size_t>(buffer)]);
    }
    CHECK(few.latency_s() < many.latency_s());  // nothing overlaps when a strip is the whole image
}

TEST_CASE("super-resolution: reports say what was run") {
    const auto document = small_super_resolution_document();
    auto evaluation = evaluate(document, Fidelity::timing);
    add_numerics(evaluation);
    const auto report = make_report(document, evaluation);
    CHECK(report["throughput"]["unit"] == "frames_per_s");
    CHECK(report["throughput"]["value"].get<double>() == Approx(1 / evaluation.latency_s()));
    CHECK(report["workload"]["output_height"] == 28);
    CHECK(report["workload"]["output_width"] == 20);
    CHECK(report["workload"]["binary_weights"] == 6 * 9 * 12 * 12);
    CHECK(report["numerics"]["peak_signal_to_noise_db"].get<double>() > 10);
    CHECK(report["numerics"]["differing_signs"].get<double>() < 0.1);
    CHECK(report["account_cycles"]["multiplying"].get<std::int64_t>() > 0);
}

TEST_CASE("super-resolution: finer formats are nearer to exact") {
    const auto sqnr = [](const Settings& settings) {
        auto one = evaluate(small_super_resolution_document(settings), Fidelity::bound);
        add_numerics(one);
        return one.numerics->operators.back().error.sqnr_db;
    };
    const char* const weights = "/recipe/convolutions/weights/format";
    const char* const inputs = "/recipe/convolutions/activations/format";
    CHECK(sqnr({}) > sqnr({{weights, "int4"}, {inputs, "int4"}}) + 3);
}

TEST_CASE("super-resolution: what cannot be is refused with a pointer") {
    using Catch::Matchers::Contains;
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/network/scale", 3}})),
               Contains("/network/scale") && Contains("2, 4, 8"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/network", "var-d16"}})),
               Contains("/network/family") && Contains("super_resolution"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/recipe", "gpt-int8-kv8"}})),
               Contains("/recipe") && Contains("of kind \"super_resolution\""));
    CHECK_THAT(evaluation_refusal(
                   small_super_resolution_document({{"/recipe/convolutions/activations/scale_per", "group"},
                                                    {"/recipe/convolutions/activations/group_size", 8}})),
               Contains("/recipe/convolutions/activations/group_size") && Contains("do not divide 3"));
    CHECK_THAT(evaluation_refusal(
                   small_super_resolution_document({{"/recipe/convolutions/weights/format", "fp16"}})),
               Contains("/recipe/convolutions/weights") && Contains("DSP blocks"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/workload/height", 0}})),
               Contains("/workload/height"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/mapping/tile/rows", 0}})),
               Contains("/mapping/tile/rows"));
    CHECK_THAT(evaluation_refusal(
                   small_super_resolution_document({{"/mapping/linear_engine", {{"upsampel", "aie"}}}})),
               Contains("/mapping/linear_engine/upsampel") && Contains("upsample"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/mapping/linear_engine", "aie"}})),
               Contains("/mapping/linear_engine") && Contains("no AI Engine array"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/buffers/activations/bytes", 100}})),
               Contains("/buffers/activations/bytes") && Contains("at least"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/workload/height", 16384},
                                                                   {"/workload/width", 16384},
                                                                   {"/network/scale", 16},
                                                                   {"/mapping/feature_maps", "memory"}})),
               Contains("/workload/height") && Contains("at most 4294967295"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/kind", "super-resolution"}})),
               Contains("#/kind") && Contains("did you mean \"super_resolution\"?"));
    CHECK_THAT(evaluation_refusal(small_super_resolution_document({{"/network/family", "superresolution"}})),
               Contains("#/network/family") && Contains("did you mean"));
    CHECK_THAT(
        evaluation_refusal(small_super_resolution_document({{"/memory_ports/1/carries", {"convolution"}}})),
        Contains("/memory_ports/1/carries"));
}
