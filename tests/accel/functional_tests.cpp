// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <catch2/catch.hpp>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/mamba2_functional_run.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "mappings.hpp"
#include "models/networks/mamba.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::Settings;
using test::small_document;

namespace {

struct Prepared {
    Design design;
    TileProgram program;
    models::QuantizedMamba network;
    MambaInstance instance;

    explicit Prepared(const DesignDocument& document)
        : design(document.parse()),
          program(build_program(design, models::build_mamba_graph(design.network, design.step()))),
          network(design.network, design.recipe, design.matrix.accumulator_bits),
          instance(synthetic_instance(design, network)) {}

    FunctionalOutcome run() const { return run_mamba2_functional(design, program, network, instance); }
};

nlohmann::json quantization(const char* format, int group, const char* scale, int scale_bits) {
    if (group == 0) return {{"format", format}};
    return {{"format", format}, {"group_size", group}, {"scale", scale}, {"scale_bits", scale_bits}};
}

// Recipes that use every format family, scale and function unit, with groups that divide the small networks.
std::vector<Settings> recipes() {
    const auto linear = [](const char* recipe, const nlohmann::json& weights,
                           const nlohmann::json& activations) {
        return Settings{
            {"/recipe", recipe}, {"/recipe/weights", weights}, {"/recipe/activations", activations}};
    };
    const auto fp16 = [](const char* format) { return quantization(format, 64, "floating_point", 16); };
    return {
        linear("lightmamba-w4a4", fp16("int4"), fp16("int4")),
        linear("lightmamba-w8a8", fp16("int8"), fp16("int8")),
        linear("lightmamba-released-rtl", quantization("int4", 64, "sum_of_two_powers", 6),
               quantization("int4", 8, "power_of_two", 4)),
        Settings{{"/recipe", "w16a16"}},
        linear("w4a4-smoothquant", fp16("int4"), fp16("int4")),
        linear("w4a4-unrotated", fp16("e2m1"), fp16("e2m1")),
        linear("lightmamba-w4a4", fp16("e2m3"), fp16("e1m2")),
        linear("lightmamba-w4a4", quantization("e2m1", 32, "power_of_two", 8), fp16("e4m3")),
        linear("w4a4-unrotated", quantization("bf16", 0, "", 0), fp16("int8")),
    };
}

std::vector<Settings> networks() {
    return {
        {},
        {{"/network/d_model", 128},
         {"/network/d_state", 16},
         {"/network/head_dim", 64},
         {"/network/layers", 1}},
        {{"/network/d_model", 320}, {"/network/groups", 2}, {"/network/layers", 3}},
    };
}

// Every fourth of all mappings from `first` on; four test cases, so that they can run side by side.
void check_mappings(std::size_t first) {
    const auto mappings = test::all_mappings();
    REQUIRE(mappings.size() == 288);
    const auto all_recipes = recipes();
    const auto all_networks = networks();
    std::int64_t values = 0;
    std::size_t programs = 0;
    for (std::size_t i = first; i < mappings.size(); i += 4) {
        auto settings = all_networks[i % all_networks.size()];
        // The recipes take turns, shifted by one every round, so that each meets every choice of a mapping.
        const auto& recipe = all_recipes[(i + i / all_recipes.size()) % all_recipes.size()];
        settings.insert(settings.end(), recipe.begin(), recipe.end());
        settings.insert(settings.end(), mappings[i].begin(), mappings[i].end());
        settings.emplace_back("/engines/matrix/products_per_dsp", 1);
        settings.emplace_back("/mapping/state_transfer", i / 4 % 2 == 0 ? "per_layer" : "per_group");
        INFO(test::text(settings));
        const Prepared prepared(small_document(settings));
        const auto outcome = prepared.run();
        INFO(outcome.first_mismatch);
        REQUIRE(outcome.values > 1000);
        REQUIRE(outcome.mismatches == 0);
        REQUIRE(outcome.activity.duration == simulate(prepared.design, prepared.program).duration);
        values += outcome.values;
        ++programs;
    }
    WARN(programs << " programs, " << values << " values compared, 0 mismatches");
}

}  // namespace

TEST_CASE(
    "programs that carry data take the same time and make the kernels' bits: first quarter of mappings") {
    check_mappings(0);
}
TEST_CASE("programs that carry data take the same time and make the kernels' bits: second quarter") {
    check_mappings(1);
}
TEST_CASE("programs that carry data take the same time and make the kernels' bits: third quarter") {
    check_mappings(2);
}
TEST_CASE("programs that carry data take the same time and make the kernels' bits: last quarter") {
    check_mappings(3);
}

TEST_CASE("fully unrolled blocks make the kernels' bits") {
    for (const auto* order : {"naive", "reordered"}) {
        const auto outcome =
            Prepared(small_document({{"/mapping/unroll", "full"}, {"/mapping/operator_order", order}})).run();
        CHECK(outcome.values > 1000);
        CHECK(outcome.mismatches == 0);
    }
}

TEST_CASE("a full-width block of Mamba2-2.7B makes the kernels' bits") {
    for (const auto* name : {"lightmamba-vck190-w4a4", "lightmamba-rtl-vck190"}) {
        const Prepared prepared(
            test::design_document(name, {{"/network/layers", 1}, {"/workload/lm_head", false}}));
        const auto outcome = prepared.run();
        INFO(outcome.first_mismatch);
        CHECK(outcome.values == 5376 * 4 + 5120 * 128 + 2560);
        CHECK(outcome.mismatches == 0);
        CHECK(outcome.activity.duration == simulate(prepared.design, prepared.program).duration);
    }
}

TEST_CASE("striped channels, short bursts and a port of its own for the state carry the same data") {
    const auto ports = [](int channels, int beats, bool inside) {
        return Settings{{"/device", "u280"},
                        {"/memory_ports",
                         {{{"name", "weights"},
                           {"memory", "hbm"},
                           {"width_bits", 256},
                           {"burst_beats", beats},
                           {"outstanding", 3},
                           {"channels", channels},
                           {"scales_inside_burst", inside},
                           {"carries", {"weights"}}},
                          {{"name", "state"},
                           {"memory", "hbm"},
                           {"width_bits", 128},
                           {"burst_beats", 16},
                           {"outstanding", 2},
                           {"first_channel", 20},
                           {"channels", 3},
                           {"carries", {"state", "convolution"}}}}}};
    };
    for (const auto& settings : {ports(1, 256, true), ports(8, 16, true), ports(5, 3, true),
                                 ports(7, 1, false), ports(2, 64, false)}) {
        INFO(test::text(settings));
        const auto outcome = Prepared(small_document(settings)).run();
        INFO(outcome.first_mismatch);
        CHECK(outcome.mismatches == 0);
    }
}

TEST_CASE("an instruction that does not wait for its data is found") {
    Prepared prepared(small_document());
    auto& section = prepared.program.sections[1];
    REQUIRE(section.name == "block");
    std::map<Opcode, bool> tried;
    for (auto& stream : section.streams) {
        for (auto& work : stream) {
            const bool watched = work.opcode == Opcode::convolution || work.opcode == Opcode::softplus ||
                                 work.opcode == Opcode::hadamard || work.opcode == Opcode::residual_add ||
                                 work.opcode == Opcode::matmul;
            if (!watched || tried[work.opcode] || work.wait_count == 0) continue;
            tried[work.opcode] = true;
            const auto kept = work.wait_count;
            work.wait_count = 0;
            INFO(to_string(work.opcode));
            CHECK_THROWS_AS(prepared.run(), SimulationError);
            work.wait_count = kept;
        }
    }
    CHECK(tried.size() == 5);
    CHECK(prepared.run().mismatches == 0);
}

TEST_CASE("weights that are given back too early are found") {
    Prepared prepared(small_document());
    auto& section = prepared.program.sections[1];
    bool changed = false;
    for (auto& hold : section.holds) {
        if (hold.buffer != Buffer::weights || hold.releaser.index < 2) continue;
        hold.releaser.index -= 1;
        changed = true;
        break;
    }
    REQUIRE(changed);
    CHECK_THROWS_WITH(prepared.run(), Catch::Contains("not in the buffer"));
}

TEST_CASE("data that a program looks for where the layout has others are found") {
    Prepared prepared(small_document({{"/workload/lm_head", true}}));
    REQUIRE(prepared.design.network.layers > 1);
    REQUIRE(prepared.program.sections.size() == 3);
    const auto original = prepared.program;
    // All transfers of a kind alike: those that load what others have stored agree with them.
    const auto is_wrong = [&](std::size_t section, Traffic traffic, const auto& fault) {
        int transfers = 0;
        for (auto& stream : prepared.program.sections[section].streams) {
            for (auto& work : stream) {
                if (work.traffic != traffic) continue;
                if (work.opcode != Opcode::load && work.opcode != Opcode::store) continue;
                fault(work);
                ++transfers;
            }
        }
        CHECK(transfers > 0);
        bool wrong = false;
        try {
            wrong = prepared.run().mismatches > 0;
        } catch (const SimulationError&) {
            wrong = true;
        }
        prepared.program = original;
        return wrong;
    };
    const auto moved = [](Instruction& work) { work.address += 4096; };
    for (const auto traffic :
         {Traffic::weights, Traffic::convolution_weights, Traffic::convolution_state, Traffic::ssm_state}) {
        INFO(to_string(traffic));
        CHECK(is_wrong(1, traffic, moved));
        CHECK(is_wrong(1, traffic, [](Instruction& work) { work.address_stride = 0; }));
        CHECK(is_wrong(1, traffic, [](Instruction& work) { work.address_stride += 4096; }));
    }
    CHECK(is_wrong(0, Traffic::weights, moved));
    CHECK(is_wrong(2, Traffic::weights, moved));
    CHECK_FALSE(is_wrong(1, Traffic::ssm_state, [](Instruction&) {}));
}
