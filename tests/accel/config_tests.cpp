// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "accel/design/config_error.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"
#include "small_design.hpp"
#include "two_ports.hpp"

using namespace tilewright::accel;
using tilewright::test::design_document;
using tilewright::test::source_path;

TEST_CASE("every configuration that is shipped passes its schema") {
    const std::pair<const char*, const char*> kinds[] = {{"devices", "device"},
                                                         {"networks", "network"},
                                                         {"recipes", "recipe"},
                                                         {"cost", "cost"},
                                                         {"published", "published"}};
    // Recipes and networks for anything but Mamba say so and have schemas of their own.
    const auto schema_of = [](const std::string& kind, const nlohmann::json& document) -> std::string {
        if (kind == "recipe" && document.contains("kind")) {
            return document.at("kind").get<std::string>() + "_recipe";
        }
        if (kind == "network" && document.at("family") == "super_resolution")
            return "super_resolution_network";
        if (kind == "network" && document.at("family") == "var") return "var_network";
        if (kind == "network" && document.at("family") == "gpt_bigcode") return "gpt_network";
        return kind;
    };
    for (const auto& [folder, kind] : kinds) {
        int count = 0;
        for (const auto& entry :
             std::filesystem::directory_iterator(source_path(std::string("configs/") + folder))) {
            CAPTURE(entry.path().string());
            const auto document = read_json_file(entry.path());
            const Schema schema(source_path("configs/schemas/" + schema_of(kind, document) + ".schema.json"));
            CHECK_NOTHROW(schema.validate(document, entry.path().string()));
            ++count;
        }
        CHECK(count > 0);
    }
    for (const auto& entry : std::filesystem::directory_iterator(source_path("configs/designs"))) {
        CAPTURE(entry.path().string());
        CHECK_NOTHROW(DesignDocument::load(entry.path()).parse());
    }
}

TEST_CASE("every constant of a device and of the cost model has a source") {
    const auto check = [](const auto& self, const nlohmann::json& node) -> void {
        if (!node.is_object()) return;
        if (node.contains("value")) {
            CHECK(node.at("source").get<std::string>().size() > 3);
            CHECK(node.at("unit").get<std::string>().size() > 0);
        }
        for (const auto& [name, member] : node.items()) self(self, member);
    };
    check(check, read_json_file(source_path("configs/devices/vck190.json")));
    check(check, read_json_file(source_path("configs/devices/u280.json")));
    check(check, read_json_file(source_path("configs/cost/fabric.json")));
}

TEST_CASE("the nearest spelling is offered when one is near") {
    CHECK(nearest_spelling("inpts", {"inputs", "outputs"}) == "inputs");
    CHECK(nearest_spelling("fine_graned", {"none", "fine_grained"}) == "fine_grained");
    CHECK(nearest_spelling("zzzzzz", {"inputs", "outputs"}).empty());
    CHECK(nearest_spelling("x", {}).empty());
}

TEST_CASE("pointer tokens are escaped") {
    CHECK(pointer_token("a/b~c") == "a~1b~0c");
}

TEST_CASE("the hash is FNV-1a") {
    CHECK(content_hash("") == "cbf29ce484222325");
    CHECK(content_hash("a") == "af63dc4c8601ec8c");
}

TEST_CASE("descriptions do not change what a design is") {
    auto document = design_document("lightmamba-vck190-w4a4");
    const auto before = document.canonical();
    document.set("/description", "another");
    CHECK(document.canonical() == before);
    document.set("/mapping/tile/outputs", 16);
    CHECK(document.canonical() != before);
}

TEST_CASE("a burst of one beat has no place for scales") {
    auto document = design_document("lightmamba-vck190-w4a4");
    document.set("/memory_ports/0/burst_beats", 1);
    CHECK_THAT(tilewright::test::refusal(document),
               Catch::Contains("#/memory_ports/0/burst_beats: a burst of one beat"));
    document.set("/memory_ports/0/scales_inside_burst", false);
    CHECK(tilewright::test::refusal(document).empty());
    document.set("/memory_ports/0/scales_inside_burst", true);
    document.set("/recipe", "w16a16");
    document.set("/engines/matrix/products_per_dsp", 1);
    CHECK(tilewright::test::refusal(document).empty());
}

TEST_CASE("a key that stands twice and a number that is too large are told with their place") {
    const auto refusal = [](const std::string& text) {
        try {
            parse_json_text(text, "file");
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(refusal(R"({"a": [{"b": 1}, {"c": {}, "b/d": [1, [2]], "b/d": 2}]})"),
               Catch::StartsWith("file#/a/1/b~1d: this key stands twice"));
    CHECK_THAT(refusal(R"({"a": {"b": [[], {}]}, "c": 1, "c": 2})"), Catch::StartsWith("file#/c: "));
    CHECK(refusal(R"({"a": {"b": 1}, "b": {"b": 1}, "c": [{"b": 1}, {"b": 1}]})").empty());
    CHECK_THAT(refusal("{\"a\": 1,\n \"b\": -1e999}"),
               Catch::Contains("-1e999 at line 2, column 7 is too large") && Catch::Contains("1.8e308"));
}

TEST_CASE("a stream is carried once by a port, which has a width or GMIO") {
    auto document = design_document("mamba2-vck190-aie");
    document.set("/memory_ports/0/carries", {"weights", "state", "convolution", "state"});
    CHECK_THAT(tilewright::test::refusal(document),
               Catch::Contains("#/memory_ports/0/carries/3: \"state\" stands twice") &&
                   Catch::Contains("allowed: once"));
    document.set("/memory_ports/0/carries", {"weights", "state", "convolution"});
    nlohmann::json gmio = {{"name", "gmio0"},    {"memory", "ddr4"}, {"gmio", 4},
                           {"burst_beats", 256}, {"outstanding", 2}, {"carries", {"weights"}}};
    document.set("/engines/aie/precision", "int8_int4");
    const auto axi = document.document().at("memory_ports").at(0);
    document.set("/memory_ports", nlohmann::json::array({axi, gmio}));
    CHECK(tilewright::test::refusal(document).empty());
    gmio.erase("gmio");
    document.set("/memory_ports", nlohmann::json::array({axi, gmio}));
    CHECK_THAT(tilewright::test::refusal(document),
               Catch::Contains("#/memory_ports/1: the key \"width_bits\" is missing"));
}

TEST_CASE("lookup tables multiply what they can, and say so") {
    const auto refused = [](const char* weights, const char* activations) {
        return tilewright::test::refusal(
            design_document("lightmamba-vck190-w4a4", {{"/engines/matrix/multiplier", "lut"},
                                                       {"/recipe/weights/format", weights},
                                                       {"/recipe/activations/format", activations}}));
    };
    CHECK(refused("e4m3", "e2m1").empty());
    CHECK(refused("int16", "int4").empty());
    CHECK_THAT(refused("int12", "e2m1"), Catch::Contains("#/recipe/weights/format: int12 is too wide"));
    CHECK_THAT(refused("e2m1", "int12"), Catch::Contains("#/recipe/activations/format: int12 is too wide"));
    CHECK_THAT(refused("int8", "fp16"), Catch::Contains("#/recipe/activations/format: fp16 is too wide"));
    auto wide = design_document("lightmamba-vck190-w4a4", {{"/engines/matrix/multiplier", "lut"}});
    wide.set("/recipe/weights", nlohmann::json{{"format", "int32"}});
    CHECK_THAT(tilewright::test::refusal(wide),
               Catch::Contains("#/recipe/weights/format: int32 is too wide"));
    CHECK_THAT(refused("e5m2", "e5m2"),
               Catch::Contains("#/recipe/weights/format: products of e5m2 and e5m2"));
}

TEST_CASE("a port has hops where the interconnect has switches") {
    auto noc = design_document("lightmamba-vck190-w4a4");
    noc.set("/memory_ports/0/hops", 9);
    CHECK(tilewright::test::refusal(noc).empty());
    auto axi = design_document("lightmamba-u280-w4a4");
    axi.set("/memory_ports/0/hops", 9);
    CHECK_THAT(tilewright::test::refusal(axi), Catch::Contains("#/memory_ports/0/hops: 9 switches"));
}

TEST_CASE("ports take no more AXI ports of a memory than it has") {
    auto document = design_document("lightmamba-u280-w4a4");
    auto ports = tilewright::test::split_port(document);
    auto& weights = ports.first;
    auto& state = ports.second;
    const auto refused = [&](int of_weights, int of_state) {
        weights["channels"] = of_weights;
        state["channels"] = of_state;
        document.set("/memory_ports", nlohmann::json::array({weights, state}));
        return tilewright::test::refusal(document);
    };
    CHECK(refused(16, 16).empty());
    CHECK_THAT(refused(32, 4), Catch::Contains("#/memory_ports/1/channels: 4 channels") &&
                                   Catch::Contains("make 36 ports to \"hbm\"; allowed: 32 in all"));
}

TEST_CASE("a reference set anew is read anew") {
    auto document = design_document("lightmamba-vck190-w4a4");
    document.assign("/network=mamba2-130m");
    document.assign("/network/layers=3");
    const auto design = document.parse();
    CHECK(design.network.d_model == 768);
    CHECK(design.network.layers == 3);
    CHECK_THROWS_AS(document.assign("/network=mamba2-9b"), ConfigError);
    CHECK_THROWS_AS(document.set("/network/nothing/here", 1), ConfigError);
    CHECK_THROWS_AS(document.set("no pointer", 1), ConfigError);
}

TEST_CASE("a device's quantities are in the units that their names say") {
    using Catch::Matchers::Contains;
    const auto complaint = [](const std::string& pointer, const char* unit) {
        auto document = design_document("lightmamba-vck190-w4a4");
        document.set(pointer + "/unit", unit);
        return tilewright::test::refusal(document);
    };
    CHECK_THAT(complaint("/device/power/static_w", "mW"),
               Contains("#/device/power/static_w/unit: \"mW\" is not the unit of static_w; allowed: \"W\""));
    CHECK_THAT(complaint("/device/resources/lut", "kLUT"), Contains("allowed: \"LUT\""));
    CHECK_THAT(complaint("/device/interconnect/clock_hz", "MHz"), Contains("allowed: \"Hz\""));
    CHECK_THAT(complaint("/device/memories/ddr4/energy/access_j_per_bit", "pJ/bit"), Contains("\"J/bit\""));
    CHECK_THAT(complaint("/device/aie/data_memory_bytes", "KB"), Contains("allowed: \"byte\""));
    CHECK_THAT(complaint("/device/aie/noc_interface_bytes_per_s", "byte"), Contains("\"byte/s\""));
    CHECK_THAT(complaint("/device/aie/kernels/library/call_cycles", "us"), Contains("\"cycle\""));
    CHECK(complaint("/device/power/static_w", "W, at 25 degrees").empty());
    CHECK(complaint("/device/resources/lut", "LUT6").empty());
    CHECK(complaint("/device/interconnect/link_bytes_per_cycle", "byte/cycle").empty());
    CHECK(complaint("/device/power/dsp_j_per_cycle", "J/cycle").empty());
    CHECK(complaint("/device/aie/rows", "row of tiles").empty());
}
