// SPDX-License-Identifier: Apache-2.0
// Where regions lie when ports with different channels share a memory.
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "accel/report/evaluate.hpp"
#include "accel/schedule/memory_layout.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/transfer_layout.hpp"
#include "gpt/small_gpt.hpp"
#include "small_design.hpp"
#include "var/small_var.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using nlohmann::json;
using test::design_document;

namespace {

constexpr std::int64_t kib = 1024;
constexpr std::int64_t gib = 1024 * 1024 * kib;

MemoryPort memory_port(const std::string& memory, int channels, int first_channel) {
    MemoryPort port;
    port.memory = memory;
    port.channels = channels;
    port.first_channel = first_channel;
    return port;
}

// A design with memories of one, two and 32 channels: ddr4, lpddr4 and hbm.
Design design_with(const std::vector<MemoryPort>& ports) {
    static const auto hbm = design_document("lightmamba-u280-w4a4").parse().device.memories.at("hbm");
    static const auto vck190 = design_document("lightmamba-vck190-w4a4").parse();
    auto design = vck190;
    design.device.memories.emplace("hbm", hbm);
    design.memory_ports = ports;
    return design;
}

// What a map refuses: the pointer and the message. Empty if it does not.
std::pair<std::string, std::string> refusal_of(const MemoryMap& map) {
    try {
        map.check_ends();
    } catch (const MappingError& error) {
        return {error.pointer(), error.what()};
    }
    return {};
}

// A part of one channel, in the address space of its memory.
struct Part {
    std::size_t port = 0;
    std::string memory;
    std::int64_t begin = 0;
    std::int64_t end = 0;

    bool meets(const Part& other) const {
        return memory == other.memory && begin < other.end && other.begin < end;
    }
};

// All that a transfer moves in each of its channels, padding included.
void append_parts(const Design& design, std::size_t port, const Instruction& transfer,
                  std::int64_t repetition, std::vector<Part>& parts) {
    const TransferLayout layout(design, design.memory_ports[port]);
    for (std::size_t channel = 0; channel < layout.channels(); ++channel) {
        const auto begin = layout.address(transfer, repetition, channel);
        parts.push_back(
            {port, design.memory_ports[port].memory, begin, begin + layout.padded_bytes(transfer)});
    }
}

// Pairs of transfers through different ports that meet in a channel.
std::int64_t meetings(const Design& design) {
    const auto program = build_program(design, build_graph(design));
    std::vector<Part> parts;
    for (const auto& section : program.sections) {
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            if (program.engines[engine].kind != EngineKind::dma) continue;
            for (const auto& transfer : section.streams[engine]) {
                for (std::int64_t i = 0; i < section.repeat; ++i) {
                    append_parts(design, program.engines[engine].memory_port, transfer, i, parts);
                }
            }
        }
    }
    std::int64_t count = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (parts[i].port != parts[j].port && parts[i].meets(parts[j])) ++count;
        }
    }
    return count;
}

json port(const std::string& name, const std::vector<std::string>& carries, int channels, int first_channel) {
    return {
        {"name", name},     {"memory", "lpddr4"}, {"width_bits", 256},    {"burst_beats", 16},
        {"outstanding", 2}, {"carries", carries}, {"channels", channels}, {"first_channel", first_channel}};
}

void check_same_bits_and_time(const DesignDocument& document) {
    const auto timing = evaluate(document, Fidelity::timing);
    CHECK(timing.latency_s() >= timing.bound.latency_s);
    const auto functional = evaluate(document, Fidelity::functional);
    REQUIRE(functional.functional);
    CHECK(functional.functional->values > 0);
    CHECK(functional.functional->mismatches == 0);
    CHECK(functional.activity->duration == timing.activity->duration);
}

}  // namespace

TEST_CASE("regions of ports with the same channels lie one behind the other") {
    // Row times banks of a channel.
    const std::vector<std::tuple<std::string, int, std::int64_t>> all = {
        {"ddr4", 1, 128 * kib}, {"lpddr4", 2, 32 * kib}, {"hbm", 16, 16 * kib}, {"hbm", 32, 16 * kib}};
    for (const auto& [memory, channels, row_of_every_bank] : all) {
        const auto one = memory_port(memory, channels, 0);
        const auto design = design_with({one, one});
        MemoryMap map(design);
        const auto rows = map.whole_rows(0, 1);
        CHECK(rows == row_of_every_bank * channels);
        CHECK(map.place(0, 1) == 0);
        CHECK(map.place(1, rows) == rows);
        CHECK(map.place(1, 0) == 2 * rows);
        CHECK(map.place(0, rows + 1) == 2 * rows);
        CHECK(map.place(1, 5) == 4 * rows);
        CHECK(map.end(0) == 5 * rows);
        CHECK(map.end(1) == 5 * rows);
    }
}

TEST_CASE("regions of ports with one and two channels lie behind each other in every channel") {
    const auto design = design_with({memory_port("lpddr4", 1, 0), memory_port("lpddr4", 2, 0),
                                     memory_port("lpddr4", 1, 1), memory_port("ddr4", 1, 0)});
    MemoryMap map(design);
    CHECK(map.place(0, 100) == 0);               // the first channel's first 32 KiB
    CHECK(map.place(1, 200 * kib) == 64 * kib);  // behind them: 32 to 160 KiB of both channels
    CHECK(map.place(0, 1) == 160 * kib);
    CHECK(map.place(2, 70 * kib) == 160 * kib);  // of the second channel: up to 256 KiB
    CHECK(map.place(0, 1) == 192 * kib);         // of the first one
    CHECK(map.place(1, 1) == 512 * kib);         // from 256 KiB of both
    CHECK(map.end(0) == 288 * kib);
    CHECK(map.end(1) == 576 * kib);
    CHECK(map.end(2) == 288 * kib);
    CHECK(map.place(2, 1) == 288 * kib);
    // Another memory has nothing to do with it.
    CHECK(map.end(3) == 0);
    CHECK(map.place(3, 1) == 0);
    CHECK(map.end(1) == 640 * kib);
}

TEST_CASE("a port over all channels finds the end of the fullest, others that of their own") {
    const auto design =
        design_with({memory_port("hbm", 32, 0), memory_port("hbm", 1, 5), memory_port("hbm", 2, 6),
                     memory_port("hbm", 3, 29), memory_port("lpddr4", 2, 0)});
    MemoryMap map(design);
    CHECK(map.place(0, 64 * kib) == 0);       // 16 KiB of every channel, for 2 that are wanted
    CHECK(map.place(1, 1) == 16 * kib);       // channel 5: 16 to 32 KiB
    CHECK(map.place(2, 1) == 32 * kib);       // channels 6 and 7: 16 to 32 KiB
    CHECK(map.place(0, 1) == 32 * 32 * kib);  // every channel: 32 to 48 KiB
    CHECK(map.place(2, 1) == 96 * kib);
    CHECK(map.place(1, 1) == 48 * kib);
    CHECK(map.end(2) == 128 * kib);
    CHECK(map.place(3, 1) == 144 * kib);
    CHECK(map.end(3) == 192 * kib);
    CHECK(map.place(3, 1) == 192 * kib);
    CHECK(map.end(0) == 32 * 80 * kib);  // channels 29 to 31
    CHECK(map.end(4) == 0);
}

TEST_CASE("a port that does not reach what lies in its channels is refused") {
    const auto design =
        design_with({memory_port("ddr4", 1, 0), memory_port("lpddr4", 1, 0), memory_port("lpddr4", 2, 0)});
    MemoryMap map(design);
    map.place(1, 1 * gib);
    map.place(2, 6 * gib);  // up to the end of both channels
    CHECK(refusal_of(map).first.empty());
    map.place(2, 1);
    CHECK(refusal_of(map) ==
          std::pair<std::string, std::string>{
              "/memory_ports/1",
              "the network needs 4295000064 bytes of memory but the port reaches 4294967296"});
    map.place(0, 9 * gib);
    CHECK(refusal_of(map) ==
          std::pair<std::string, std::string>{
              "/memory_ports/0",
              "the network needs 9663676416 bytes of memory but the port reaches 8589934592"});

    const auto large = design_document("lightmamba-vck190-w4a4", {{"/network/layers", 1000}}).parse();
    CHECK_THROWS_WITH(build_program(large, build_graph(large)),
                      Catch::Matchers::Contains("bytes of memory but the port reaches 8589934592"));
}

TEST_CASE("transfers of no two regions meet in a channel") {
    const std::vector<std::pair<std::string, int>> memories = {{"ddr4", 1}, {"lpddr4", 2}, {"hbm", 32}};
    CHECK(rc::check("regions", [&] {
        std::vector<MemoryPort> ports;
        const auto count = *rc::gen::inRange(1, 6);
        for (int i = 0; i < count; ++i) {
            const auto [memory, channels] = *rc::gen::elementOf(memories);
            const auto first = *rc::gen::inRange(0, channels);
            ports.push_back(memory_port(memory, *rc::gen::inRange(1, channels - first + 1), first));
            ports.back().width_bits = *rc::gen::element(64, 256, 512);
        }
        const auto design = design_with(ports);
        MemoryMap map(design);
        std::vector<Part> parts;
        const auto regions = *rc::gen::inRange(1, 20);
        for (int i = 0; i < regions; ++i) {
            const auto index = *rc::gen::inRange<std::size_t>(0, ports.size());
            const auto& port = ports[index];
            const auto beats = *rc::gen::inRange<std::int64_t>(1, 20000);
            Instruction transfer;
            transfer.value_bytes = beats * port.channels * port.width_bits / 8;
            const auto before = map.end(index);
            transfer.address = map.place(index, transfer.value_bytes);
            RC_ASSERT(transfer.address == map.whole_rows(index, transfer.address));
            RC_ASSERT(transfer.address >= before);
            RC_ASSERT(transfer.address < before + map.whole_rows(index, 1));
            RC_ASSERT(map.end(index) >= transfer.address + transfer.value_bytes);
            append_parts(design, index, transfer, 0, parts);
        }
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) RC_ASSERT(!parts[i].meets(parts[j]));
        }
    }));
}

TEST_CASE("ports with different channels of a memory carry the same data in the same time as without data") {
    const std::vector<json> all = {
        {port("weights", {"weights"}, 1, 0), port("rest", {"state", "convolution"}, 2, 0)},
        {port("weights", {"weights"}, 2, 0), port("rest", {"state", "convolution"}, 1, 1)},
        {port("weights", {"weights"}, 1, 1), port("state", {"state"}, 2, 0),
         port("convolution", {"convolution"}, 1, 0)},
    };
    for (const auto& ports : all) {
        CAPTURE(ports.dump());
        check_same_bits_and_time(test::small_document({{"/memory_ports", ports}}));
    }
}

TEST_CASE("transfers of a program through different ports do not meet") {
    const std::vector<std::pair<int, int>> channels = {{1, 0}, {2, 0}, {1, 1}};
    for (const auto& [weights, weights_first] : channels) {
        for (const auto& [state, state_first] : channels) {
            CAPTURE(weights, weights_first, state, state_first);
            const json ports = {port("weights", {"weights"}, weights, weights_first),
                                port("state", {"state"}, state, state_first)};
            const test::Settings settings = {{"/memory_ports", ports}};
            CHECK(meetings(test::small_gpt_document(settings).parse()) == 0);
            const auto var = test::small_var_document(
                test::joined(settings, {{"/workload/ends", true}, {"/workload/adaln", "device"}}));
            CHECK(meetings(var.parse()) == 0);
            auto mamba2 = test::small_document(settings);
            mamba2.set("/memory_ports/1/carries", {"state", "convolution"});
            CHECK(meetings(mamba2.parse()) == 0);
        }
    }
}
