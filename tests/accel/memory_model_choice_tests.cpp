// SPDX-License-Identifier: Apache-2.0
// Which model a memory is simulated by where the design leaves it open.
#include <utility>

#include <catch2/catch.hpp>

#include "accel/report/evaluate.hpp"
#include "small_design.hpp"

using namespace tilewright::accel;
using nlohmann::json;
using tilewright::test::ddr4_port;
using tilewright::test::design_document;
using tilewright::test::in_account;
using tilewright::test::Settings;
using tilewright::test::small_document;

TEST_CASE("what the controller that plans cannot do is simulated command by command") {
    for (const auto& setting : {std::pair<std::string, json>{"page", "closed"},
                                {"refreshes_postponed", 8},
                                {"address_mapping", "MOP4CLXOR"}}) {
        CAPTURE(setting.first);
        const auto design = small_document({{"/memories/ddr4/" + setting.first, setting.second}}).parse();
        CHECK(design.memory_control("ddr4").model == DramModel::commands);
    }
}

TEST_CASE("one busy channel of many decides how a memory is simulated") {
    // Weights over sixteen channels; state and convolution in bursts of 32 bytes in one.
    const auto port = [](const char* name, const char* carries, int bits, int beats, int first,
                         int channels) {
        return json{{"name", name},           {"memory", "hbm"},     {"width_bits", bits},
                    {"burst_beats", beats},   {"outstanding", 4},    {"carries", {carries}},
                    {"first_channel", first}, {"channels", channels}};
    };
    const auto ports = json::array({port("w", "weights", 512, 64, 0, 16), port("s", "state", 256, 1, 31, 1),
                                    port("c", "convolution", 256, 1, 31, 1)});
    const auto run = [&](const char* model) {
        return evaluate(design_document("lightmamba-u280-w4a4", {{"/network/layers", 1},
                                                                 {"/memory_ports", ports},
                                                                 {"/memories/hbm/model", model}}),
                        Fidelity::timing);
    };
    const auto chosen = run("auto");
    CHECK(chosen.design.memory_control("hbm").model == DramModel::commands);
    CHECK(chosen.latency_s() == run("commands").latency_s());
    CHECK(run("bursts").latency_s() > 1.03 * chosen.latency_s());
}

TEST_CASE("a channel that ports at different distances share is simulated command by command") {
    const auto model_of = [](const json& one, const json& other, const Settings& more = {}) {
        auto near = ddr4_port("w", {"weights"}, 16);
        auto far = ddr4_port("s", {"state", "convolution"}, 16);
        near.update(one);
        far.update(other);
        auto document = small_document({{"/memory_ports", json::array({near, far})}});
        for (const auto& [pointer, value] : more) document.set(pointer, value);
        return document.parse().memory_control("ddr4").model;
    };
    const Settings automatic = {{"/memories/ddr4/model", "auto"}};
    const Settings bursts = {{"/memories/ddr4/model", "bursts"}};
    const auto same = json::object();
    CHECK(model_of(same, same) == DramModel::automatic);
    CHECK(model_of({{"hops", 8}}, same) == DramModel::automatic);  // as the device has it
    CHECK(model_of({{"hops", 8}}, {{"hops", 9}}) == DramModel::commands);
    CHECK(model_of(same, {{"hops", 32}}, automatic) == DramModel::commands);
    CHECK(model_of(same, {{"hops", 32}}, bursts) == DramModel::bursts);
    CHECK(model_of({{"hops", 32}}, {{"memory", "lpddr4"}}) == DramModel::automatic);
}

TEST_CASE("where bursts wait that might have gone first, the memory is simulated command by command") {
    const auto run = [](int burst_beats, const char* model) {
        json weights = ddr4_port("weights", {"weights"}, burst_beats);
        json state = ddr4_port("state", {"state", "convolution"}, burst_beats);
        for (auto* one : {&weights, &state}) {
            (*one)["width_bits"] = 512;
            (*one)["outstanding"] = 4;
        }
        const auto document =
            design_document("mamba2-vck190-aie", {{"/network/layers", 2},
                                                  {"/network/vocabulary", 500},
                                                  {"/memory_ports", json::array({weights, state})},
                                                  {"/memories/ddr4/model", model}});
        const auto evaluation = evaluate(document, Fidelity::timing);
        return std::pair(make_report(document, evaluation).at("memory").at("ddr4"),
                         evaluation.activity->duration);
    };
    // Long bursts of two ports, and short ones, which have their rows closed under them.
    CHECK(run(64, "auto").first.at("model") == "bursts");
    const auto [planned, planned_time] = run(8, "bursts");
    const auto [chosen, chosen_time] = run(8, "auto");
    const auto [commands, commands_time] = run(8, "commands");
    CHECK(planned.at("model") == "bursts");
    CHECK(chosen.at("model") == "commands");
    CHECK(chosen.at("bandwidth_account") == commands.at("bandwidth_account"));
    // And why.
    CHECK(chosen.at("in_doubt") == planned.at("in_doubt"));
    CHECK(chosen.at("in_doubt") > 0.01);
    CHECK(!commands.contains("in_doubt"));
    CHECK(chosen_time == commands_time);
    CHECK(static_cast<double>(planned_time) > 1.01 * static_cast<double>(chosen_time));
}

TEST_CASE("a run that is made again command by command carries its data again") {
    const Settings short_rows = {{"/device/memories/ddr4/row_bytes", 128}};
    const auto chosen = evaluate(small_document(short_rows), Fidelity::functional);
    REQUIRE(chosen.functional);
    CHECK(chosen.design.memory_control("ddr4").model == DramModel::commands);
    CHECK(chosen.functional->mismatches == 0);
    CHECK(chosen.functional->values > 0);
    auto settings = short_rows;
    settings.emplace_back("/memories/ddr4/model", "commands");
    CHECK(chosen.activity->duration ==
          evaluate(small_document(settings), Fidelity::timing).activity->duration);
}

TEST_CASE("each memory of a design is simulated as its own accesses need it") {
    const auto run = [](const std::string& weights_in, const std::string& state_in, const json& memories) {
        // Rows of two accesses: activates bind.
        auto weights = ddr4_port("weights", {"weights"}, 256);
        auto state = ddr4_port("state", {"state", "convolution"}, 256);
        weights["memory"] = weights_in;
        state["memory"] = state_in;
        const Settings settings = {{"/network/layers", 1},
                                   {"/memory_ports", json::array({weights, state})},
                                   {"/device/memories/" + weights_in + "/row_bytes", 128},
                                   {"/memories", memories}};
        const auto document = design_document("lightmamba-vck190-w4a4", settings);
        auto evaluation = evaluate(document, Fidelity::timing);
        const auto memory = make_report(document, evaluation).at("memory").at(weights_in);
        CHECK(in_account(memory, "activate_window") > 0.03);
        CHECK(in_account(memory, "activate_window") >
              in_account(memory, "row_misses") + in_account(memory, "row_conflicts"));
        return evaluation;
    };
    for (const auto& [slow, quick] : {std::pair("ddr4", "lpddr4"), std::pair("lpddr4", "ddr4")}) {
        CAPTURE(slow);
        const auto chosen = run(slow, quick, json::object());
        CHECK(chosen.design.memory_control(slow).model == DramModel::commands);
        CHECK(chosen.design.memory_control(quick).model == DramModel::bursts);
        const auto given =
            run(slow, quick, {{slow, {{"model", "commands"}}}, {quick, {{"model", "bursts"}}}});
        CHECK(chosen.activity->duration == given.activity->duration);
    }
}

TEST_CASE("a memory is looked at again when another one has become faster") {
    auto weights = ddr4_port("weights", {"weights"}, 256);
    weights["memory"] = "lpddr4";
    const auto run = [&](const json& memories) {
        return evaluate(
            design_document(
                "lightmamba-vck190-w4a4",
                {{"/network/layers", 1},
                 {"/memory_ports", json::array({weights, ddr4_port("state", {"state", "convolution"}, 8)})},
                 {"/device/memories/lpddr4/row_bytes", 128},
                 {"/device/memories/ddr4/row_bytes", 128},
                 {"/device/memories/ddr4/timing/wtr_l", 60},
                 {"/memories", memories}}),
            Fidelity::timing);
    };
    // Less than 1 % of the time of the state's memory is in doubt, but more once that of the weights is
    // simulated by command and the token takes 5 % less.
    const auto share = [&](const char* model) {
        const auto evaluation = run({{"lpddr4", {{"model", model}}}, {"ddr4", {{"model", "bursts"}}}});
        const auto& occupancy = evaluation.activity->occupancy;
        const auto state = std::find_if(occupancy.begin(), occupancy.end(),
                                        [](const auto& one) { return one.memory == "ddr4"; });
        return static_cast<double>(state->in_doubt) / static_cast<double>(evaluation.activity->duration);
    };
    REQUIRE(share("bursts") < 0.01);
    REQUIRE(share("commands") > 0.01);
    const auto chosen = run(json::object());
    CHECK(chosen.design.memory_control("lpddr4").model == DramModel::commands);
    CHECK(chosen.design.memory_control("ddr4").model == DramModel::commands);
}
