// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <catch2/catch.hpp>

#include "accel/engines/timing.hpp"

using namespace tilewright::accel;

TEST_CASE("the matrix unit takes one step for every inputs x outputs block of weights and token") {
    MatrixEngine engine;
    engine.inputs = 8;
    engine.outputs = 8;
    engine.tile_drain_cycles = 10;
    // in_proj and out_proj tiles of the released LightMamba hardware: 423,040 and 204,800 steps a block.
    CHECK(1322 * matmul_steps(engine, 1, 8, 2560) == 423040);
    CHECK(320 * matmul_steps(engine, 1, 8, 5120) == 204800);
    CHECK(matmul_cycles(engine, 1, 8, 2560) == 330);
    CHECK(matmul_steps(engine, 3, 9, 17) == 3 * 2 * 3);
    // Four products a DSP block are two rows by two weights: the third row goes alone.
    auto paired = engine;
    paired.products_per_dsp = 4;
    CHECK(matmul_steps(paired, 3, 9, 17) == 4 * 2 * 3);
    CHECK(matmul_steps(paired, 4, 9, 17) == 4 * 2 * 3);
    paired.multiplier = MultiplierKind::lut;
    CHECK(matmul_steps(paired, 3, 9, 17) == 3 * 2 * 3);
}

TEST_CASE("no step adds products of two segments") {
    CHECK(input_steps(72, 1920, 0) == 27);
    CHECK(input_steps(72, 1920, 128) == 15 * 2);
    CHECK(input_steps(64, 1920, 128) == 15 * 2);
    CHECK(input_steps(48, 1920, 128) == 15 * 3);
    CHECK(input_steps(128, 1920, 128) == 15);
    CHECK(input_steps(256, 1920, 128) == 8);  // two whole ones at once
    CHECK(input_steps(300, 1920, 128) == 8);
    CHECK(input_steps(48, 200, 128) == 3 + 2);  // the last segment is short
    CHECK(input_steps(256, 200, 128) == 1);
    CHECK(input_steps(8, 96, 128) == 12);  // shorter than one
    // By counting: every step takes what is left of a segment, or whole ones.
    for (std::int64_t inputs = 1; inputs < 40; ++inputs) {
        for (std::int64_t k = 1; k < 60; ++k) {
            for (const std::int64_t segment : {1, 3, 8, 16}) {
                std::int64_t steps = 0;
                for (std::int64_t at = 0; at < k; ++steps) {
                    const auto end = std::min(k, at - at % segment + segment);
                    at = inputs < segment ? std::min(end, at + inputs) : at + inputs / segment * segment;
                }
                CAPTURE(inputs, k, segment);
                CHECK(input_steps(inputs, k, segment) == steps);
            }
        }
    }
}

TEST_CASE("the SSM unit of the released hardware takes 256 cycles for eight channels") {
    const SsmEngine engine{1, 8, 1, 0};
    CHECK(ssm_operator_cycles(engine, 1, 8, 128, 1) == 256);
    CHECK(ssm_operator_cycles(engine, 1, 8, 128, 2) == 128);
    CHECK(640 * ssm_operator_cycles(engine, 1, 8, 128, 1) == 163840);
}

TEST_CASE("fused operators take the time of one and the fill of the first tile") {
    const SsmEngine engine{1, 8, 2, 5};
    // 64 channels x 128 states: 8 x 64 steps. Tiles of 64 x 16: 8 of them, the first takes 8 x 8 steps.
    CHECK(ssm_fused_cycles(engine, 1, 64, 128, 64, 16, 2) == 512 + 8 + 3 * 64 + 4 * 5);
    CHECK(ssm_fused_cycles(engine, 2, 64, 128, 64, 16, 2) == 1024 + 16 + 3 * 64 + 4 * 5);
    // Never slower than the operators one after the other, for tiles that divide the work.
    for (const int tile : {1, 2, 4, 8, 16, 32}) {
        CHECK(ssm_fused_cycles(engine, 1, 64, 128, 64, tile, 2) <=
              4 * ssm_operator_cycles(engine, 1, 64, 128, 2));
    }
}

TEST_CASE("Hadamard sizes factor into a core and a power of two") {
    const auto is = [](std::int64_t n, std::int64_t core, int stages) {
        const auto factors = hadamard_factors(n);
        return factors.core == core && factors.stages == stages;
    };
    CHECK(is(5120, 40, 7));
    CHECK(is(2560, 40, 6));
    CHECK(is(4096, 1, 12));
    CHECK(is(3072, 12, 8));
    CHECK(is(1536, 12, 7));
    CHECK(is(20, 20, 0));
    CHECK(is(28 * 4, 28, 2));
    CHECK(is(1, 1, 0));
    CHECK(hadamard_factors(7 * 4).core == 28);
    CHECK(hadamard_factors(36).core == 0);
    CHECK(hadamard_factors(3).core == 0);
}

TEST_CASE("a transform with a core passes its points twice") {
    const HadamardEngine engine{8, 16};
    CHECK(hadamard_cycles(engine, 1, 4096) == 512 + 16 + 12);
    CHECK(hadamard_cycles(engine, 1, 5120) == 2 * (640 + 16) + 7);
    CHECK(hadamard_cycles(engine, 3, 5120) == 2 * (3 * 640 + 16) + 7);
    CHECK_THROWS(hadamard_cycles(engine, 1, 36));
}

TEST_CASE("a norm passes its channels three times, everything else once") {
    const VectorEngine engine{8, 24};
    CHECK(vector_cycles(engine, Opcode::norm, 1, 2560) == 3 * (320 + 24));
    CHECK(vector_cycles(engine, Opcode::gate, 1, 65) == 9 + 24);
    CHECK(vector_cycles(engine, Opcode::gate, 10, 65) == 90 + 24);
}
