// SPDX-License-Identifier: Apache-2.0
// Programs for GPT-BigCode that carry data make the bits of the untiled kernels, in the time of a run without
// data.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "accel/functional/gpt_functional_run.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "small_gpt.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::Settings;
using test::small_gpt_document;

namespace {

const json array = {{"x", 2}, {"y", 2}, {"z", 2}, {"m", 16}, {"k", 32}, {"n", 32}, {"precision", "int8"}};

// Steps that read a prompt in slices, and steps of beam search.
const json decode = {{"phase", "decode"}, {"prompt", 100}, {"beams", 3}, {"generated", 7}, {"ends", false}};
const json prefill = {{"phase", "prefill"}, {"prompt", 50}, {"ends", false}};
const std::vector<json> works = {
    decode,
    prefill,
    {{"phase", "prefill"}, {"prompt", 40}, {"ends", false}},
    {{"phase", "prefill"}, {"prompt", 1}, {"ends", false}},
    {{"phase", "decode"}, {"prompt", 1}, {"ends", false}},
    {{"phase", "decode"}, {"prompt", 30}, {"generated", 5}, {"ends", false}},
    {{"phase", "decode"}, {"prompt", 50}, {"beams", 20}, {"ends", false}},
};

struct Prepared {
    explicit Prepared(const DesignDocument& document)
        : design(document.parse()), program(build_program(design, build_graph(design))) {}
    FunctionalOutcome run() const { return run_gpt_functional(design, program); }
    Design design;
    TileProgram program;
};

// The run stops, or leaves other bits than the kernels.
bool is_wrong(const Prepared& prepared) {
    try {
        return prepared.run().mismatches > 0;
    } catch (const SimulationError&) {
        return true;
    }
}

DesignDocument small(const json& work, const Settings& settings = {}) {
    auto document = small_gpt_document({{"/workload", work}});
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

void check(const DesignDocument& document) {
    const Prepared prepared(document);
    const auto outcome = prepared.run();
    INFO(outcome.first_mismatch);
    CHECK(outcome.mismatches == 0);
    // Every block's keys and values of every row and of the context; and the residual stream behind all
    // blocks, or the logits of every sequence's last token.
    const auto& gpt = *prepared.design.gpt;
    std::int64_t rows = 0;
    for (const auto& step : gpt.work.steps()) rows += step.rows();
    const auto last =
        gpt.ends ? gpt.work.steps().back().sequences * gpt.network.vocabulary : rows * gpt.network.width;
    const auto context =
        gpt.work.decode ? gpt.work.prompt + gpt.work.beams * gpt.work.generated : std::int64_t{0};
    CHECK(outcome.values == last + 2 * (rows + context) * gpt.network.layers * gpt.network.head_dim());
    CHECK(outcome.activity.duration == simulate(prepared.design, prepared.program).duration);
}

}  // namespace

TEST_CASE("GPT-BigCode: every kind of work makes the kernels' bits under all formats and engines") {
    const json hadamard = {{"points_per_cycle", 16}, {"pipeline_cycles", 4}};
    const Settings choices[] = {
        {},
        {{"/recipe", "gpt-w4a8-kv8"}},
        {{"/recipe", "var-int6-rtn"}},  // the cache keeps binary32
        {{"/recipe", "fpqvar-fp4"},     // dual formats, rotations and learned scales
         {"/engines/matrix/multiplier", "lut"},
         {"/engines/hadamard", hadamard}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", "aie"}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", 0.5}},
    };
    for (const auto& work : works) {
        for (const auto& choice : choices) {
            INFO(work.dump() << ", " << test::text(choice));
            check(small(work, choice));
        }
    }
}

TEST_CASE("GPT-BigCode: any cut into tiles and any pipeline makes the same bits") {
    const Settings cuts[] = {
        {{"/mapping/tile/tokens", 1}},
        {{"/mapping/tile/tokens", 5}, {"/mapping/tile/prompt_slice", 7}},
        {{"/mapping/tile/tokens", 8}, {"/mapping/tile/feed_forward_rows", 16}},
        {{"/mapping/tile/outputs", 64}},
        {{"/mapping/tile/outputs", 192}, {"/mapping/tile/prompt_slice", 50}},
        {{"/mapping/tile/outputs", 1024}, {"/mapping/tile/tokens", 7}},
        {{"/mapping/double_buffer", false}},
        {{"/mapping/pipeline/matrix", false}},
        {{"/memory_ports/0/burst_beats", 16}, {"/memory_ports/1/burst_beats", 3}},
    };
    for (const auto& cut : cuts) {
        for (const bool operators : {true, false}) {
            for (const auto& work : {decode, prefill}) {
                // Keys and values in binary32 take the other way into the cache.
                for (const auto* recipe : {"gpt-int8-kv8", "var-int6-rtn"}) {
                    auto settings = cut;
                    settings.push_back({"/mapping/pipeline/operators", operators});
                    settings.push_back({"/recipe", recipe});
                    INFO(work.dump() << ", " << test::text(settings));
                    check(small(work, settings));
                }
            }
        }
    }
}

TEST_CASE("GPT-BigCode: from tokens to logits every bit is the kernels'") {
    const Settings choices[] = {
        {},
        {{"/mapping/tile/outputs", 64}},
        {{"/mapping/tile/outputs", 1024}, {"/mapping/double_buffer", false}},
        {{"/memory_ports/0/burst_beats", 7}, {"/memory_ports/1/burst_beats", 3}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", "aie"}},
        {{"/engines/aie", array}, {"/mapping/linear_engine", 0.5}, {"/recipe", "var-int6-rtn"}},
        {{"/mapping/pipeline/operators", false}, {"/mapping/pipeline/matrix", false}},
    };
    for (auto work : works) {
        work["ends"] = true;
        for (const auto& choice : choices) {
            INFO(work.dump() << ", " << test::text(choice));
            check(small(work, choice));
        }
    }
}

TEST_CASE("GPT-BigCode: other memories, ports and attention units make the same bits") {
    const json both = {{"name", "axi"},     {"memory", "ddr4"}, {"width_bits", 128},
                       {"burst_beats", 16}, {"outstanding", 2}, {"carries", {"weights", "state"}}};
    const json hbm = {{"name", "hbm"},
                      {"memory", "hbm"},
                      {"width_bits", 256},
                      {"burst_beats", 16},
                      {"outstanding", 4},
                      {"channels", 4},
                      {"carries", {"weights", "state"}}};
    const json fabric = {{"matrix",
                          {{"inputs", 16},
                           {"outputs", 8},
                           {"multiplier", "dsp"},
                           {"pipeline_cycles", 24},
                           {"products_per_dsp", 1}}},
                         {"quantizer", {{"lanes", 8}, {"pipeline_cycles", 12}}},
                         {"attention", {{"inputs", 16}, {"outputs", 4}, {"pipeline_cycles", 80}}},
                         {"softmax", {{"lanes", 4}, {"pipeline_cycles", 40}}},
                         {"vector", {{"lanes", 8}, {"pipeline_cycles", 40}}}};
    const Settings choices[] = {
        {{"/memory_ports", json::array({both})}},
        {{"/device", "u280"}, {"/memory_ports", json::array({hbm})}, {"/engines", fabric}},
        {{"/memories", {{"ddr4", {{"model", "commands"}}}}}},
    };
    for (auto work : {decode, prefill}) {
        work["ends"] = true;
        for (const auto& choice : choices) {
            INFO(work.dump() << ", " << test::text(choice));
            check(small(work, choice));
        }
    }
}

TEST_CASE("GPT-BigCode: an end that does not wait for its data is found") {
    auto work = decode;
    work["ends"] = true;
    Prepared prepared(small(work));
    // The first of a kind; those behind it may find that their data have come meanwhile.
    std::set<std::string> found;
    for (auto& section : prepared.program.sections) {
        if (section.name == "decode") continue;
        std::set<Opcode> tried;
        for (auto& stream : section.streams) {
            for (auto& instruction : stream) {
                if (instruction.wait_count == 0 || instruction.opcode == Opcode::load) continue;
                if (!tried.insert(instruction.opcode).second) continue;
                const auto kept = std::exchange(instruction.wait_count, 0);
                try {
                    (void)prepared.run();
                } catch (const SimulationError&) {
                    found.insert(section.name + ", " + to_string(instruction.opcode));
                }
                instruction.wait_count = kept;
            }
        }
    }
    CHECK(found == std::set<std::string>{"decode input, embedding", "decode input, residual_add",
                                         "head, matmul", "head, store"});
    CHECK(prepared.run().mismatches == 0);
}

TEST_CASE("GPT-BigCode: an instruction that does not wait for its data is found") {
    for (const auto& work : {decode, prefill}) {
        Prepared prepared(small(work));
        const auto name = work.at("phase") == "decode" ? "decode" : "slice 2";
        const auto section = std::find_if(prepared.program.sections.begin(), prepared.program.sections.end(),
                                          [&](const auto& s) { return s.name == name; });
        REQUIRE(section != prepared.program.sections.end());
        std::map<Opcode, bool> tried;
        for (auto& stream : section->streams) {
            for (auto& instruction : stream) {
                const bool moves = instruction.opcode == Opcode::load || instruction.opcode == Opcode::store;
                if (moves || tried[instruction.opcode] || instruction.wait_count == 0) continue;
                tried[instruction.opcode] = true;
                const auto kept = instruction.wait_count;
                instruction.wait_count = 0;
                INFO(to_string(instruction.opcode));
                CHECK_THROWS_AS(prepared.run(), SimulationError);
                instruction.wait_count = kept;
            }
        }
        CHECK(tried.size() == 6);
        CHECK(prepared.run().mismatches == 0);
    }
}

TEST_CASE("GPT-BigCode: a load of other bytes than the layout has there is found") {
    // The second block's data are not where the first one's are.
    Prepared prepared(small(decode));
    const auto section = std::find_if(prepared.program.sections.begin(), prepared.program.sections.end(),
                                      [](const auto& s) { return s.name == "decode"; });
    REQUIRE(section != prepared.program.sections.end());
    const std::vector<std::function<void(Instruction&)>> faults = {
        [](Instruction& load) { load.address_stride = 0; },
        [](Instruction& load) { load.address += 4096; },
        [](Instruction& load) { load.value_bytes *= 2; },
    };
    int loads = 0;
    for (auto& stream : section->streams) {
        for (auto& work : stream) {
            // The first weights, and everything else.
            if (work.opcode != Opcode::load || (work.traffic == Traffic::weights && loads > 0)) continue;
            ++loads;
            for (std::size_t fault = 0; fault < faults.size(); ++fault) {
                const auto kept = work;
                faults[fault](work);
                INFO(to_string(work.traffic) << ", fault " << fault);
                CHECK(is_wrong(prepared));
                work = kept;
            }
        }
    }
    CHECK(loads == 2 + 2 * 4 + 1 - 1);
    CHECK_FALSE(is_wrong(prepared));
}

TEST_CASE("GPT-BigCode: an output that is stored elsewhere, and rows that are not whole, are found") {
    Prepared prepared(small(prefill));
    for (auto& section : prepared.program.sections) {
        const bool input = section.name.ends_with(" input");
        if (!input && !section.name.ends_with(" output")) continue;
        for (auto& stream : section.streams) {
            for (auto& work : stream) {
                INFO(section.name);
                const auto kept = work;
                if (input) {
                    work.value_bytes -= 4;
                    CHECK_THROWS_AS(prepared.run(), SimulationError);
                } else {
                    work.address = 0;
                    CHECK(is_wrong(prepared));
                }
                work = kept;
            }
        }
    }
    CHECK(prepared.run().mismatches == 0);
}

TEST_CASE("GPT-BigCode: a program that loads other keys than it needs is found") {
    Prepared prepared(small(prefill));
    const auto section = std::find_if(prepared.program.sections.begin(), prepared.program.sections.end(),
                                      [](const auto& s) { return s.name == "slice 2"; });
    REQUIRE(section != prepared.program.sections.end());
    const auto transfer = [](Opcode opcode) {
        return [opcode](const Instruction& work) {
            return work.opcode == opcode && work.traffic == Traffic::kv_cache;
        };
    };
    int tried = 0;
    for (auto& stream : section->streams) {
        const auto load = std::find_if(stream.begin(), stream.end(), transfer(Opcode::load));
        if (load == stream.end()) continue;
        // Those of its own tokens, which nobody has made yet.
        const auto store = std::find_if(stream.begin(), stream.end(), transfer(Opcode::store));
        REQUIRE(store != stream.end());
        const auto kept = std::exchange(load->address, store->address);
        CHECK_THROWS_AS(prepared.run(), SimulationError);
        load->address = kept;
        ++tried;
    }
    CHECK(tried == 1);
    CHECK(prepared.run().mismatches == 0);
}

TEST_CASE("a full-width block of CodeS-1B makes the kernels' bits, on AI Engines, for four beams") {
    check(test::design_document(
        "codes-vck190-w8a8", {{"/network/layers", 1}, {"/workload/ends", false}, {"/workload/prompt", 512}}));
}
