// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using nlohmann::json;

TEST_CASE("LightMamba's published figures come out as docs/modelling.md says") {
    const Workspace workspace;
    const auto result = workspace.run("reproduce lightmamba --json");
    REQUIRE(result.code == 0);
    std::map<std::string, json> rows;
    for (const auto& row : json::parse(result.out)) {
        for (const auto* key : {"system", "figure", "published", "ours", "ratio", "kind", "sure", "unit"}) {
            REQUIRE(row.contains(key));
        }
        rows[row.at("figure")] = row;
    }
    const auto& main = rows.at("VCK190 W4A4 decode, Mamba2-2.7B");
    CHECK(main.at("published") == 7.21);
    CHECK(main.at("kind") == "fitted");
    CHECK(main.at("ratio").get<double>() == Approx(1).margin(0.05));
    const auto& released = rows.at("released RTL on the VCK190, Mamba2-2.7B");
    CHECK(released.at("kind") == "predicted");
    CHECK(released.at("ratio").get<double>() == Approx(1).margin(0.05));
    for (const auto* figure : {"weight and scale beats a block", "convolution state beats in, a block",
                               "convolution weight beats in, a block", "convolution state beats out, a block",
                               "SSM state beats in, a block", "SSM state beats out, a block"}) {
        CAPTURE(figure);
        CHECK(rows.at(std::string("released RTL: ") + figure).at("ratio") == 1.0);
    }
    const auto ours = [&](const char* figure) { return rows.at(figure).at("ours").get<double>(); };
    CHECK(ours("ladder: matrix unit busy, reordered") > ours("ladder: matrix unit busy, naive"));
    CHECK(ours("ladder: URAM after fusion") < ours("ladder: URAM before fusion"));
    CHECK(ours("ladder 4: reordered") > ours("ladder 3: with rotation"));
    CHECK(ours("ladder 2: W4A4, naive order") > ours("ladder 1: FP16, naive order"));
    CHECK(ours("VCK190 W8A8 decode, Mamba2-2.7B") < ours("VCK190 W4A4 decode, Mamba2-2.7B"));
}

TEST_CASE("published kernels and arrays of AI Engines come out as docs/aie.md says") {
    const Workspace workspace;
    const auto result = workspace.run("reproduce aie --json");
    REQUIRE(result.code == 0);
    std::map<std::string, json> rows;
    for (const auto& row : json::parse(result.out)) rows[row.at("figure")] = row;
    const auto& kernel = rows.at("kernel fp32 32x32x32, vectorised by MLIR");
    CHECK(kernel.at("published") == 12756);
    CHECK(kernel.at("ours") == 11724);
    CHECK(kernel.at("kind") == "predicted");
    CHECK(kernel.at("unit") == "cycles");
    const auto& array = rows.at("GeMM-AIE int16, 32 cores, 256^3");
    CHECK(array.at("ours").get<double>() == Approx(2.041).margin(0.0005));
    CHECK(array.at("ratio").get<double>() == Approx(0.921).margin(0.0005));
}

TEST_CASE("published figures that cannot be computed are refused with their pointers") {
    const Workspace workspace;
    fs::copy(source_path("configs"), workspace.path("configs"), fs::copy_options::recursive);
    auto document = json::parse(read_file(workspace.path("configs/published/aie.json")));
    const auto run = [&] {
        workspace.write("configs/published/aie.json", document.dump());
        setenv("TILEWRIGHT_CONFIGS", workspace.path("configs").c_str(), 1);
        auto result = workspace.run("reproduce aie");
        unsetenv("TILEWRIGHT_CONFIGS");
        return result;
    };
    const auto refused = [&](const json& figure, const std::string& pointer, const std::string& what) {
        const auto usual = document.at("figures").at(3);
        for (const auto& [key, value] : figure.items()) document["figures"][3][key] = value;
        const auto result = run();
        document["figures"][3] = usual;
        CHECK(result.code == 2);
        CHECK_THAT(result.err,
                   Catch::Contains("aie.json#/figures/3" + pointer + ": ") && Catch::Contains(what));
    };
    const json kernel = {{"kernel", "intrinsics"}, {"precision", "int8"}, {"m", 8}, {"k", 8}, {"n", 8}};
    const json engine = {
        {"x", 10}, {"y", 1}, {"z", 50}, {"m", 32}, {"k", 64}, {"n", 32}, {"precision", "int8"}};
    const auto steady = [](const json& array) {
        return json{{"steady_operations_per_s", {{"engine", array}, {"fabric_clock_hz", 3e8}}}};
    };
    refused({{"aie", json::object()}}, "/aie", "one model");
    refused({{"aie",
              {{"kernel_cycles", kernel},
               {"gmio_bytes_per_s", {{"pairs", 1}, {"in_bytes", 1}, {"out_bytes", 1}}}}}},
            "/aie", "one model");
    refused({{"design", "lightmamba-vck190-w4a4"}, {"metric", "/latency_s"}}, "",
            "from a run or from a model");
    refused({{"aie", {{"kernel_cycles", {{"kernel", "intrinsic"}}}}}}, "/aie/kernel_cycles/kernel",
            "not a known value");
    refused({{"aie", steady(engine)}}, "/aie", "500 AI Engine tiles");
    auto wide = engine;  // 360 tiles, and the memories of two neighbours each
    wide["y"] = 4;
    wide["z"] = 9;
    wide["k"] = 256;
    wide["precision"] = "int16";
    refused({{"aie", steady(wide)}}, "/aie", "1080 AI Engine tiles");
    refused({{"set", json::array()}}, "", "from a run or from a model");
    auto deep = engine;
    deep["x"] = 1;
    deep["k"] = 4096;
    refused({{"aie", steady(deep)}}, "/aie", "in the memories that a core reaches");
}

TEST_CASE("an unknown system is refused") {
    const Workspace workspace;
    const auto result = workspace.run("reproduce lightmama");
    CHECK(result.code == 2);
    CHECK_THAT(result.err, Catch::Contains("lightmamba"));
}

TEST_CASE("CodeS has the numbers of parameters in its names, and figures that none was published of") {
    const Workspace workspace;
    const auto result = workspace.run("reproduce codes --json");
    REQUIRE(result.code == 0);
    std::map<std::string, json> rows;
    for (const auto& row : json::parse(result.out)) rows[row.at("figure")] = row;
    for (const auto& [name, published] :
         std::map<std::string, double>{{"1B", 1}, {"3B", 3}, {"7B", 7}, {"15B", 15}}) {
        const auto& row = rows.at("parameters of CodeS-" + name);
        CHECK(row.at("published") == published);
        CHECK(row.at("ratio").get<double>() == Approx(1).margin(0.15));
    }
    const auto& speed = rows.at("CodeS-15B W4A8, a step of 4 beams behind 2048 tokens, on AI Engines");
    CHECK(speed.at("published").is_null());
    CHECK(speed.at("ratio").is_null());
    // 15.2 G weights of 4 bits, with a scale for each 128, and a head of 6144 x 49152 in fp16 at 12.8 GB/s.
    const auto bytes = 15.16e9 * (0.5 + 2.0 / 128) + 2.0 * 6144 * 49152;
    CHECK(speed.at("ours").get<double>() == Approx(12.8e9 / bytes).epsilon(0.02));
}

TEST_CASE("FPQVAR's published figures come out as docs/image_generation.md says") {
    const Workspace workspace;
    const auto result = workspace.run("reproduce fpqvar --json");
    REQUIRE(result.code == 0);
    std::map<std::string, json> rows;
    for (const auto& row : json::parse(result.out)) rows[row.at("figure")] = row;
    const auto& main = rows.at("VCK190 FP4, VAR-d30 at 256 x 256");
    CHECK(main.at("published") == 1.1);
    CHECK(main.at("kind") == "fitted");
    CHECK(main.at("ratio").get<double>() == Approx(1).margin(0.05));
    const auto& faster = rows.at("speed over the integer design");
    CHECK(faster.at("kind") == "predicted");
    CHECK(faster.at("ratio").get<double>() == Approx(0.83).margin(0.05));  // a miss that is told
    const auto ours = [&](const char* figure) { return rows.at(figure).at("ours").get<double>(); };
    CHECK(ours("images per joule over the integer design") > 1.5);
    CHECK(ours("FP4, VAR-d16") > ours("FP4, VAR-d20"));
    CHECK(ours("FP4, VAR-d20") > ours("FP4, VAR-d24"));
    CHECK(ours("FP6, VAR-d30") < main.at("ours").get<double>());
    CHECK(ours("INT6 in DSP blocks, VAR-d30") < ours("FP6, VAR-d30"));
    CHECK(ours("without either") < ours("without overlap of operators"));
    CHECK(ours("without either") < ours("without overlap inside the matrix unit"));
}
