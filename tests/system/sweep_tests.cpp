// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <regex>
#include <string>

#include <catch2/catch.hpp>

#include "program.hpp"
#include "small_study.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("a sweep gives the same rows whatever the number of workers, and goes on from its store") {
    const Workspace workspace;
    workspace.write("study.json", small_study().dump());
    const auto one = workspace.run("sweep study.json -j 1 --json");
    REQUIRE(one.code == 0);
    const auto two =
        workspace.run("sweep study.json -j 2 --json --store points.db --csv t.csv --html t.html");
    CHECK(one.out == two.out);
    const auto rows = json::parse(one.out);
    REQUIRE(rows.size() == 12);
    int not_fitting = 0;
    for (const auto& row : rows) not_fitting += row.at("status") == "does_not_fit" ? 1 : 0;
    CHECK(not_fitting == 4);
    CHECK(fs::file_size(workspace.path("t.csv")) > 500);
    CHECK_THAT(read_file(workspace.path("t.html")), Contains("<html") && Contains("small"));
    const auto again = workspace.run("sweep study.json -j 2 --store points.db");
    CHECK_THAT(again.out, Contains("12 points: 0 computed now, 12 from the store"));
    // Shards share the work and the store.
    const auto shard = workspace.run("sweep study.json --shard 2/3 --json");
    CHECK(json::parse(shard.out).size() == 4);
}

TEST_CASE("what a sweep reports of a point is what run reports of the design") {
    const Workspace workspace;
    workspace.write("study.json", small_study().dump());
    const auto rows = json::parse(workspace.run("sweep study.json --json").out);
    auto network = json::parse(read_file(source_path("configs/networks/mamba2-130m.json")));
    network["layers"] = 64;
    network["d_model"] = 256;
    workspace.write("network.json", network.dump());
    const auto report = json::parse(workspace
                                        .run("run " + design("lightmamba-vck190-w4a4") +
                                             " --set /network=" + workspace.path("network.json").string() +
                                             " --set /mapping/unroll=partial --set /mapping/tile/outputs=16"
                                             " --set /engines/vector/lanes=4 --json")
                                        .out);
    bool found = false;
    for (const auto& row : rows) {
        if (row.at("unroll") != "partial" || row.at("tile") != 16 || row.at("lanes") != 4) continue;
        found = true;
        CHECK(row.at("throughput") == report.at("throughput").at("value"));
        CHECK(row.at("energy") == report.at("energy").at("per_item_j"));
    }
    CHECK(found);
}

TEST_CASE("bad studies are refused with file and pointer") {
    const Workspace workspace;
    auto study = small_study();
    study["paramters"] = study["parameters"];
    workspace.write("study.json", study.dump());
    auto result = workspace.run("sweep study.json");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("study.json#/paramters") && Contains("did you mean \"parameters\"?"));
    result = workspace.run("sweep " + source_path("configs/designs/lightmamba-vck190-w4a4.json").string());
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("is a design; allowed: a study"));
    result = workspace.run("run study.json");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("study.json#: is a study; allowed: a design"));
    study = small_study();
    study["base"] = "nowhere.json";
    workspace.write("study.json", study.dump());
    result = workspace.run("sweep study.json");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("study.json#/base"));
    const auto misnamed = [&](const char* list, const char* metric) {
        auto wrong = small_study();
        wrong[list][0]["name"] = "figure";
        wrong[list][0]["metric"] = metric;
        if (std::string(list) == "objectives") wrong[list][0]["goal"] = "minimize";
        workspace.write("wrong.json", wrong.dump());
        return workspace.run("sweep wrong.json");
    };
    result = misnamed("objectives", "/energy/per_itm_j");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Contains("wrong.json#/objectives/0/metric") &&
                               Contains("did you mean \"per_item_j\"?") && Contains("total_j"));
    CHECK_THAT(misnamed("objectives", "/bound/binds").err, Contains("stands no number"));
    CHECK_THAT(misnamed("columns", "/memory/ddr4/row_hit").err,
               Contains("#/columns/0/metric") && Contains("did you mean \"row_hits\"?"));
    CHECK_THAT(misnamed("columns", "/throughputs").err, Contains("did you mean \"throughput\"?"));
    CHECK_THAT(misnamed("columns", "/energy").err, Contains("stands more than one figure"));
    CHECK_THAT(misnamed("columns", "/power_w/total").err,
               Contains("no \"total\" in /power_w") && Contains("allowed: /power_w"));
    study = small_study();
    study["parameters"][3]["name"] = "Tile";
    workspace.write("study.json", study.dump());
    CHECK_THAT(workspace.run("sweep study.json").err,
               Contains("#/parameters/3/name: the name \"Tile\" is taken"));
    study = small_study();
    study["parameters"][0]["values"][0]["comment"] = "small";
    workspace.write("study.json", study.dump());
    CHECK_THAT(workspace.run("sweep study.json").err,
               Contains("#/parameters/0/values/0: unknown key \"comment\"; allowed: label, set"));
    for (const auto* there : {"/config/design/clock_hz", "/utilization/matrix/stalls/waits_for_dma",
                              "/numerics/operators/0/sqnr_db", "/memory/ddr4/bandwidth_account/data"}) {
        CAPTURE(there);
        CHECK(misnamed("columns", there).code != 2);
    }
    workspace.write("study.json", small_study().dump());
    CHECK(workspace.run("sweep study.json --shard 3/2").code == 2);
    CHECK(workspace.run("sweep study.json -j 0").code == 2);
    CHECK(workspace.run("sweep study.json -j -1").code == 2);
    CHECK(workspace.run("sweep study.json --timeout 0").code == 2);
    CHECK(workspace.run("sweep study.json --csv nowhere/x.csv").code == 2);
    CHECK(workspace.run("sweep study.json --csv x --store x").code == 2);
    workspace.write("study.json", small_study().dump());
    workspace.write("garbage.db", "this is no database, but long enough to be mistaken for a header of one");
    result = workspace.run("sweep study.json --store garbage.db");
    CHECK(result.code != 0);
    CHECK_THAT(result.err, Contains("garbage.db"));
    CHECK(read_file(workspace.path("garbage.db")) ==
          "this is no database, but long enough to be mistaken for a header of one");
}

TEST_CASE("values that no design can have are refused before any work, others point by point") {
    const Workspace workspace;
    const auto swept = [&](const nlohmann::json& study) {
        workspace.write("study.json", study.dump());
        return workspace.run("sweep study.json --store study.db");
    };
    const auto with_parameter = [](const nlohmann::json& parameter) {
        auto study = small_study();
        study["fidelity"] = "bound";
        study["parameters"][1] = parameter;
        return study;
    };
    const auto refused = [&](const nlohmann::json& parameter) {
        const auto result = swept(with_parameter(parameter));
        CHECK(result.code == 2);
        CHECK(result.out.empty());
        CHECK_FALSE(std::filesystem::exists(workspace.path("study.db")));
        return result.err;
    };
    CHECK_THAT(refused({{"name", "x"}, {"pointer", "/mapping/nothing/here"}, {"values", {1, 2}}}),
               Contains("study.json#/parameters/1/pointer: ") && Contains("#/mapping/nothing: unknown key"));
    CHECK_THAT(refused({{"name", "x"}, {"pointer", "/engines/matrix/inptus"}, {"values", {8, 16}}}),
               Contains("study.json#/parameters/1/pointer: ") && Contains("did you mean \"inputs\"?"));
    CHECK_THAT(refused({{"name", "x"}, {"pointer", "/mapping/unroll"}, {"values", {"none", "partiel"}}}),
               Contains("study.json#/parameters/1/values/1: ") && Contains("did you mean \"partial\"?"));
    CHECK_THAT(refused({{"name", "x"}, {"pointer", "/mapping/unroll"}, {"values", {"nine", "partiel"}}}),
               Contains("study.json#/parameters/1/values/0: ") && Contains("\"nine\""));
    CHECK_THAT(refused({{"name", "x"},
                        {"values",
                         {{{"label", "a"}, {"set", {{"/mapping/unroll", "none"}}}},
                          {{"label", "b"}, {"set", {{"/engines/matrix/inputs", -4}}}}}}}),
               Contains("study.json#/parameters/1/values/1: ") && Contains("/engines/matrix/inputs"));

    // Not the recipe, which is right, but what is set inside it.
    auto inside = with_parameter(
        {{"name", "recipe"}, {"pointer", "/recipe"}, {"values", {"lightmamba-w4a4", "lightmamba-w8a8"}}});
    inside["parameters"].push_back(
        {{"name", "group"}, {"pointer", "/recipe/weights/group_size"}, {"values", {0}}});
    CHECK_THAT(swept(inside).err, Contains("study.json#/parameters/4/values/0: ") && Contains("too small"));

    // An array that the other parameter does not always put there.
    auto study = with_parameter(
        {{"name", "array"},
         {"values",
          {{{"label", "none"}, {"set", {{"/mapping/unroll", "none"}}}},
           {{"label", "some"},
            {"set",
             {{"/engines/aie", nlohmann::json::parse(read_file(source_path(
                                   "configs/designs/mamba2-vck190-aie.json")))["engines"]["aie"]}}}}}}});
    study["parameters"].push_back({{"name", "rows"}, {"pointer", "/engines/aie/x"}, {"values", {8}}});
    const auto result = swept(study);
    CHECK(result.code == 3);
    CHECK_THAT(result.out, Contains("failed") && Contains("/engines/aie"));
}

TEST_CASE("an array with more tiles than the device does not fit, alone and in a sweep") {
    const Workspace workspace;
    const auto base = source_path("configs/designs/mamba2-vck190-aie.json").string();
    const std::string small = " --set /network/layers=1 --set /workload/lm_head=false --set /engines/aie/x=";
    const auto alone = workspace.run("run " + base + small + "20");
    CHECK(alone.code == 3);
    CHECK_THAT(alone.err, Contains("#/engines/aie/x: the design takes 640 AI Engine tiles of 400; allowed:"));

    const nlohmann::json study = {
        {"schema_version", 1},
        {"name", "rows"},
        {"base", base},
        {"parameters",
         {{{"name", "size"},
           {"values",
            {{{"label", "small"}, {"set", {{"/network/layers", 1}, {"/workload/lm_head", false}}}}}}},
          {{"name", "x"}, {"pointer", "/engines/aie/x"}, {"values", {2, 20}}}}},
        {"objectives", {{{"name", "throughput"}, {"metric", "/throughput/value"}, {"goal", "maximize"}}}}};
    workspace.write("study.json", study.dump());
    for (int time = 0; time < 2; ++time) {  // the second one from the store
        const auto swept = workspace.run("sweep study.json --json --store s.db");
        CHECK(swept.code == 0);
        const auto rows = nlohmann::json::parse(swept.out);
        REQUIRE(rows.size() == 2);
        CHECK(rows[0].at("status") == "ok");
        CHECK(rows[1].at("status") == "does_not_fit");
        CHECK(rows[1].at("message") == "the design takes 640 AI Engine tiles of 400");
        CHECK(rows[1].at("throughput").is_null());
    }
    CHECK_THAT(workspace.run("ask study.json 'which do not fit' --store s.db").out, Contains("20"));
}

TEST_CASE("an interrupted sweep keeps what it has and goes on where it stopped") {
    const Workspace workspace;
    // The main study's points take long enough to be interrupted.
    const auto study = source_path("sweeps/studies/lightmamba.json").string();
    // How long the numerics take, before the points, depends on the machine.
    int computed = 0;
    for (int seconds = 2; computed == 0; ++seconds) {
        REQUIRE(seconds < 30);
        const auto command = "cd '" + workspace.path("").string() +
                             "' && rm -f s.db && echo all >all.csv && timeout --preserve-status -s INT " +
                             std::to_string(seconds) + " '" + TILEWRIGHT_PROGRAM + "' sweep '" + study +
                             "' --shard 1/3 --store s.db --csv all.csv >out.txt 2>err.txt";
        const int status = std::system(command.c_str());
        REQUIRE(WEXITSTATUS(status) == 130);
        const auto told = read_file(workspace.path("err.txt"));
        CHECK_THAT(told, Contains("interrupted") && Contains("go on"));
        CHECK(read_file(workspace.path("all.csv")) == "all\n");  // what may be the table of all points
        std::smatch count;
        REQUIRE(std::regex_search(told, count, std::regex("([0-9]+) of 108 points")));
        computed = std::stoi(count[1]);
    }
    const auto rest = workspace.run("sweep '" + study + "' --shard 1/3 --store s.db --json");
    CHECK_THAT(rest.err, Contains(std::to_string(108 - computed) + " computed") &&
                             Contains(std::to_string(computed) + " from the store"));
    const auto whole = workspace.run("sweep '" + study + "' --shard 1/3 --json");
    CHECK(rest.out == whole.out);
    const auto finished = workspace.run("sweep '" + study + "' --shard 1/3 --store s.db");
    CHECK_THAT(finished.out, Contains(" 0 computed now"));
}

TEST_CASE("compare shows figures, ratios and what differs") {
    const Workspace workspace;
    const auto a = design("lightmamba-vck190-w4a4");
    const auto b = design("lightmamba-rtl-vck190");
    REQUIRE(workspace.run("run " + a + " --report a.json").code == 0);
    const auto result = workspace.run("compare " + a + " " + b + " a.json --json");
    REQUIRE(result.code == 0);
    const auto compared = json::parse(result.out);
    CHECK(compared.at("designs").size() == 3);
    const auto& throughput = compared.at("figures").at(0);
    CHECK(throughput.at("figure") == "throughput");
    CHECK(throughput.at("B/A").get<double>() ==
          Approx(throughput.at("B").get<double>() / throughput.at("A").get<double>()));
    CHECK(throughput.at("C") == throughput.at("A"));
    bool order = false;
    for (const auto& row : compared.at("differences")) {
        if (row.at("setting") != "/mapping/operator_order") continue;
        order = true;
        CHECK(row.at("A") == "reordered");
        CHECK(row.at("B") == "released_rtl");
    }
    CHECK(order);
    CHECK(workspace.run("compare " + a).code == 2);
    CHECK_FALSE(compared.contains("static_power"));
    CHECK(compared.at("other_workloads") == json{"lm_head"});
    CHECK_THAT(workspace.run("compare " + a + " " + b).out,
               Contains("do not do the same work: lm_head differs."));
    auto smaller = json::parse(read_file(source_path("configs/designs/lightmamba-vck190-w4a4.json")));
    smaller["network"] = "mamba2-130m";
    workspace.write("smaller.json", smaller.dump());
    const auto networks = workspace.run("compare " + a + " smaller.json");
    CHECK_THAT(networks.out, Contains("do not do the same work: network differs."));
    CHECK_THAT(workspace.run("compare " + a + " " + a).out, Contains("No setting differs."));
    const auto boards = workspace.run("compare " + a + " " + design("lightmamba-u280-w4a4") + " --json");
    REQUIRE(boards.code == 0);
    CHECK_FALSE(json::parse(boards.out).contains("other_workloads"));
    const auto powers = json::parse(boards.out).at("static_power");
    REQUIRE(powers.size() == 2);
    CHECK(powers[1].at("device") == "u280");
    CHECK(powers[1].at("static_w") == 30);
    const auto text = workspace.run("compare " + a + " " + design("lightmamba-u280-w4a4")).out;
    CHECK_THAT(text, Contains("/device/name") && !Contains("/device/resources") &&
                         Contains("/engines/matrix/inputs") && Contains("u280: 30 W"));
    // A report that is damaged is named, and where.
    const auto report = json::parse(read_file(workspace.path("a.json")));
    const auto damaged = [&](const char* pointer, const json& value) {
        auto other = report;
        if (value.is_discarded()) {
            other.erase(pointer);
        } else {
            other[json::json_pointer(pointer)] = value;
        }
        workspace.write("bad.json", other.dump());
        const auto refused = workspace.run("compare a.json bad.json");
        CHECK(refused.code == 2);
        return refused.err;
    };
    CHECK_THAT(damaged("/throughput/unit", 5), Contains("bad.json#/throughput/unit: 5"));
    CHECK_THAT(damaged("/throughput/value", "x"), Contains("bad.json#/throughput/value: \"x\""));
    CHECK_THAT(damaged("/throughput", {1}), Contains("bad.json#/throughput: "));
    CHECK_THAT(damaged("/config", "x"), Contains("bad.json#/config: "));
    CHECK_THAT(damaged("/schema_version", 99), Contains("bad.json#/schema_version: 99"));
    CHECK_THAT(damaged("energy", json::value_t::discarded), Contains("energy"));
    // Designs in it are not looked into: what is missing is not shown.
    workspace.write("bad.json", [&] {
        auto other = report;
        other["config"]["design"] = {{"name", 5}};
        return other.dump();
    }());
    CHECK(workspace.run("compare a.json bad.json").code == 0);
    // A bound is not taken for a simulation.
    REQUIRE(workspace.run("run " + a + " --fidelity bound --report bound.json").code == 0);
    CHECK_THAT(workspace.run("compare a.json bound.json").out,
               Contains("lightmamba-vck190-w4a4 (report)") && Contains("(report, fidelity bound)"));

    // Of what makes frames and what makes tokens, each has its own figures, and what both have is compared.
    REQUIRE(workspace
                .run("run " + design("ebsr-vck190-light-x4") +
                     " --set /workload/height=24 --set /workload/width=32 --report e.json")
                .code == 0);
    const auto mixed = json::parse(workspace.run("compare a.json e.json --json").out);
    const auto row = [&](const std::string& figure, const std::string& unit) {
        for (const auto& one : mixed.at("figures")) {
            if (one.at("figure") == figure && one.at("unit") == unit) return one;
        }
        return json();
    };
    CHECK(row("throughput", "tokens/s").at("A").is_number());
    CHECK(row("throughput", "tokens/s").at("B").is_null());
    CHECK(row("throughput", "frames/s").at("A").is_null());
    CHECK(row("throughput", "frames/s").at("B").is_number());
    CHECK(row("throughput", "frames/s").at("B/A").is_null());
    CHECK(row("energy per frame", "J").at("A").is_null());
    CHECK(row("LUT", "").at("B/A").is_number());
    for (const auto& one : mixed.at("figures")) {
        if (one.at("unit") == "dB") CHECK(one.at("B/A").is_null());
    }
}
