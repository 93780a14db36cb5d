// SPDX-License-Identifier: Apache-2.0
// Timing and resources of the engines of super-resolution, by hand.
#include <catch2/catch.hpp>

#include "accel/cost/super_resolution_resources.hpp"
#include "accel/engines/super_resolution_timing.hpp"
#include "small_super_resolution.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;

TEST_CASE("super-resolution: a binary convolution takes a cycle a pixel and block of weights") {
    const auto design = design_document("ebsr-vck190-light-x4").parse();
    // 576 signs of 64 outputs at once: a block. Its 36,864 bits take 144 cycles through a port of 256.
    const auto row = binary_convolution_time(design, 320, 64, 576);
    CHECK(row.multiply == 320);
    CHECK(row.wait_for_weights == 0);
    CHECK(row.drain == 16);
    CHECK(binary_convolution_time(design, 100, 64, 576).wait_for_weights == 44);
    // 256 channels: four blocks of outputs and four of inputs.
    CHECK(binary_convolution_time(design, 320, 256, 2304).multiply == 16 * 320);
}

TEST_CASE("super-resolution: convolutions, passes and roundings of a strip") {
    const auto design = design_document("ebsr-vck190-light-x4").parse();
    const auto graph = build_graph(design);
    const auto time = [&](const std::string& name, std::int64_t m) {
        for (const auto& op : graph.operators) {
            if (op.name == name) return convolution_time(design, op, m);
        }
        throw std::logic_error(name);
    };
    // 64 x 32 multipliers: nine blocks of inputs, eight of outputs. Every tap has a scale of its own, and 32
    // units rescale a sum each.
    const auto upsample = time("upsample.0.conv", 320);
    CHECK(upsample.multiply == 72 * 320);
    CHECK(upsample.rescale == 0);
    CHECK(upsample.drain == 24);
    CHECK(rescale_lanes(design) == 32);
    // The head has 27 inputs, and nine sums of three for each of its 64 outputs: 64 * 9 / 32 cycles a pixel
    // for two of multiplication.
    const auto head = time("head.conv", 320);
    CHECK(head.multiply == 2 * 320);
    CHECK(head.rescale == 18 * 320 - 2 * 320);
    // 64 lanes: a pixel of 64 channels a cycle.
    CHECK(pass_cycles(design.vector, 320, 64) == 320 + 40);
    CHECK(pass_cycles(design.vector, 1, 16, 64) == 16 + 40);
    CHECK(pass_cycles(design.vector, 1, 3) == 1 + 40);
    // 64 lanes: a pixel's largest magnitude first, then a pixel a cycle.
    CHECK(quantize_cycles(design.super_resolution->quantizer, 320, 64, 64) == 320 + 1 + 12);
}

TEST_CASE("super-resolution: gates and counters of the binary engine") {
    const auto design = design_document("ebsr-vck190-light-x4").parse();
    const auto use = binary_resources(design, default_cost_constants());
    // 36,864 bits at 1.45 LUTs; for each of 64 outputs two adders of 11 bits (counts of 576, and a sign).
    CHECK(design.super_resolution->count_bits() == 11);
    CHECK(use.lut == 53453 + 64 * 2 * 11);
    CHECK(use.ff == 2 * 36864 + use.lut);
    CHECK(use.dsp == 0);
}
