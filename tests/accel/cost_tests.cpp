// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "accel/cost/energy.hpp"
#include "accel/cost/lut_multiplier.hpp"
#include "accel/cost/resources.hpp"
#include "accel/report/energy_input.hpp"
#include "accel/report/evaluate.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using tilewright::test::design_document;
using tilewright::test::small_document;

namespace {

CostConstants constants() {
    CostConstants values;
    values.int4_multiplier_lut = 20;
    values.adder_lut_per_bit = 1;
    values.packing_correction_lut = 11;
    values.shift_scale_lut = 60;
    values.element_multiply_lut = 100;
    values.exponential_lut = 200;
    values.quantizer_lut = 300;
    values.c_buffer_lut = 50;
    values.table_bram = 1;
    values.axi_port_lut = 3000;
    values.axi_port_bram = 15;
    return values;
}

}  // namespace

TEST_CASE("an adder tree costs what yosys counts for it") {
    // 32 leaves of 9 bits: 16 x 9 + 8 x 10 + 4 x 11 + 2 x 12 + 13 LUTs.
    CHECK(adder_tree_lut(constants(), 32, 9) == 305);
    CHECK(adder_tree_bits(32, 9) == 14);
    CHECK(adder_tree_lut(constants(), 1, 9) == 0);
    CHECK(adder_tree_lut(constants(), 5, 8) == 2 * 8 + 1 * 9 + 1 * 10);
}

TEST_CASE("DSP blocks of the matrix unit follow the packing") {
    auto design = design_document("lightmamba-vck190-w4a4").parse();
    CHECK(matrix_resources(design, constants()).dsp == 64 / 2 + 8);
    design.matrix.products_per_dsp = 4;
    CHECK(matrix_resources(design, constants()).dsp == 64 / 4 + 8);
    design.matrix.inputs = 9;
    design.matrix.outputs = 7;
    CHECK(matrix_resources(design, constants()).dsp == 16 + 7);
}

TEST_CASE("small floating-point numbers are multiplied by tables of their own") {
    const auto& published = default_cost_constants();
    const auto lut = [&](const char* format) {
        return matrix_resources(
                   design_document("lightmamba-vck190-w4a4", {{"/recipe/weights/format", format},
                                                              {"/recipe/activations/format", format},
                                                              {"/engines/matrix/inputs", 1},
                                                              {"/engines/matrix/outputs", 1},
                                                              {"/engines/matrix/multiplier", "lut"}})
                       .parse(),
                   published)
            .lut;
    };
    // One product, no tree; an accumulator of 32 bits and, of scales, two shifts.
    const auto beside = lut("int4") - 20;
    CHECK(lut("e2m1") == beside + 8);
    CHECK(lut("e2m3") == beside + 49);
}

TEST_CASE("floating point takes the DSP blocks that the device has for it") {
    auto design = design_document("lightmamba-vck190-w4a4",
                                  {{"/recipe", "w16a16"}, {"/engines/matrix/products_per_dsp", 1}})
                      .parse();
    const auto& published = default_cost_constants();
    const auto multipliers = design.matrix.macs_per_cycle();
    const auto lanes = design.ssm.lanes();
    const auto taps = 4 + design.network.convolution_width;
    CHECK(matrix_resources(design, published).dsp == multipliers);
    auto bf16 = design;
    bf16.recipe.weights.format = bf16.recipe.activations.format = models::number_format("bf16");
    CHECK(matrix_resources(bf16, published).lut == design.matrix.outputs * 220);  // has that exponent
    // An adder an output; exponents of weights and inputs.
    CHECK(matrix_resources(design, published).lut ==
          design.matrix.outputs * 220 + (multipliers + design.matrix.inputs) * 8);
    CHECK(ssm_resources(design, published).dsp == 5 * 2 * lanes);
    CHECK(vector_resources(design, published).dsp == taps * design.vector.lanes);
    // A product of binary32 takes three DSP48E2 and a sum two.
    design.device.dsp_primitive = "DSP48E2";
    CHECK(matrix_resources(design, published).dsp == 5 * multipliers);
    CHECK(ssm_resources(design, published).dsp == 5 * 5 * lanes);
    CHECK(vector_resources(design, published).dsp == 5 * taps * design.vector.lanes);
}

TEST_CASE("units that multiply switch for their products alone: neither waiting nor draining does") {
    const std::pair<const char*, test::Settings> designs[] = {
        {"lightmamba-vck190-w4a4", {}},
        {"lightmamba-vck190-w4a4",
         {{"/mapping/unroll", "none"}, {"/recipe/rotations/out_proj_input", "none"}}},
        {"lightmamba-u280-w4a4", {}},
        {"codes-vck190-w8a8", {{"/mapping/linear_engine", "pl"}, {"/engines/matrix/inputs", 32}}},
        {"codes-vck190-w8a8",
         {{"/mapping/linear_engine", "pl"}, {"/mapping/pipeline/matrix", false}, {"/network/layers", 2}}},
        {"ebsr-vck190-light-x4", {{"/workload/height", 24}, {"/workload/width", 32}}},
    };
    for (const auto& [name, settings] : designs) {
        CAPTURE(name, test::text(settings));
        const auto evaluation = evaluate(design_document(name, settings), Fidelity::timing);
        const auto& design = evaluation.design;
        const auto& program = *evaluation.program;
        // One step for every block of inputs x outputs weights and every row.
        std::int64_t steps = 0;
        std::int64_t binary_steps = 0;
        const auto blocks = [](std::int64_t size, std::int64_t at_once) {
            return (size + at_once - 1) / at_once;
        };
        for (const auto& section : program.sections) {
            for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
                for (const auto& work : section.streams[engine]) {
                    const auto rows = section.repeat * work.m;
                    if (work.opcode == Opcode::binary_convolution) {
                        const auto& unit = design.super_resolution->binary;
                        binary_steps += rows * blocks(work.n, unit.outputs) * blocks(work.k, unit.inputs);
                    } else if (program.engines[engine].kind == EngineKind::matrix) {
                        REQUIRE(work.opcode == Opcode::matmul);
                        const auto& op = section.operators[work.operator_first];
                        const auto n = design.super_resolution ? op.n : std::int64_t{work.n};
                        const auto k = design.super_resolution ? op.k : std::int64_t{work.k};
                        steps += rows * blocks(n, design.matrix.outputs) * blocks(k, design.matrix.inputs);
                    }
                }
            }
        }
        const auto input = energy_input(design, evaluation.graph, program, *evaluation.activity);
        const auto switching = [&](const char* unit) { return input.busy_s.at(unit) * design.clock_hz; };
        CHECK(switching("matrix") == Approx(static_cast<double>(steps)).epsilon(1e-6));
        if (design.super_resolution) {
            CHECK(switching("binary") == Approx(static_cast<double>(binary_steps)).epsilon(1e-6));
        }
    }
}

TEST_CASE("Mamba's vectors stay on chip and take memory") {
    auto design = design_document("lightmamba-vck190-w4a4").parse();
    // Of 64 layers 2560 and 5120 of the norms, 5376 of the convolution, three times 80 heads; the last norm.
    const std::int64_t elements = 64 * (2560 + 5120 + 5376 + 3 * 80) + 2560;
    const auto vectors = vectors_specification(design);
    CHECK(vectors.capacity_bytes == 2 * elements);
    CHECK(vectors.word_bits == 8 * 16);
    const auto of = [&](const char* name) {
        for (const auto& [component, resources] :
             design_resources(design, {100000, 100000, 100000, 100000}, constants()).components) {
            if (component == name) return resources;
        }
        return FabricResources{};
    };
    // 106,688 words of 128 bits: 27 blocks of 4096 x 9 deep, 15 wide.
    const std::int64_t words = (elements + 7) / 8;
    CHECK(of("buffer vectors").bram == (words + 4095) / 4096 * 15);
    design.vectors_ram = memory::RamKind::uram;
    CHECK(of("buffer vectors").bram == 0);
    CHECK(of("buffer vectors").uram == (words + 4095) / 4096 * 2);  // 72 bits each
    design.workload.lm_head = false;
    CHECK(vectors_specification(design).capacity_bytes == 2 * (elements - 2560));
    // Fully unrolled, every layer has its own.
    design.mapping.unroll = Unroll::full;
    CHECK(of("buffer vectors").uram == 64 * 2);
    for (const auto* other : {"fpqvar-vck190-fp4", "codes-vck190-w8a8", "ebsr-vck190-light-x4"}) {
        design = design_document(other).parse();
        CHECK(of("buffer vectors").bram + of("buffer vectors").uram == 0);
    }
}

TEST_CASE("a matrix unit of LUTs has its multipliers, trees, accumulators and shifts") {
    const auto design = design_document("lightmamba-rtl-vck190").parse();
    const auto use = matrix_resources(design, constants());
    CHECK(use.dsp == 0);
    // 64 multipliers of 20; eight trees of 8 x 8-bit products: 4 x 8 + 2 x 9 + 10 = 60; accumulators of 34;
    // shifts of 60.
    CHECK(use.lut == 64 * 20 + 8 * (60 + 34) + 8 * 60);
}

TEST_CASE("a multiplier of two widths costs as much either way, between the squares of both") {
    const auto c = default_cost_constants();
    CHECK(integer_multiplier_lut(4, 4, c) == 20);
    CHECK(integer_multiplier_lut(6, 6, c) == 69);
    CHECK(integer_multiplier_lut(8, 8, c) == 116);
    CHECK(integer_multiplier_lut(16, 16, c) == 464);
    CHECK(integer_multiplier_lut(4, 8, c) == 58);
    for (int a = 2; a <= 16; ++a) {
        for (int b = 2; b <= a; ++b) {
            CAPTURE(a, b);
            CHECK(integer_multiplier_lut(a, b, c) == integer_multiplier_lut(b, a, c));
            CHECK(integer_multiplier_lut(a, b, c) <= integer_multiplier_lut(a, a, c));
            CHECK(integer_multiplier_lut(a, b, c) >= integer_multiplier_lut(b, b, c));
        }
    }
    // In both families of networks: 1,024 multipliers of four bits by eight.
    const auto lut = [](const char* weights, const char* activations) {
        auto document =
            design_document("lightmamba-vck190-w4a4", {{"/engines/matrix/inputs", 32},
                                                       {"/engines/matrix/outputs", 32},
                                                       {"/engines/matrix/multiplier", "lut"},
                                                       {"/recipe/weights/format", weights},
                                                       {"/recipe/activations/format", activations}});
        return matrix_resources(document.parse(), default_cost_constants()).lut;
    };
    CHECK(lut("int4", "int8") == lut("int8", "int4"));
    CHECK(lut("int4", "int8") - lut("int4", "int4") > 1024 * 38);  // and wider trees
}

TEST_CASE("a port through GMIO is none of the fabric's") {
    MemoryPort port;
    port.width_bits = 128;
    const auto axi = port_resources(port, default_cost_constants());
    CHECK(axi.lut > 0);
    port.gmio = 4;
    const auto gmio = port_resources(port, default_cost_constants());
    CHECK(gmio.lut + gmio.ff + gmio.bram == 0);
}

TEST_CASE(
    "without unrolling there is neither SSM nor Hadamard unit, fully unrolled there is one of each a block") {
    auto document = design_document("lightmamba-vck190-w4a4");
    const auto use = [&](const char* unroll) {
        document.set("/mapping/unroll", unroll);
        return design_resources(document.parse(), {1000, 1000, 1000, 1000}, constants());
    };
    const auto none = use("none");
    const auto partial = use("partial");
    const auto full = use("full");
    for (const auto& [name, one] : none.components) {
        if (name == "ssm" || name == "hadamard") CHECK(one.lut + one.dsp == 0);
    }
    CHECK(none.total.dsp < partial.total.dsp);
    CHECK(full.total.dsp == 64 * partial.total.dsp);
    CHECK(full.total.lut - partial.total.lut == 63 * (partial.total.lut - 3000));
}

TEST_CASE("what does not fit is named with how much there is") {
    ResourceUse use;
    use.total = {10, 20, 2110, 5, 5};
    use.components = {
        {"matrix", {10, 10, 2048, 0, 0}}, {"vector", {0, 10, 62, 1, 0}}, {"buffer state", {0, 0, 0, 4, 5}}};
    CHECK(use.overflow({100, 100, 1968, 10, 4}) == "2110 DSP of 1968, 5 URAM of 4");
    CHECK(use.most_of_overflow({100, 100, 1968, 10, 4}) ==
          "most DSP: matrix 2048, most URAM: buffer state 5");
    CHECK(use.fits({100, 100, 3000, 10, 10}));
}

TEST_CASE("energy adds up primitives, accesses, bytes and time") {
    auto design = design_document("lightmamba-vck190-w4a4").parse();
    design.device.power = {3.0, 7e-12, 50e-15, 7e-12, 15e-12, 0.25, 0.3};
    design.device.interconnect_j_per_byte = 3e-12;
    design.device.memories.at("ddr4").energy = {15e-12, 2e-9, 0.5};
    ResourceUse resources;
    resources.components = {{"matrix", {0, 1000, 100, 0, 0}}};
    EnergyInput input;
    input.duration_s = 2;
    input.busy_s["matrix"] = 1;
    input.memories["ddr4"] = {1e9, 1.5e9, 1e6};
    const auto use = energy(design, resources, input);
    const double matrix = (100 * 7e-12 + 1000 * 50e-15) * 400e6 * (1 + 0.25 * 1);
    const double dram = 1.5e9 * 8 * 15e-12 + 1e6 * 2e-9;
    const double network = 1e9 * 3e-12;
    CHECK(use.above_idle_j == Approx(matrix + dram + network));
    // More LUTs than flip-flops: they count in their place.
    resources.components = {{"matrix", {3000, 1000, 100, 0, 0}}};
    const double in_luts = (100 * 7e-12 + 3000 * 50e-15) * 400e6 * (1 + 0.25 * 1);
    CHECK(energy(design, resources, input).above_idle_j == Approx(in_luts + dram + network));
    CHECK(use.total_j == Approx(matrix + dram + network + 2 * 0.5 + 2 * 3.0));
}

TEST_CASE("what crosses the pins of a memory costs energy, asked for or not") {
    // Bursts of 8 bytes, of which each takes an access of 64.
    for (const auto* model : {"bursts", "commands"}) {
        CAPTURE(model);
        const auto evaluation = evaluate(small_document({{"/memory_ports/0/width_bits", 32},
                                                         {"/memory_ports/0/burst_beats", 2},
                                                         {"/memories/ddr4/model", model}}),
                                         Fidelity::timing);
        const auto& memory = evaluation.activity->memories.front().second;
        const auto crossed = static_cast<double>(64 * (memory.row_hits + memory.row_misses));
        CHECK(crossed > 4.0 * static_cast<double>(memory.read_bytes + memory.write_bytes));
        const auto& cost = evaluation.design.device.memories.at("ddr4").energy;
        for (const auto& [name, joules] : evaluation.energy.components_j) {
            if (name != "memory ddr4") continue;
            CHECK(joules == Approx(8 * crossed * cost.access_j_per_bit +
                                   static_cast<double>(memory.row_activations) * cost.activate_j));
        }
    }
}

TEST_CASE("the matrix unit reads its weights from their buffer for every token") {
    // Without heads and tables, whose traffic would come on top.
    const auto words = [](std::int64_t tokens) {
        const auto evaluation =
            evaluate(small_document({{"/workload/phase", tokens > 1 ? "prefill" : "decode"},
                                     {"/workload/tokens", tokens},
                                     {"/workload/lm_head", false}}),
                     Fidelity::timing);
        const auto input =
            energy_input(evaluation.design, evaluation.graph, *evaluation.program, *evaluation.activity);
        const auto bits = buffer_specification(evaluation.design, Buffer::weights, 1).word_bits;
        return input.buffer_words[static_cast<std::size_t>(Buffer::weights)] * static_cast<double>(bits);
    };
    const auto design = small_document().parse();
    double stored = 0;  // bits of all linear layers' weights and scales
    for (const auto& op : models::build_mamba_graph(design.network, design.step()).operators) {
        if (op.kind != models::OperatorKind::linear || op.layer < 0) continue;
        const auto weights = static_cast<double>(op.n * op.k);
        stored += weights * design.recipe.weights.format.bits +
                  weights / static_cast<double>(design.recipe.weights.group_size) *
                      design.recipe.weights.scale_bits;
    }
    // One pass loads them once, however many tokens there are.
    CHECK(words(37) - words(1) == Approx(36 * stored).epsilon(1e-3));
    CHECK(words(1) == Approx(2 * stored).epsilon(0.02));  // and padding
}
