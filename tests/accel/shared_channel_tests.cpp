// SPDX-License-Identifier: Apache-2.0
// Designs whose ports share a memory channel, and weights that reach the AI Engines through GMIO.
#include <catch2/catch.hpp>

#include "accel/design/config_error.hpp"
#include "accel/report/evaluate.hpp"
#include "small_design.hpp"

using namespace tilewright::accel;
using nlohmann::json;
using tilewright::test::design_document;
using tilewright::test::refusal;
using tilewright::test::Settings;
using tilewright::test::small_document;

namespace {

json port(const std::string& name, const std::vector<std::string>& carries,
          const json& more = json::object()) {
    json result = {{"name", name},      {"memory", "ddr4"}, {"width_bits", 256},
                   {"burst_beats", 16}, {"outstanding", 2}, {"carries", carries}};
    result.update(more);
    return result;
}

const Settings on_aie = {
    {"/engines/aie",
     {{"x", 2}, {"y", 2}, {"z", 3}, {"m", 8}, {"k", 32}, {"n", 16}, {"precision", "int8_int4"}}},
    {"/mapping/linear_engine", "aie"}};

DesignDocument with_ports(const json& ports, Settings more = {}) {
    more.emplace_back("/memory_ports", ports);
    return small_document(more);
}

}  // namespace

TEST_CASE("ports that share a channel carry the same data in the same time as without data") {
    const json ports = {port("weights", {"weights"}), port("rest", {"state", "convolution"})};
    for (const auto& document :
         {with_ports(ports), with_ports({port("weights", {"weights"}, {{"qos_weight", 4}}), ports[1]}),
          with_ports({ports[0], port("rest", {"state", "convolution"}, {{"outstanding_bursts", 1}})})}) {
        const auto timing = evaluate(document, Fidelity::timing);
        CHECK(timing.latency_s() >= timing.bound.latency_s);
        const auto functional = evaluate(document, Fidelity::functional);
        REQUIRE(functional.functional);
        CHECK(functional.functional->mismatches == 0);
        CHECK(functional.activity->duration == timing.activity->duration);
        // Nothing is lost: what the ports moved is what the memory served.
        std::int64_t beats = 0;
        for (const auto& one : timing.activity->ports) {
            for (const auto& traffic : one.traffic) beats += traffic.read_beats + traffic.write_beats;
        }
        const auto& memory = timing.activity->memories.front().second;
        CHECK(memory.read_bytes + memory.write_bytes == 32 * beats);
    }
}

TEST_CASE("few bursts or transfers on their way slow a port down, and the account says so") {
    const auto limit = [](const json& settings) {
        const auto all = port("all", {"weights", "state", "convolution"}, settings);
        return evaluate(with_ports(json::array({all})), Fidelity::timing);
    };
    const auto limited = [](const Evaluation& evaluation) {
        const auto& occupancy = evaluation.activity->occupancy.front();
        CHECK(occupancy.in_flight >= occupancy.active + occupancy.limited);
        return static_cast<double>(occupancy.limited) / static_cast<double>(evaluation.activity->duration);
    };
    const auto many = limit({{"outstanding_bursts", 32}, {"outstanding", 16}});
    CHECK(limited(many) == 0);
    const auto one_burst = limit({{"outstanding_bursts", 1}, {"outstanding", 16}});
    CHECK(one_burst.latency_s() > 1.1 * many.latency_s());
    CHECK(limited(one_burst) > 0.25);
    // With bursts of four beats most of a transfer's time is the way there and back.
    const auto transfers = [&](int outstanding) {
        return limit({{"outstanding", outstanding}, {"burst_beats", 4}});
    };
    const auto one = transfers(1);
    const auto two = transfers(2);
    const auto plenty = transfers(16);
    CHECK(one.latency_s() > 1.1 * two.latency_s());
    CHECK(limited(one) > limited(two));
    CHECK(limited(two) > limited(plenty));
    CHECK(limited(one) > 0.25);
    CHECK(limited(plenty) < 0.01);
}

TEST_CASE("a link that is slower than its port is what limits it, and the account says so") {
    const auto linked = [](int width_bits, int hops) {
        const auto all =
            port("all", {"weights", "state", "convolution"},
                 {{"width_bits", width_bits}, {"burst_beats", 64}, {"outstanding", 8}, {"hops", hops}});
        const auto document = design_document(
            "mamba2-vck190-aie",
            {{"/network/layers", 1}, {"/workload/lm_head", false}, {"/memory_ports", json::array({all})}});
        const auto evaluation = evaluate(document, Fidelity::timing);
        const auto& occupancy = evaluation.activity->occupancy.front();
        CHECK(occupancy.in_flight >= occupancy.active + occupancy.linked + occupancy.limited);
        return static_cast<double>(occupancy.linked) / static_cast<double>(evaluation.activity->duration);
    };
    // 64 bytes a cycle of 400 MHz are more than the 16 of a link of 1 GHz; 32 are not.
    CHECK(linked(256, 8) == 0);
    const auto near = linked(512, 2);
    CHECK(near > 0.2);
    CHECK(linked(512, 64) == Approx(near).epsilon(0.05));  // however far it is
}

TEST_CASE("a port that is nearer to the memory than another one takes nothing from that") {
    const auto latency = [](int hops) {
        const json wide = {{"width_bits", 512}, {"burst_beats", 64}, {"outstanding", 4}};
        auto far = port("far", {"weights"}, wide);
        far.update({{"hops", 64}, {"burst_beats", 8}, {"outstanding", 32}});
        auto near = port("near", {"state", "convolution"}, wide);
        near["hops"] = hops;
        const auto document =
            design_document("mamba2-vck190-aie", {{"/network/layers", 2},
                                                  {"/workload/lm_head", false},
                                                  {"/memory_ports", json::array({far, near})},
                                                  {"/memories/ddr4/model", "commands"}});
        return evaluate(document, Fidelity::timing).latency_s();
    };
    const auto alike = latency(64);
    CHECK(latency(32) <= 1.005 * alike);
    CHECK(latency(8) <= 1.005 * alike);
}

TEST_CASE("weights through GMIO: same bits, another port, waiting has the array's name") {
    const json ports = {port("rest", {"weights", "state", "convolution"}),
                        port("gmio", {"weights"}, {{"gmio", 2}})};
    const auto document = with_ports(ports, on_aie);
    const auto timing = evaluate(document, Fidelity::timing);
    CHECK(timing.latency_s() >= timing.bound.latency_s);
    CHECK(timing.resources.aie.gmio_in == 2);
    CHECK(timing.resources.aie.plio_in == 2 * 2);
    // Two DMA channels of 4 bytes at the array's clock, with a pause behind every burst.
    const auto& gmio = timing.design.memory_ports[1];
    const auto moving = static_cast<double>(gmio.burst_beats);
    const auto pause = static_cast<double>(timing.design.device.aie.gmio_transfer_cycles);
    CHECK(pause > 0);
    CHECK(timing.design.port_specification(gmio).bytes_per_s() ==
          Approx(8 * 1.25e9 * moving / (moving + pause)));
    // However many there are, they saturate where boards do.
    auto many = gmio;
    many.gmio = 8;
    many.width_bits = 8 * 32;
    CHECK(timing.design.port_specification(many).bytes_per_s() == Approx(10.9e9));
    std::int64_t waited = 0;
    for (const auto& engine : timing.activity->engines) {
        waited += engine.stalled[static_cast<std::size_t>(StallCause::waits_for_aie)];
        CHECK(engine.stalled[static_cast<std::size_t>(StallCause::waits_for_matrix)] == 0);
    }
    CHECK(waited > 0);
    const auto functional = evaluate(document, Fidelity::functional);
    CHECK(functional.functional->mismatches == 0);
    CHECK(functional.activity->duration == timing.activity->duration);
}

TEST_CASE("two GMIO share a network interface: eight use four links, in the bound too") {
    auto eight_operands = on_aie;
    eight_operands.emplace_back("/engines/aie/z", 4);
    const auto with_gmio = [&](int count) {
        const auto rest = port("rest", {"weights", "state", "convolution"});
        const auto ports = json::array({rest, port("gmio", {"weights"}, {{"gmio", count}})});
        return evaluate(with_ports(ports, eight_operands), Fidelity::timing);
    };
    const auto link_limit = [](const Evaluation& evaluation) {
        for (const auto& [name, seconds] : evaluation.bound.limits_s) {
            if (name == "interconnect link gmio") return seconds;
        }
        return 0.0;
    };
    const auto one = with_gmio(1);
    const auto eight = with_gmio(8);
    CHECK(link_limit(one) > 0);
    CHECK(link_limit(eight) == Approx(link_limit(one) / 4));
    CHECK(eight.latency_s() >= eight.bound.latency_s);
}

TEST_CASE("GMIO that cannot be are refused with a pointer") {
    using Catch::Matchers::Contains;
    const auto rest = port("rest", {"weights", "state", "convolution"});
    CHECK_THAT(refusal(with_ports({rest, port("gmio", {"weights"}, {{"gmio", 2}})})),
               Contains("/memory_ports/1/gmio") && Contains("no linear layer runs on AI Engines"));
    CHECK_THAT(
        refusal(with_ports({port("axi", {"weights"}), port("gmio", {"state", "convolution"}, {{"gmio", 2}})},
                           on_aie)),
        Contains("/memory_ports/1/carries") && Contains("[\"weights\"]"));
    CHECK_THAT(refusal(with_ports({rest, port("gmio", {"weights"}, {{"gmio", 33}})}, on_aie)),
               Contains("/memory_ports/1/gmio"));
    // A tile's memory takes two streams, and the left operand is one: six right operands, seven GMIO.
    CHECK_THAT(refusal(with_ports({rest, port("gmio", {"weights"}, {{"gmio", 7}})}, on_aie)),
               Contains("#/memory_ports/1/gmio: 7 GMIO for y * z = 6 right operands") &&
                   Contains("3 DMA channels into a tile of 2; allowed: at most 6 GMIO"));
    CHECK(refusal(with_ports({rest, port("gmio", {"weights"}, {{"gmio", 6}})}, on_aie)).empty());
    CHECK_THAT(refusal(with_ports({rest, port("axi", {"weights"}, {{"qos_weight", 0}})}, on_aie)),
               Contains("/memory_ports/1/qos_weight"));
    CHECK_THAT(refusal(with_ports({rest, port("axi", {"weights"}, {{"outstanding_bursts", 0}})}, on_aie)),
               Contains("/memory_ports/1/outstanding_bursts"));
    auto wide = on_aie;
    wide.emplace_back("/engines/aie/precision", "int8");
    CHECK_THAT(refusal(with_ports({rest, port("gmio", {"weights"}, {{"gmio", 2}})}, wide)),
               Contains("/engines/aie/precision") && Contains("as they are stored"));
}
