// SPDX-License-Identifier: Apache-2.0
// Programs for super-resolution that carry data make the bits of the untiled kernels, in the time of a run
// without data; programs that are wrong are found.
#include <algorithm>
#include <map>
#include <utility>

#include <catch2/catch.hpp>

#include "accel/functional/super_resolution_functional_run.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/schedule/super_resolution_layout.hpp"
#include "accel/simulation/accelerator.hpp"
#include "small_super_resolution.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using Catch::Matchers::Contains;
using test::odd_super_resolution_document;
using test::Settings;

namespace {

struct Prepared {
    explicit Prepared(const Settings& settings = {})
        : design(odd_super_resolution_document(settings).parse()),
          program(build_program(design, build_graph(design))) {}
    FunctionalOutcome run() const { return run_super_resolution_functional(design, program); }

    Section& section(const std::string& name) {
        return *std::find_if(program.sections.begin(), program.sections.end(),
                             [&](const auto& one) { return one.name == name; });
    }
    std::uint16_t engine(EngineKind kind) const {
        const auto found = std::find_if(program.engines.begin(), program.engines.end(),
                                        [&](const auto& one) { return one.kind == kind; });
        return static_cast<std::uint16_t>(found - program.engines.begin());
    }
    std::uint16_t state_dma() const { return static_cast<std::uint16_t>(design.port_of(Stream::state)); }

    Design design;
    TileProgram program;
};

// Positions of an opcode's instructions in a stream.
std::vector<std::size_t> positions(const std::vector<Instruction>& stream, Opcode opcode) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < stream.size(); ++i) {
        if (stream[i].opcode == opcode) found.push_back(i);
    }
    return found;
}

// What the run ends with; empty if it runs to its end without a mismatch.
std::string failure(const Prepared& prepared) {
    try {
        return prepared.run().first_mismatch;
    } catch (const SimulationError& error) {
        return error.what();
    }
}

void check(const Settings& settings) {
    INFO(test::text(settings));
    const Prepared prepared(settings);
    CHECK(check_program(prepared.program).empty());
    const auto outcome = prepared.run();
    INFO(outcome.first_mismatch);
    const auto& own = *prepared.design.super_resolution;
    const auto maps = own.feature_maps == FeatureMaps::memory ? 2 : 1;
    const auto large = own.network.colors * own.network.scale * own.network.scale;
    CHECK(outcome.values == own.image.pixels() * (maps * own.network.channels + 2 * large));
    CHECK(outcome.mismatches == 0);
    CHECK(outcome.activity.duration == simulate(prepared.design, prepared.program).duration);
}

Settings joined(Settings a, const Settings& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

}  // namespace

TEST_CASE("a small super-resolution network makes the kernels' bits in all mappings") {
    const Settings images[] = {
        {},
        {{"/network/scale", 4}, {"/network/blocks", 2}, {"/network/channels", 8}, {"/workload/width", 9}},
        {{"/workload/height", 1}, {"/workload/width", 1}, {"/network/blocks", 1}},
        {{"/network/channels", 70}, {"/network/blocks", 1}},  // signs of two words
    };
    for (const auto& image : images) {
        for (const int rows : {1, 2, 3, 7, 100}) {
            for (const auto* maps : {"on_chip", "memory"}) {
                for (const bool twice : {true, false}) {
                    check(joined(image, {{"/mapping/tile/rows", rows},
                                         {"/mapping/feature_maps", maps},
                                         {"/mapping/double_buffer", twice}}));
                }
            }
        }
    }
}

TEST_CASE("super-resolution makes the kernels' bits in all formats") {
    const auto array = [](int k) {
        return nlohmann::json{
            {"x", 2}, {"y", 1}, {"z", 2}, {"m", 16}, {"k", k}, {"n", 16}, {"precision", "int8"}};
    };
    const auto convolutions = [](const nlohmann::json& weights, const nlohmann::json& activations) {
        return Settings{{"/recipe/convolutions/weights", weights},
                        {"/recipe/convolutions/activations", activations}};
    };
    const nlohmann::json row = {{"format", "int8"}, {"scale_per", "channel"}, {"scale_bits", 32}};
    const nlohmann::json token = {{"format", "int8"}, {"scale_per", "token"}, {"scale_bits", 32}};
    const nlohmann::json codes = {{"format", "e4m3"}, {"scale_per", "token"}, {"scale_bits", 16}};
    const nlohmann::json narrow = {{"format", "e2m1"}, {"scale_per", "channel"}, {"scale_bits", 16}};
    const nlohmann::json plain = {{"format", "e4m3"}};
    const Settings tables = {{"/engines/matrix/multiplier", "lut"}, {"/engines/matrix/products_per_dsp", 1}};
    const Settings formats[] = {
        {{"/recipe/feature_map", "bf16"}},
        {{"/recipe/feature_map", "fp32"}},
        convolutions(row, token),
        joined(convolutions(narrow, codes), tables),
        joined(convolutions(plain, plain), tables),
        {{"/mapping/linear_engine", "aie"}, {"/engines/aie", array(1)}},
        {{"/mapping/linear_engine", nlohmann::json{{"upsample", "aie"}, {"tail", "aie"}}},
         {"/engines/aie", array(5)}},
    };
    for (const auto& format : formats) {
        for (const auto* maps : {"on_chip", "memory"})
            check(joined(format, {{"/mapping/feature_maps", maps}}));
    }
}

TEST_CASE("super-resolution makes the same bits behind ports of several channels, and one for all") {
    const auto port = [](const char* name, int first, int channels, const nlohmann::json& carries) {
        return nlohmann::json{{"name", name},         {"memory", "hbm"},   {"first_channel", first},
                              {"channels", channels}, {"width_bits", 256}, {"burst_beats", 3},
                              {"outstanding", 3},     {"carries", carries}};
    };
    const nlohmann::json ports[] = {
        {port("weights", 0, 3, {"weights"}), port("pixels", 2, 5, {"state"})},
        nlohmann::json::array({port("all", 0, 2, {"weights", "state"})}),
    };
    for (const auto& some : ports) {
        for (const auto* maps : {"on_chip", "memory"}) {
            for (const int rows : {1, 3}) {
                check({{"/device", "u280"},
                       {"/memory_ports", some},
                       {"/mapping/tile/rows", rows},
                       {"/mapping/feature_maps", maps},
                       {"/mapping/double_buffer", rows == 1}});
            }
        }
    }
}

namespace {

// By section and opcode: whether an instruction was found that has to wait for what it reads.
using Found = std::map<std::pair<std::string, Opcode>, bool>;

void try_without_waits(Prepared& prepared, Found& found) {
    for (auto& section : prepared.program.sections) {
        const auto waits_for_data = [&](const Instruction& work) {
            const auto first = section.waits.begin() + work.wait_begin;
            return std::any_of(first, first + work.wait_count, [](const auto& wait) { return wait.data; });
        };
        for (auto& stream : section.streams) {
            for (auto& work : stream) {
                if (!waits_for_data(work)) continue;
                auto& one = found[{section.name, work.opcode}];
                if (one) continue;
                const auto kept = std::exchange(work.wait_count, 0);
                one = !failure(prepared).empty();
                work.wait_count = kept;
            }
        }
    }
    CHECK(failure(prepared).empty());
}

}  // namespace

TEST_CASE("super-resolution makes the same bits behind a port of pixels that lags far behind") {
    for (const auto* maps : {"on_chip", "memory"}) {
        for (const auto rows : {1, 6}) {
            check({{"/mapping/feature_maps", maps},
                   {"/mapping/tile/rows", rows},
                   {"/workload/height", 24},
                   {"/workload/width", 32},
                   {"/memory_ports/1/width_bits", 32},
                   {"/memory_ports/1/outstanding", 1},
                   {"/memory_ports/1/outstanding_bursts", 1},
                   {"/memory_ports/1/burst_beats", 1}});
        }
    }
}

TEST_CASE("instructions of super-resolution that do not wait for their data are found") {
    for (const auto* maps : {"on_chip", "memory"}) {
        Found found;
        // With one strip nothing else is in between; with seven they overlap.
        for (const int rows : {100, 1}) {
            Prepared prepared(Settings{{"/mapping/feature_maps", maps},
                                       {"/mapping/tile/rows", rows},
                                       {"/mapping/double_buffer", false},
                                       {"/engines/vector/pipeline_cycles", 1},
                                       {"/engines/binary/inputs", 2},
                                       {"/engines/binary/outputs", 1}});
            try_without_waits(prepared, found);
        }
        for (const auto& [which, one] : found) {
            INFO(maps << ", " << which.first << ", " << to_string(which.second));
            CHECK(one);
        }
        CHECK(found.size() >= 14);
    }
}

TEST_CASE("a convolution that waits for one strip less reads a row that is not there") {
    Prepared prepared(Settings{{"/mapping/tile/rows", 2}});
    const auto one_less = [&](const std::string& name, EngineKind kind, Opcode opcode, EngineKind waits_for) {
        auto& section = prepared.section(name);
        const auto& stream = section.streams[prepared.engine(kind)];
        const auto& work = stream[positions(stream, opcode).at(1)];
        for (std::uint32_t w = 0; w < work.wait_count; ++w) {
            auto& wait = section.waits[work.wait_begin + w];
            if (wait.engine != prepared.engine(waits_for)) continue;
            --wait.index;
            const auto found = failure(prepared);
            ++wait.index;
            return found;
        }
        return std::string("no such wait");
    };
    CHECK_THAT(one_less("block 1", EngineKind::binary, Opcode::binary_convolution, EngineKind::vector),
               Contains("binary convolution") && Contains("row 4 of the signs"));
    CHECK_THAT(one_less("blocks", EngineKind::binary, Opcode::binary_convolution, EngineKind::vector),
               Contains("of the signs is read as of generation"));
    CHECK_THAT(one_less("head", EngineKind::matrix, Opcode::matmul, EngineKind::quantizer),
               Contains("row 4 of the rounded input of the head") && Contains("not made yet"));
}

TEST_CASE("a strip that is stored nowhere is missed") {
    Prepared prepared(Settings{{"/mapping/tile/rows", 2}});
    auto& section = prepared.section("head");
    auto& stream = section.streams[prepared.state_dma()];
    const auto removed = positions(stream, Opcode::store).at(1);
    stream.erase(stream.begin() + static_cast<std::ptrdiff_t>(removed));
    for (auto& wait : section.waits) {
        if (wait.engine == prepared.state_dma() && wait.index >= static_cast<std::int32_t>(removed)) {
            --wait.index;
        }
    }
    CHECK_THAT(failure(prepared), Contains("row 2 of the head's map in memory") && Contains("not made yet"));
}

TEST_CASE("pixels that are added up out of order, or for another unit, are found") {
    const auto swapped = [](const std::string& name, EngineKind kind, Opcode opcode) {
        Prepared prepared(Settings{{"/mapping/tile/rows", 2}});
        auto& stream = prepared.section(name).streams[prepared.engine(kind)];
        const auto at = positions(stream, opcode);
        std::swap(stream[at.at(1)].m0, stream[at.at(2)].m0);
        return failure(prepared);
    };
    CHECK_THAT(swapped("head", EngineKind::vector, Opcode::pool), Contains("feature map"));
    CHECK_THAT(swapped("blocks", EngineKind::vector, Opcode::rescale), Contains("rescale"));
    CHECK_THAT(swapped("blocks", EngineKind::vector, Opcode::binarize), Contains("signs"));
    CHECK_THAT(swapped("upsampler", EngineKind::quantizer, Opcode::quantize), Contains("sum"));
}

TEST_CASE("a transfer from or to another place is found") {
    Prepared prepared(Settings{{"/mapping/feature_maps", "memory"}});
    auto& section = prepared.section("blocks");
    auto& stream = section.streams[prepared.state_dma()];
    const auto loads = positions(stream, Opcode::load);
    for (const auto shift : {32, 4096}) {
        auto& work = stream[loads.at(1)];
        work.address += shift;
        CHECK_THAT(failure(prepared), Contains("(map)"));
        work.address -= shift;
    }
    std::swap(stream[loads.at(1)].address, stream[loads.at(2)].address);
    CHECK(failure(prepared) != "");
}

TEST_CASE("what a buffer gives up too early is missed") {
    Prepared prepared;
    for (auto& section : prepared.program.sections) {
        if (section.name != "blocks") continue;
        const auto early = std::find_if(section.holds.begin(), section.holds.end(), [&](const auto& hold) {
            return hold.releaser.engine == prepared.engine(EngineKind::binary) && hold.releaser.index > 2;
        });
        REQUIRE(early != section.holds.end());
        early->releaser.index -= 2;
    }
    CHECK_THAT(failure(prepared), Contains("of the signs is read") && Contains("gone"));
}

TEST_CASE("without double buffering there is place for the weights of one unit") {
    const Prepared twice;
    const Prepared once(Settings{{"/mapping/double_buffer", false}});
    const auto weights = static_cast<std::size_t>(Buffer::weights);
    const auto unit = lay_out_super_resolution(once.design).unit_bytes;
    CHECK(unit == 113 + 4 * (10 + (10 * 3 + 3) + (3 * 20 + 20) + (10 + 1)));
    CHECK(once.program.buffer_bytes[weights] + unit == twice.program.buffer_bytes[weights]);
}
