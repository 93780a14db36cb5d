// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <map>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;

namespace {

const std::string main_design = design("lightmamba-vck190-w4a4");

// Runs the main design with a changed document.
Result run_changed(const Workspace& workspace, const std::function<void(json&)>& change) {
    auto document = json::parse(read_file(main_design));
    change(document);
    workspace.write("design.json", document.dump(2));
    return workspace.run("run design.json");
}

void check_refused(const Result& result, const std::string& pointer) {
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("tilewright: ") && Contains("#" + pointer + ":"));
    CHECK_THAT(result.err, !Contains("exception") && !Contains("json.") && !Contains("terminate"));
}

}  // namespace

TEST_CASE("run prints figures and writes the same as a report") {
    const Workspace workspace;
    const auto result = workspace.run("run " + main_design + small + "--report report.json --json");
    REQUIRE(result.code == 0);
    CHECK(result.err.empty());
    const auto printed = json::parse(result.out);
    auto written = json::parse(read_file(workspace.path("report.json")));
    CHECK(printed == written);
    for (const auto* key : {"schema_version", "config", "provenance", "throughput", "latency_s", "cycles",
                            "energy", "power_w", "utilization", "memory", "resources", "bound", "wall"}) {
        CAPTURE(key);
        CHECK(printed.contains(key));
    }
    CHECK(printed.at("throughput").at("value").get<double>() ==
          Approx(1 / printed.at("latency_s").get<double>()));
    CHECK(printed.at("bound").at("simulated_over_bound").get<double>() >= 1);
    double energy = 0;
    for (const auto& [name, joules] : printed.at("energy").at("by_component").items())
        energy += joules.get<double>();
    CHECK(energy == Approx(printed.at("energy").at("total_j").get<double>()));
    CHECK(printed.at("config").at("hash").get<std::string>().size() == 16);
    // The design that a report holds can be run again.
    workspace.write("again.json", printed.at("config").at("design").dump());
    const auto again = json::parse(workspace.run("run again.json --json").out);
    CHECK(again.at("config") == printed.at("config"));
    CHECK(again.at("latency_s") == printed.at("latency_s"));
}

TEST_CASE("the same design gives the same report, byte for byte but for wall time") {
    const Workspace workspace;
    const auto report = [&] {
        auto document = json::parse(workspace.run("run " + main_design + small + "--json").out);
        document.erase("wall");
        return document.dump();
    };
    CHECK(report() == report());
}

TEST_CASE("bound is fast, lower, and says what binds") {
    const Workspace workspace;
    const auto bound = json::parse(workspace.run("run " + main_design + " --fidelity bound --json").out);
    CHECK(bound.at("provenance").at("simulated") == false);
    CHECK(bound.at("throughput").at("value").get<double>() > 7.21);
    CHECK_THAT(bound.at("bound").at("binds").get<std::string>(), Contains("axi0"));
}

TEST_CASE("what --set changed is no longer called fitted") {
    const Workspace workspace;
    const auto fitted = [&](const std::string& options) {
        return json::parse(workspace.run("run " + main_design + small + options + " --json").out)
            .at("provenance")
            .at("fitted")
            .dump();
    };
    CHECK_THAT(fitted(""), Contains("tile_drain_cycles") && Contains("infrastructure_lut"));
    CHECK_THAT(fitted("--set /engines/matrix/tile_drain_cycles=0"), !Contains("tile_drain_cycles"));
}

TEST_CASE("an unknown key is named with its nearest spelling") {
    const Workspace workspace;
    const auto result = run_changed(workspace, [](json& d) { d["engines"]["matrix"]["inpts"] = 8; });
    check_refused(result, "/engines/matrix/inpts");
    CHECK_THAT(result.err, Contains("unknown key \"inpts\"") && Contains("did you mean \"inputs\"?"));
}

TEST_CASE("wrong types, missing keys and unknown values are named with what is allowed") {
    const Workspace workspace;
    check_refused(run_changed(workspace, [](json& d) { d["clock_hz"] = "fast"; }), "/clock_hz");
    check_refused(run_changed(workspace, [](json& d) { d["engines"]["matrix"]["inputs"] = 8.5; }),
                  "/engines/matrix/inputs");
    auto result = run_changed(workspace, [](json& d) { d["engines"]["vector"].erase("lanes"); });
    check_refused(result, "/engines/vector");
    CHECK_THAT(result.err, Contains("\"lanes\" is missing"));
    result = run_changed(workspace, [](json& d) { d["mapping"]["fusion"] = "fine_graned"; });
    check_refused(result, "/mapping/fusion");
    CHECK_THAT(result.err, Contains("did you mean \"fine_grained\"?") && Contains("\"none\""));
    result = run_changed(workspace, [](json& d) { d["device"] = "vck191"; });
    check_refused(result, "/device");
    CHECK_THAT(result.err, Contains("did you mean \"vck190\"?"));
    result = run_changed(workspace, [](json& d) { d["device"] = "nowhere.json"; });
    check_refused(result, "/device");
    CHECK_THAT(result.err, Contains("no file \"nowhere.json\""));
}

TEST_CASE("negative and zero sizes are refused") {
    const Workspace workspace;
    check_refused(run_changed(workspace, [](json& d) { d["engines"]["matrix"]["inputs"] = 0; }),
                  "/engines/matrix/inputs");
    check_refused(run_changed(workspace, [](json& d) { d["mapping"]["tile"]["outputs"] = -8; }),
                  "/mapping/tile/outputs");
    check_refused(run_changed(workspace, [](json& d) { d["clock_hz"] = 0; }), "/clock_hz");
    check_refused(run_changed(workspace, [](json& d) { d["memory_ports"][0]["burst_beats"] = 257; }),
                  "/memory_ports/0/burst_beats");
}

TEST_CASE("absurd sizes are refused, not computed") {
    const Workspace workspace;
    const std::pair<const char*, const char*> absurd[] = {
        {"/clock_hz", "1e300"},
        {"/clock_hz", "1e-300"},
        {"/engines/matrix/inputs", "1000000000000"},
        {"/engines/matrix/inputs", "2147483649"},
        {"/engines/ssm/pipeline_cycles", "1000000000000"},
        {"/network/layers", "100000000"},
        {"/network/d_model", "1000000000"},
        {"/mapping/tile/outputs", "1e18"},
        {"/workload/tokens", "99999999999999999999"},
        {"/memory_ports/0/channels", "1000000"},
        {"/device/interconnect/clock_hz/value", "1e-9"},
        {"/device/memories/ddr4/timing/cl", "123456789"},
    };
    for (const auto& [pointer, value] : absurd) {
        CAPTURE(pointer, value);
        check_refused(workspace.run("run " + main_design + " --set " + pointer + "=" + value), pointer);
    }
}

TEST_CASE("values set on the command line are checked like those in a file") {
    const Workspace workspace;
    check_refused(workspace.run("run " + main_design + " --set /mapping/tile/outputs=0"),
                  "/mapping/tile/outputs");
    check_refused(workspace.run("run " + main_design + " --set /mapping/tiles/outputs=8"), "/mapping/tiles");
    const auto text = workspace.run("run " + main_design + " --set /name/outputs=8");
    check_refused(text, "/name/outputs");
    CHECK_THAT(text.err, Contains("/name is \"lightmamba-vck190-w4a4\"; allowed: /name itself"));
    const auto item = workspace.run("run " + main_design + " --set /memory_ports/1/outstanding=8");
    check_refused(item, "/memory_ports/1/outstanding");
    CHECK_THAT(item.err, Contains("allowed: /memory_ports/0"));
    const auto kind = workspace.run("run " + main_design + " --set /kind=mamba2");
    check_refused(kind, "/kind");
    CHECK_THAT(kind.err, Contains("\"gpt_bigcode\"") && Contains("or none, of Mamba"));
    check_refused(workspace.run("run " + main_design + " --set /memories//model=commands"), "/memories/");
    check_refused(workspace.run("run " + main_design + " --set /memories/7/model=commands"), "/memories/7");
    check_refused(workspace.run("run " + main_design +
                                " --set /memories/ddr4/model=bursts --set /memories/ddr4/page=closed"),
                  "/memories/ddr4/page");
    check_refused(workspace.run("run " + main_design + " --set /recipe/weights/format=int3"),
                  "/recipe/weights/format");
    const auto twice =
        workspace.run("run " + main_design + R"( --set '/mapping/tile={"outputs":8,"outputs":16}')");
    CHECK(twice.code == 2);
    CHECK_THAT(twice.err,
               Contains("--set /mapping/tile#/outputs: this key stands twice in one object; allowed: once"));
    check_refused(workspace.run("run " + main_design + " --set mapping=8"), "");
    check_refused(workspace.run("run " + main_design + " --set nonsense"), "");
}

TEST_CASE("the bandwidth account says where the time of a memory's pins goes") {
    const Workspace workspace;
    for (const auto* name : {"lightmamba-vck190-w4a4", "lightmamba-u280-w4a4"}) {
        const auto result = workspace.run("run " + design(name) + " --json");
        REQUIRE(result.code == 0);
        const auto report = json::parse(result.out);
        for (const auto& [memory, figures] : report.at("memory").items()) {
            if (!figures.contains("bandwidth_account")) continue;
            CAPTURE(name, memory);
            double sum = 0;
            for (const auto& [cause, fraction] : figures.at("bandwidth_account").items()) {
                if (cause == "channels") continue;
                CHECK(fraction.get<double>() >= 0);
                sum += fraction.get<double>();
            }
            CHECK(sum == Approx(1));
        }
    }
    // A 256-bit port at 400 MHz moves half of what DDR4 could: it holds the pins up as long as data move.
    const auto report = json::parse(workspace.run("run " + design("lightmamba-vck190-w4a4") + " --json").out);
    const auto& ddr4 = report.at("memory").at("ddr4");
    const auto& account = ddr4.at("bandwidth_account");
    // Whole accesses of 64 bytes, of which beats of 32 bytes may leave half unused.
    const auto moved = account.at("data").get<double>() + account.at("padding").get<double>();
    const auto bandwidth = ddr4.at("bandwidth_bytes_per_s").get<double>() / 25.6e9;
    CHECK(moved >= bandwidth);
    CHECK(moved == Approx(bandwidth).epsilon(0.01));
    CHECK(account.at("port_limit").get<double>() == Approx(account.at("data").get<double>()).epsilon(0.1));
    CHECK(account.at("channels") == 1);
}

TEST_CASE("a tile that does not divide is handled") {
    const Workspace workspace;
    const auto result = workspace.run("run " + main_design + small +
                                      "--set /mapping/tile/outputs=7 --set /mapping/tile/channels=17");
    CHECK(result.code == 0);
    CHECK(result.err.empty());
}

TEST_CASE("a design over the device is a result, not a crash") {
    const Workspace workspace;
    const auto result =
        workspace.run("run " + main_design + " --set /mapping/unroll=full --report report.json --vcd a.vcd");
    CHECK(result.code == 3);
    CHECK_THAT(result.err,
               Contains("does not fit vck190") && Contains("DSP of 1968") && Contains("no trace"));
    const auto report = json::parse(read_file(workspace.path("report.json")));
    CHECK(report.at("resources").at("fits") == false);
}

TEST_CASE("a prompt whose residual stream does not fit the chip is told where it could be") {
    const Workspace workspace;
    const std::string prompt =
        " --set '/workload={\"phase\":\"prefill\",\"tokens\":2048}' --set /mapping/tile/tokens=64"
        " --set /mapping/loop_order=mnk --set /network/layers=1 ";
    const auto on_chip = workspace.run("run " + main_design + prompt);
    CHECK(on_chip.code == 3);
    CHECK_THAT(on_chip.err, Contains("20971520 bytes of activations are the residual stream of all tokens") &&
                                Contains("/mapping/residual \"memory\""));
    const auto in_memory = workspace.run("run " + main_design + prompt + "--set /mapping/residual=memory");
    CHECK(in_memory.code == 0);
}

TEST_CASE("a buffer too small for its tile says how large it must be") {
    const Workspace workspace;
    auto result = workspace.run("run " + main_design + " --set /buffers/weights/bytes=10000");
    check_refused(result, "/buffers/weights/bytes");
    CHECK_THAT(result.err, Contains("too small") && Contains("at least"));
    check_refused(workspace.run("run " + main_design + " --set /buffers/state/bytes=100"),
                  "/buffers/state/bytes");
    check_refused(workspace.run("run " + main_design + " --set /buffers/activations/bytes=100"),
                  "/buffers/activations/bytes");
}

TEST_CASE("parts of a design that contradict each other are refused") {
    const Workspace workspace;
    check_refused(workspace.run("run " + main_design +
                                " --set /engines/matrix/products_per_dsp=4"
                                " --set /recipe=lightmamba-w8a8"),
                  "/engines/matrix/products_per_dsp");
    const auto fast = workspace.run("run " + main_design + " --set /clock_hz=3e9");
    check_refused(fast, "/clock_hz");
    CHECK_THAT(fast.err, Contains("beyond the fabric of vck190; allowed: at most 850000000"));
    CHECK(workspace.run("run " + main_design + " --fidelity bound --set /clock_hz=8e8").code == 0);
    const auto floating =
        workspace.run("run " + design("fpqvar-vck190-fp4") + " --fidelity bound --set /clock_hz=8e8");
    check_refused(floating, "/clock_hz");
    CHECK_THAT(floating.err, Contains("DSP blocks in floating point of vck190; allowed: at most 750000000"));
    // Two rows share a pair of weights, and a decode step has one.
    const auto lone = workspace.run("run " + main_design + " --set /engines/matrix/products_per_dsp=4");
    check_refused(lone, "/engines/matrix/products_per_dsp");
    CHECK_THAT(lone.err, Contains("two rows") && Contains("allowed: at most 2"));
    const std::string prompt = " --fidelity bound --set '/workload={\"phase\":\"prefill\",\"tokens\":";
    check_refused(workspace.run("run " + main_design + " --set /engines/matrix/products_per_dsp=4" +
                                " --set /mapping/tile/tokens=1" + prompt + "16}'"),
                  "/engines/matrix/products_per_dsp");
    CHECK(workspace.run("run " + main_design + " --set /engines/matrix/products_per_dsp=4" + prompt + "2}'")
              .code == 0);
    check_refused(workspace.run("run " + main_design + " --set '/memory_ports/0/carries=[\"weights\"]'"),
                  "/memory_ports");
    check_refused(workspace.run("run " + main_design + " --set /memory_ports/0/memory=hbm"),
                  "/memory_ports/0/memory");
    check_refused(workspace.run("run " + main_design + " --set /memory_ports/0/channels=2"),
                  "/memory_ports/0/channels");
    check_refused(workspace.run("run " + main_design + " --set /workload/tokens=2"), "/workload/tokens");
    check_refused(workspace.run("run " + main_design + " --set /network/head_dim=100"), "/network/head_dim");
    // What was read from another file is wrong in that file.
    const auto rotated = workspace.run("run " + main_design + " --set /network/d_model=1152");
    check_refused(rotated, "/rotations");
    CHECK_THAT(rotated.err, Contains("recipes/lightmamba-w4a4.json#") &&
                                Contains("(the recipe of " + main_design + ", which sets /network/d_model)"));
    check_refused(workspace.run("run " + main_design + " --set /network/d_model=288"), "/weights/group_size");
    // Nor does a change count that the file's name has replaced.
    workspace.write("r48.json", [] {
        auto recipe = json::parse(read_file(source_path("configs/recipes/lightmamba-w4a4.json")));
        recipe["weights"]["group_size"] = 48;
        return recipe.dump();
    }());
    const auto replaced =
        workspace.run("run " + main_design + " --set /recipe/weights/group_size=64 --set /recipe=r48.json");
    check_refused(replaced, "/weights/group_size");
    CHECK_THAT(replaced.err, Contains("r48.json#/weights"));
    // Not where the design itself says it.
    const auto own = workspace.run("run " + main_design + " --set /recipe/weights/group_size=48");
    check_refused(own, "/recipe/weights/group_size");
    CHECK_THAT(own.err, Contains(main_design + "#"));
    check_refused(workspace.run("run " + main_design + " --set /recipe/state/scale_bits=9"),
                  "/recipe/state/scale_bits");
    check_refused(workspace.run("run " + main_design + " --set /recipe/state/scale=floating_point" +
                                " --set /recipe/state/scale_bits=16"),
                  "/recipe/ssm_intermediate");
    check_refused(workspace.run("run " + main_design + " --set /recipe/activations/scale=sum_of_two_powers" +
                                " --set /recipe/activations/scale_bits=6"),
                  "/recipe/activations/scale");
    check_refused(workspace.run("run " + main_design + " --set /device/memories/ddr4/timing/refi=100"),
                  "/device/memories/ddr4/timing/refi");
}

TEST_CASE("odd texts and nestings are refused") {
    const Workspace workspace;
    workspace.write("deep.json", std::string(200000, '[') + std::string(200000, ']'));
    CHECK_THAT(workspace.run("run deep.json").err, Contains("nested too deeply"));
    check_refused(workspace.run("run " + main_design + " --set \"$(printf '/name=\\377')\""), "/name");
    check_refused(workspace.run("run " + main_design + " --set /memory_ports/0/name="),
                  "/memory_ports/0/name");
    check_refused(workspace.run("run " + main_design + " --set /memory_ports/99999999999999999999/name=x"),
                  "/memory_ports/99999999999999999999/name");
    check_refused(workspace.run("run " + main_design + " --set /engines/matrix/inputs=8.5"),
                  "/engines/matrix/inputs");
    check_refused(workspace.run("run " + main_design + " --set /network=mamba-130m"), "/network");
    check_refused(workspace.run("run " + main_design + " --set /device/memories/ddr4/timing/refi=600"),
                  "/device/memories/ddr4/timing/refi");
}

TEST_CASE("files that are not there or not JSON are named") {
    const Workspace workspace;
    check_refused(workspace.run("run nowhere.json"), "");
    check_refused(workspace.run("run ."), "");
    workspace.write("broken.json", "{\n  \"name\": \"x\",\n  \"clock_hz\": ,\n}\n");
    const auto result = workspace.run("run broken.json");
    check_refused(result, "");
    CHECK_THAT(result.err, Contains("line 3, column 15"));
    workspace.write("twice.json", "{\"name\": \"x\", \"name\": \"y\"}");
    CHECK_THAT(workspace.run("run twice.json").err, Contains("twice.json#/name: this key stands twice"));
    workspace.write("empty.json", "");
    check_refused(workspace.run("run empty.json"), "");
}

TEST_CASE("the command line itself is checked") {
    const Workspace workspace;
    CHECK(workspace.run("").code == 2);
    CHECK(workspace.run("--help").code == 0);
    const auto unknown = workspace.run("swep x.json");
    CHECK(unknown.code == 2);
    CHECK_THAT(unknown.err, Contains("did you mean \"sweep\"?"));
    CHECK(workspace.run("run").code == 2);
    const auto misspelt = workspace.run("run " + main_design + " --fidelty bound");
    CHECK(misspelt.code == 2);
    CHECK_THAT(misspelt.err, Contains("did you mean '--fidelity'?"));
    CHECK_THAT(workspace.run("run " + main_design + " --fid bound").err,
               Contains("did you mean '--fidelity'?"));
    CHECK_THAT(workspace.run("run " + main_design + " --out x").err, !Contains("did you mean"));
    const auto study = source_path("sweeps/studies/lightmamba.json").string();
    for (const auto& [option, kind] : {std::pair{"-j", "whole number"}, {"--timeout", "whole number"}}) {
        const auto letters = workspace.run("sweep " + study + " " + option + " many");
        CAPTURE(option, letters.err);
        CHECK(letters.code == 2);
        CHECK_THAT(letters.err, Contains(std::string(" '") + option + "' is invalid; allowed: a " + kind));
    }
    const auto words = workspace.run("infer --model m --input i --output o --top-p most");
    CHECK(words.code == 2);
    CHECK_THAT(words.err, Contains("'--top-p' is invalid; allowed: a number;"));
    CHECK(workspace.run("run " + main_design + " --fidelity perfect").code == 2);
    for (const auto* command : {"run", "sweep", "compare", "reproduce"}) {
        CAPTURE(command);
        const auto help = workspace.run(std::string(command) + " --help");
        CHECK(help.code == 0);
        CHECK_THAT(help.out, Contains("Usage: tilewright"));
    }
}

TEST_CASE("bench measures this machine") {
    const Workspace workspace;
    const auto result = workspace.run("bench --json");
    REQUIRE(result.code == 0);
    std::map<std::string, double> values;
    for (const auto& row : json::parse(result.out)) {
        CHECK(row.at("value").get<double>() > 0);
        values[row.at("figure")] = row.at("value").get<double>();
        CHECK_FALSE(row.at("unit").get<std::string>().empty());
    }
    CHECK(values.at("that token, bound") < values.at("that token, timing"));
    CHECK(values.at("designs simulated, a decode token of Mamba2-2.7B") ==
          Approx(1e3 / values.at("that token, timing")));
}
