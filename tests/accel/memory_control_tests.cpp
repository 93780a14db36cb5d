// SPDX-License-Identifier: Apache-2.0
// Designs that choose how their DRAM is simulated and controlled.
#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "small_design.hpp"

using namespace tilewright::accel;
using Catch::Matchers::Contains;
using nlohmann::json;
using tilewright::test::ddr4_port;
using tilewright::test::design_document;
using tilewright::test::in_account;
using tilewright::test::refusal;
using tilewright::test::Settings;
using tilewright::test::small_document;

namespace {

Settings control(const std::string& mapping, const std::string& page) {
    return {{"/memories/ddr4", {{"model", "commands"}, {"address_mapping", mapping}, {"page", page}}}};
}

}  // namespace

TEST_CASE("command by command: same data, same time without them, at or above the bound, nothing lost") {
    const json one = {ddr4_port("all", {"weights", "state", "convolution"}, 256)};
    json two = {ddr4_port("weights", {"weights"}, 16), ddr4_port("rest", {"state", "convolution"}, 16)};
    for (auto& each : two) each["outstanding"] = 8;
    for (const auto* mapping : {"RoBaRaCoBgCh", "MOP4CLXOR", "RoBaRaCoCh", "ChRaBaRoCo"}) {
        for (const auto* page : {"open", "closed"}) {
            for (const auto& ports : {one, two}) {
                CAPTURE(mapping, page, ports.size());
                auto settings = control(mapping, page);
                settings.emplace_back("/memory_ports", ports);
                const auto document = small_document(settings);
                const auto timing = evaluate(document, Fidelity::timing);
                CHECK(timing.latency_s() >= timing.bound.latency_s);
                CHECK(timing.energy.total_j >= timing.bound_energy.total_j);
                const auto functional = evaluate(document, Fidelity::functional);
                REQUIRE(functional.functional);
                CHECK(functional.functional->mismatches == 0);
                CHECK(functional.activity->duration == timing.activity->duration);

                std::int64_t beats = 0;
                for (const auto& each : timing.activity->ports) {
                    for (const auto& traffic : each.traffic)
                        beats += traffic.read_beats + traffic.write_beats;
                }
                const auto report = make_report(document, timing).at("memory").at("ddr4");
                CHECK(report.at("read_bytes").get<std::int64_t>() +
                          report.at("write_bytes").get<std::int64_t>() ==
                      32 * beats);
                CHECK(report.at("model") == "commands");
                CHECK(report.at("address_mapping") == mapping);
                CHECK(report.at("page") == page);
                double sum = 0;
                for (const auto& [part, fraction] : report.at("bandwidth_account").items()) {
                    if (part == "channels") continue;
                    sum += fraction.get<double>();
                    CAPTURE(part);
                    CHECK(fraction.get<double>() >= 0);
                }
                CHECK(sum == Approx(1).epsilon(1e-12));
            }
        }
    }
}

TEST_CASE("mapping and page policy change what a wide port gets, and the account says why") {
    struct Run {
        Evaluation evaluation;
        json memory;
    };
    const auto of = [](const std::string& mapping, const std::string& page) {
        auto settings = control(mapping, page);
        settings.emplace_back("/memory_ports/0/width_bits", 512);  // 16 GB/s, what its link takes
        // Enough multipliers for all of it.
        settings.emplace_back("/engines/matrix/inputs", 64);
        settings.emplace_back("/engines/matrix/outputs", 16);
        settings.emplace_back("/engines/matrix/tile_drain_cycles", 0);
        settings.emplace_back("/network/vocabulary", 20000);
        const auto document = small_document(settings);
        auto evaluation = evaluate(document, Fidelity::timing);
        json memory = make_report(document, evaluation).at("memory").at("ddr4");
        return Run{std::move(evaluation), std::move(memory)};
    };
    const auto rotating = of("RoBaRaCoBgCh", "open");
    const auto one_group = of("RoBaRaCoCh", "open");
    const auto closed = of("RoBaRaCoBgCh", "closed");
    // Columns of one bank group get 62 % of the peak, 15.8 GB/s; accesses that open a row of one of four
    // banks each, 4 in tRC = 74 clocks, 22 %.
    CHECK(one_group.evaluation.latency_s() > 1.005 * rotating.evaluation.latency_s());
    CHECK(closed.evaluation.latency_s() > 2 * rotating.evaluation.latency_s());
    CHECK(in_account(rotating.memory, "bank_group") < 0.01);
    CHECK(in_account(one_group.memory, "bank_group") > 0.1);
    CHECK(in_account(rotating.memory, "row_misses") < 0.05);
    CHECK(in_account(closed.memory, "row_misses") > 0.5);
    CHECK(closed.memory.at("row_hits") == 0);
    // An activate an access.
    CHECK(closed.evaluation.energy.total_j > rotating.evaluation.energy.total_j);
}

TEST_CASE("shipped designs take the same time in both models, to a ten thousandth, for the same reasons") {
    for (const auto* name : {"lightmamba-vck190-w4a4", "lightmamba-rtl-vck190", "fpqvar-vck190-fp4"}) {
        const auto usual = design_document(name);
        const auto bursts = evaluate(usual, Fidelity::timing);
        CHECK(bursts.design.memory_control("ddr4").model == DramModel::bursts);
        const auto by_command = design_document(name, {{"/memories/ddr4/model", "commands"}});
        const auto commands = evaluate(by_command, Fidelity::timing);
        const auto memory = make_report(usual, bursts).at("memory").at("ddr4");
        const auto other = make_report(by_command, commands).at("memory").at("ddr4");
        for (const auto* part : {"data", "row_misses", "row_conflicts", "refresh", "turnaround", "bank_group",
                                 "activate_window", "column_spacing"}) {
            CAPTURE(name, part);
            const double margin = part == std::string("refresh") ? 0.0006 : 0.002;
            CHECK(in_account(memory, part) == Approx(in_account(other, part)).margin(margin));
        }
        CAPTURE(name, bursts.latency_s(), commands.latency_s());
        CHECK(std::abs(bursts.latency_s() / commands.latency_s() - 1) < 1e-4);
        CHECK(bursts.activity->memories.front().second.read_bytes ==
              commands.activity->memories.front().second.read_bytes);
        CHECK(commands.latency_s() >= commands.bound.latency_s);
    }
}

TEST_CASE("transfers that end while those before them are reported halt no simulation") {
    // Four transfers of one port in flight; in phases, or in turn with another port.
    for (const int outstanding : {3, 4, 8}) {
        const auto design = [&](const json& ports, const std::string& model) {
            return design_document(
                "fpqvar-vck190-fp4",
                {{"/network", "var-small"}, {"/memory_ports", ports}, {"/memories/ddr4/model", model}});
        };
        auto all = ddr4_port("all", {"weights", "state"}, 256);
        auto weights = ddr4_port("weights", {"weights"}, 16);
        auto state = ddr4_port("state", {"state"}, 16);
        for (auto* each : {&all, &weights, &state}) (*each)["outstanding"] = outstanding;
        for (const auto* model : {"bursts", "commands"}) {
            for (const auto& ports : {json::array({all}), json::array({weights, state})}) {
                const auto evaluation = evaluate(design(ports, model), Fidelity::timing);
                CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
            }
        }
    }
}

TEST_CASE("refreshes that are put off cost less where the memory has time for them") {
    const auto run = [](int postponed) {
        auto settings = control("RoBaRaCoBgCh", "open");
        settings.front().second["refreshes_postponed"] = postponed;
        settings.emplace_back("/network/layers", 2);
        const auto document = design_document("lightmamba-vck190-w4a4", settings);
        const auto evaluation = evaluate(document, Fidelity::timing);
        return make_report(document, evaluation).at("memory").at("ddr4");
    };
    const auto in_time = run(0);
    const auto put_off = run(8);
    CHECK(put_off.at("refreshes_postponed") == 8);
    CHECK(put_off.at("refreshes") == in_time.at("refreshes"));
    CHECK(in_account(put_off, "refresh") < in_account(in_time, "refresh"));
}

TEST_CASE("a slow port that shares a channel holds up no other one, in either order") {
    json weights = ddr4_port("weights", {"weights"}, 64);
    json state = ddr4_port("state", {"state", "convolution"}, 256);
    for (auto* one : {&weights, &state}) (*one)["outstanding"] = 4;
    const auto latency = [&](int width_bits, const char* model) {
        state["width_bits"] = width_bits;
        const auto document =
            design_document("mamba2-vck190-aie", {{"/network/layers", 4},
                                                  {"/memory_ports", json::array({weights, state})},
                                                  {"/memories/ddr4/model", model}});
        const auto evaluation = evaluate(document, Fidelity::timing);
        const auto account =
            make_report(document, evaluation).at("memory").at("ddr4").at("bandwidth_account");
        double sum = 0;
        for (const auto& [name, part] : account.items()) {
            CHECK(part.get<double>() >= 0);
            if (name != "channels") sum += part.get<double>();
        }
        CHECK(sum == Approx(1).epsilon(1e-9));
        CHECK(evaluation.latency_s() >= evaluation.bound.latency_s);
        return evaluation.latency_s();
    };
    for (const int width_bits : {64, 128, 256}) {
        CAPTURE(width_bits);
        CHECK(latency(width_bits, "bursts") == Approx(latency(width_bits, "commands")).epsilon(0.005));
    }
}

TEST_CASE("a memory of two ranks is simulated command by command") {
    const auto model = [](const Settings& settings) {
        return small_document(settings).parse().memory_control("ddr4").model;
    };
    CHECK(model({}) == DramModel::automatic);
    CHECK(model({{"/memories/ddr4/model", "auto"}}) == DramModel::automatic);
    CHECK(model({{"/device/memories/ddr4/ranks", 2}}) == DramModel::commands);
    CHECK(model({{"/device/memories/ddr4/ranks", 2}, {"/memories/ddr4/page", "closed"}}) ==
          DramModel::commands);
    CHECK(model({{"/device/memories/ddr4/ranks", 2}, {"/memories/ddr4/model", "auto"}}) ==
          DramModel::commands);
}

TEST_CASE("a memory's control that cannot be is refused with a pointer") {
    const auto refused = [](const std::string& pointer, const json& value) {
        return refusal(
            small_document({{"/memories/ddr4", {{"model", "bursts"}}}, {"/memories/ddr4" + pointer, value}}));
    };
    CHECK_THAT(
        refused("/refreshes_postponed", 1),
        Contains("#/memories/ddr4/refreshes_postponed: 1 needs the controller") && Contains("\"commands\""));
    CHECK_THAT(refused("/refreshes_postponed", 9), Contains("#/memories/ddr4/refreshes_postponed"));
    CHECK_THAT(refused("/page", "closed"),
               Contains("#/memories/ddr4/page: \"closed\" needs the controller") && Contains("\"commands\""));
    CHECK_THAT(refused("/address_mapping", "MOP4CLXOR"),
               Contains("#/memories/ddr4/address_mapping: \"MOP4CLXOR\" needs the controller") &&
                   Contains("allowed: \"RoBaRaCoBgCh\""));
    CHECK_THAT(refused("/address_mapping", "RoBaRaCo"),
               Contains("#/memories/ddr4/address_mapping: \"RoBaRaCo\" is no address mapping"));
    CHECK_THAT(refused("/modle", "commands"), Contains("#/memories/ddr4/modle") && Contains("\"model\""));
    CHECK_THAT(refused("/model", "command"), Contains("#/memories/ddr4/model"));
    CHECK(refused("/address_mapping", "RoBaRaCoBgCh").empty());
    CHECK_THAT(refusal(small_document({{"/device/memories/ddr4/timing/faw", 1000000}})),
               Contains("/timing/faw: 1000000 clocks are not over before the next refresh") &&
                   Contains("allowed: less than refi = 12480"));
    CHECK_THAT(
        refusal(small_document({{"/device/memories/ddr4/ranks", 2}, {"/memories/ddr4/model", "bursts"}})),
        Contains("#/memories/ddr4/model: \"bursts\" serves a memory of one rank, and this one has 2") &&
            Contains("allowed: \"commands\""));
    CHECK_THAT(refusal(small_document({{"/device/memories/ddr4/timing/refi", 616}})),
               Contains("/timing/refi: 616 clocks between refreshes leave no time for data") &&
                   Contains("allowed: more than rp_all + rfc + rcd and three column spacings = 616"));
    CHECK_THAT(refusal(small_document({{"/memories/hbm/model", "commands"}})),
               Contains("#/memories/hbm: the device has no memory \"hbm\"; allowed: ddr4, lpddr4"));
    CHECK_THAT(refusal(small_document({{"/memories/lpddr4/model", "commands"}})),
               Contains("#/memories/lpddr4: no memory port goes to \"lpddr4\"; allowed: ddr4"));
}
