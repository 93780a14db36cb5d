// SPDX-License-Identifier: Apache-2.0
// Cycles and costs of the engines of a design for VAR, worked out by hand.
#include <catch2/catch.hpp>

#include "accel/cost/lut_multiplier.hpp"
#include "accel/cost/resources.hpp"
#include "accel/cost/transformer_resources.hpp"
#include "accel/design/transformer_formats.hpp"
#include "accel/engines/timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "memory/integer_math.hpp"
#include "small_var.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;
using test::Settings;

namespace {

const models::NumberFormat& format(const char* name) {
    return models::number_format(name);
}

}  // namespace

TEST_CASE("products of four-bit numbers cost a LUT a bit, less those that share one") {
    const auto& constants = default_cost_constants();
    const auto cost = [&](const char* a, const char* b) {
        return lut_multiplier_cost(format(a), format(b), constants);
    };
    // Products up to 36, 3.0625 and 10.5 in steps of 1/4, 1/16 and 1/8.
    CHECK(cost("e2m1", "e2m1").product_bits == 8);
    CHECK(cost("e2m1", "e2m1").lut == 8);
    CHECK(cost("e1m2", "e1m2").product_bits == 6);
    CHECK(cost("e1m2", "e1m2").lut == 5);
    CHECK(cost("e1m2", "e2m1").product_bits == 7);
    CHECK(cost("e1m2", "e2m1").lut == 6);
    CHECK(cost("e2m1", "e2m1").from_structure);
    // 7.5 x 7.5 in steps of 1/64, as synthesised.
    CHECK(cost("e2m3", "e2m3").product_bits == 12);
    CHECK(cost("e2m3", "e2m3").lut == 49);
    CHECK_FALSE(cost("e2m3", "e2m3").from_structure);
    CHECK(cost("int6", "e2m3").lut == 69);
    CHECK(cost("int4", "int4").lut == 20);
}

TEST_CASE("a product takes its steps, waits for weights when rows are few, and drains") {
    // 64 x 128 multipliers of 4-bit weights; 64 rows a tile and a port of 256 bits: 64 x 128 x 4 / 64 = 512
    // bits of weights a cycle, so that 64 rows hide the next block and two do not.
    const auto design = design_document("fpqvar-vck190-fp4").parse();
    const auto layers = linear_operands(design);
    CHECK(weight_word_bits(design) == 512);
    const auto many = transformer_matrix_time(design, layers[0], 64, 128);
    CHECK(many.multiply == 64 * 30);  // two halves of 15 groups
    CHECK(many.wait_for_weights == 0);
    CHECK(many.rescale == 0);
    CHECK(many.drain == 24);
    const auto few = transformer_matrix_time(design, layers[0], 2, 128);
    CHECK(few.multiply == 2 * 30);
    CHECK(few.wait_for_weights == 30 * (64 - 2));
    // fc2's inputs have two scales a group: 128 x 64 x 2 / 128 sums a cycle.
    CHECK(rescale_work(layers[3]).per_segment == 2);
    CHECK(rescale_lanes(design) == 128);
}

TEST_CASE("sizes between parts of a group make no array faster") {
    const auto cycles = [](int inputs) {
        const auto design =
            design_document("fpqvar-vck190-fp4", {{"/engines/matrix/inputs", inputs}}).parse();
        return transformer_matrix_time(design, linear_operands(design)[0], 64, 128).multiply;
    };
    CHECK(cycles(72) == cycles(64));
    CHECK(cycles(128) == cycles(64) / 2);
}

TEST_CASE("without overlap inside the matrix unit rescaling follows") {
    const auto design = design_document("fpqvar-vck190-fp4", {{"/mapping/pipeline/matrix", false}}).parse();
    const auto layers = linear_operands(design);
    // 64 x 128 outputs of 15 groups; of 60 groups and two signs.
    CHECK(transformer_matrix_time(design, layers[0], 64, 128).rescale == (64 * 128 * 15 + 127) / 128);
    CHECK(transformer_matrix_time(design, layers[3], 64, 128).rescale == (64 * 128 * 60 * 2 + 127) / 128);
}

TEST_CASE("quantizer, softmax and attention take their elements over their lanes") {
    CHECK(quantize_cycles({16, 12}, 3, 256, 128) == 3 * 256 / 16 + 128 / 16 + 12);
    CHECK(quantize_cycles({16, 12}, 3, 250, 0) == 47 + 1 + 12);
    CHECK(softmax_cycles({16, 40}, 5, 100) == (5 + 1) * 7 + 40);
    CHECK(vector_passes(Opcode::l2_norm) == 2);
}

TEST_CASE("the matrix unit's resources follow from its structure") {
    const auto& constants = default_cost_constants();
    // One output of four inputs: multipliers of 8 LUT; for each sign a tree over 9-bit leaves, 2 x 9 + 10,
    // and an accumulator of 9 + 8 bits for 128 inputs; 4 x 2 / 128 of a rescaling unit, so one.
    const Settings tiny = {{"/engines/matrix/inputs", 4}, {"/engines/matrix/outputs", 1}};
    const auto fp4 =
        stationary_matrix_resources(design_document("fpqvar-vck190-fp4", tiny).parse(), constants);
    CHECK(fp4.lut == 4 * 8 + 2 * (28 + 17) + 60);
    CHECK(fp4.dsp == 3);
    CHECK(fp4.ff == 4 * (2 * 4 + 9) + 2 * (28 + 17) + 96);
    // Two products a DSP block, one tree, one scale a row.
    const auto int6 =
        stationary_matrix_resources(design_document("fpqvar-vck190-int6", tiny).parse(), constants);
    CHECK(int6.dsp == 2 + 3);
    // Products of up to 961 in 11 bits, and one bit more: four leaves of 12 bits, 2 x 12 + 13, and an
    // accumulator of 12 + 13 bits for 7680 inputs.
    CHECK(int6.lut == 2 * 11 + (37 + 25) + 60);
    CHECK(int6.ff == 4 * (2 * 6 + 12) + (37 + 25) + 96);
    // Three products a DSP block, which adds them up and keeps the sum: two leaves of 14 bits.
    auto three = tiny;
    three.emplace_back("/engines/matrix/products_per_dsp", 3);
    const auto summed =
        stationary_matrix_resources(design_document("fpqvar-vck190-int6", three).parse(), constants);
    CHECK(summed.dsp == 2 + 3);
    CHECK(summed.lut == (14 + 27) + 60);
    CHECK(summed.ff == 4 * 2 * 6 + (14 + 27) + 96);
}

TEST_CASE("binary32 arithmetic costs more on DSP blocks without it") {
    const auto& constants = default_cost_constants();
    auto design = design_document("fpqvar-vck190-fp4").parse();
    CHECK(transformer_attention_resources(design, constants).dsp == 64 * 16);
    design.device.dsp_primitive = "DSP48E2";
    CHECK(transformer_attention_resources(design, constants).dsp == 64 * 16 * 5);
}

TEST_CASE("keys and values become binary32 by a row of adders a bit of their significand") {
    const auto luts = [](const char* name) {
        const auto design = design_document(name).parse();
        const auto word = buffer_specification(design, Buffer::state, 1).word_bits;
        const auto bits = kv_format(*design.transformer()).format.bits;
        return static_cast<double>(transformer_attention_resources(design, default_cost_constants()).lut) /
               static_cast<double>(memory::divide_up(word, bits));
    };
    CHECK(luts("fpqvar-vck190-fp4") == 4 * 25);   // E2M3
    CHECK(luts("fpqvar-vck190-int6") == 7 * 25);  // int8
}
