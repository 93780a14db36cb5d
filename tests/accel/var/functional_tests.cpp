// SPDX-License-Identifier: Apache-2.0
// Programs for VAR that carry data make the bits of the untiled kernels, in the time of a run without data.
#include <map>

#include <catch2/catch.hpp>

#include "accel/functional/var_functional_run.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "small_var.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::joined;
using test::Settings;
using test::small_var_document;

namespace {

struct Prepared {
    explicit Prepared(const DesignDocument& document)
        : design(document.parse()), program(build_program(design, build_graph(design))) {}
    FunctionalOutcome run() const { return run_var_functional(design, program); }
    Design design;
    TileProgram program;
};

// Residual stream behind each of 30 tokens, keys and values of the first 14, two blocks, two halves.
constexpr std::int64_t small_values = 2 * 256 * (30 + 2 * 2 * 14);
// With ends a token's 64 logits are in memory, its residual stream is not.
constexpr std::int64_t small_values_with_ends = 2 * (30 * 64 + 256 * 2 * 2 * 14);

// From a class to logits, AdaLN's vectors made at the start of an image or not.
Settings with_ends(bool adaln = true) {
    return {{"/workload/ends", true}, {"/workload/adaln", adaln ? "device" : "precomputed"}};
}

void check(const DesignDocument& document, std::int64_t values = small_values) {
    const Prepared prepared(document);
    const auto outcome = prepared.run();
    INFO(outcome.first_mismatch);
    CHECK(outcome.values == values);
    CHECK(outcome.mismatches == 0);
    CHECK(outcome.activity.duration == simulate(prepared.design, prepared.program).duration);
}

}  // namespace

TEST_CASE("a small VAR makes the kernels' bits for all format pairs and pipeline levels") {
    for (const auto& format : test::var_formats()) {
        for (const auto& pipeline : test::var_pipelines()) {
            INFO(format.name << ", " << pipeline.name);
            const auto settings = joined(format.settings, pipeline.settings);
            check(small_var_document(settings));
            check(small_var_document(joined(settings, with_ends())), small_values_with_ends);
        }
    }
}

TEST_CASE("any cut into tiles makes the same bits") {
    const Settings cuts[] = {
        {{"/mapping/tile/tokens", 1}},
        {{"/mapping/tile/tokens", 5}},
        {{"/mapping/tile/tokens", 8}, {"/mapping/tile/feed_forward_rows", 16}},
        {{"/mapping/tile/outputs", 64}},
        {{"/mapping/tile/outputs", 192}},
        {{"/mapping/tile/outputs", 1024}, {"/mapping/tile/tokens", 7}},
        {{"/mapping/double_buffer", false}},
        {{"/memory_ports/0/burst_beats", 16}, {"/memory_ports/1/burst_beats", 3}},
    };
    for (const auto& cut : cuts) {
        for (const bool operators : {true, false}) {
            auto settings = cut;
            settings.push_back({"/mapping/pipeline/operators", operators});
            INFO(test::text(settings));
            check(small_var_document(settings));
            check(small_var_document(joined(settings, with_ends())), small_values_with_ends);
        }
    }
}

TEST_CASE("a VAR's ends and its AdaLN make the kernels' bits each without the other") {
    check(small_var_document(with_ends(false)), small_values_with_ends);
    check(small_var_document({{"/workload/adaln", "device"}}));
    check(small_var_document(joined(with_ends(false), {{"/network/shared_adaln", true}})),
          small_values_with_ends);
    check(small_var_document(joined(with_ends(), {{"/workload/images", 3}})), 3 * small_values_with_ends);
    check(small_var_document(joined(with_ends(), {{"/network/scales", nlohmann::json{2}}})), 2 * 4 * 64);
    // Token maps wider than the residual stream.
    check(small_var_document(joined(with_ends(), {{"/network/codebook_width", 2000}})),
          small_values_with_ends);
}

TEST_CASE("a VAR whose tables are striped over channels makes the kernels' bits") {
    const Settings on_two = {{"/memory_ports/1/memory", "lpddr4"}, {"/memory_ports/1/channels", 2}};
    check(small_var_document(joined(on_two, with_ends())), small_values_with_ends);
    check(small_var_document(joined(on_two, with_ends(false))), small_values_with_ends);
}

TEST_CASE("transfers around VAR's blocks that go elsewhere are found") {
    // A first scale, one between, and a last one.
    Prepared prepared(small_var_document(
        joined(with_ends(), {{"/network/codebook", 1000}, {"/network/scales", nlohmann::json{1, 2, 3}}})));
    const auto found = [&prepared] {
        try {
            return prepared.run().mismatches > 0;
        } catch (const SimulationError&) {
            return true;
        }
    };
    int tried = 0;
    for (auto& section : prepared.program.sections) {
        const auto& name = section.name;
        const bool around =
            name == "condition" || name == "adaln" || name.ends_with(" input") || name.ends_with(" head");
        for (std::size_t stream = 0; around && stream < section.streams.size(); ++stream) {
            for (auto& work : section.streams[stream]) {
                const bool moves = work.opcode == Opcode::load || work.opcode == Opcode::store;
                if (!moves || work.traffic != Traffic::activations) continue;
                for (const std::int64_t shift : {4, -64}) {
                    ++tried;
                    INFO(name << ": " << prepared.program.labels[work.label] << " by " << shift);
                    work.address += shift;
                    CHECK(found());
                    work.address -= shift;
                }
            }
        }
    }
    CHECK(tried >= 2 * 30);
    CHECK_FALSE(found());
}

TEST_CASE("one image without guidance makes the same bits") {
    check(small_var_document({{"/workload/guidance", false}}), small_values / 2);
}

TEST_CASE("an instruction of a VAR block that does not wait for its data is found") {
    Prepared prepared(small_var_document());
    const auto section = std::find_if(prepared.program.sections.begin(), prepared.program.sections.end(),
                                      [](const auto& s) { return s.name == "scale 3"; });
    REQUIRE(section != prepared.program.sections.end());
    std::map<Opcode, bool> tried;
    for (auto& stream : section->streams) {
        for (auto& work : stream) {
            const bool moves = work.opcode == Opcode::load || work.opcode == Opcode::store;
            if (moves || tried[work.opcode] || work.wait_count == 0) continue;
            tried[work.opcode] = true;
            const auto kept = work.wait_count;
            work.wait_count = 0;
            INFO(to_string(work.opcode));
            CHECK_THROWS_AS(prepared.run(), SimulationError);
            work.wait_count = kept;
        }
    }
    CHECK(tried.size() == 8);
    CHECK(prepared.run().mismatches == 0);
}

TEST_CASE("an instruction around VAR's blocks that does not wait for its data is found") {
    Prepared prepared(small_var_document(with_ends()));
    int tried = 0;
    for (auto& section : prepared.program.sections) {
        const auto& name = section.name;
        if (name != "condition" && name != "adaln" && name != "scale 1 input" && name != "scale 3 input" &&
            name != "scale 3 head") {
            continue;
        }
        for (auto& stream : section.streams) {
            for (auto& work : stream) {
                const bool moves = work.opcode == Opcode::load || work.opcode == Opcode::store;
                // Further tiles wait for weights alone.
                if (moves || work.wait_count == 0 || work.n0 > 0) continue;
                ++tried;
                const auto kept = work.wait_count;
                work.wait_count = 0;
                INFO(name << ": " << to_string(work.opcode));
                CHECK_THROWS_AS(prepared.run(), SimulationError);
                work.wait_count = kept;
            }
        }
    }
    CHECK(tried == 10);
    CHECK(prepared.run().mismatches == 0);
}

TEST_CASE("a full-width block of VAR-d30 makes the kernels' bits") {
    // Three of the ten scales: 14 tokens.
    const nlohmann::json scales = {1, 2, 3};
    check(test::design_document(
              "fpqvar-vck190-fp4",
              {{"/network/depth", 1}, {"/network/scales", scales}, {"/workload/ends", false}}),
          2 * 1920 * (14 + 2 * 5));
}
