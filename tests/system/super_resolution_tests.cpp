// SPDX-License-Identifier: Apache-2.0
// Super-resolution as a user sees it.
#include <map>

#include <catch2/catch.hpp>

#include "program.hpp"

using namespace tilewright::test;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("EBSR's figures are listed, and those that are not computed say why") {
    const Workspace workspace;
    const auto result = workspace.run("reproduce ebsr --json");
    REQUIRE(result.code == 0);
    std::map<std::string, json> rows;
    for (const auto& row : json::parse(result.out)) rows[row.at("figure")] = row;
    const auto& quality = rows.at("PSNR of EBSR-light over SRResNet-E2FIF, Set5, x4");
    CHECK(quality.at("published") == 0.31);
    CHECK(quality.at("ours").is_null());
    CHECK(quality.at("ratio").is_null());
    CHECK_THAT(quality.at("not_computed").get<std::string>(), Contains("trained weights"));
    // 57,600 pixels of 32 convolutions of 64 x 64 channels and nine taps.
    CHECK(rows.at("binary products of a frame").at("ours").get<double>() ==
          Approx(57600.0 * 32 * 64 * 64 * 9 / 1e9));
    const auto ours = [&](const char* figure) { return rows.at(figure).at("ours").get<double>(); };
    CHECK(ours("frames a second with AI Engines over those with DSP blocks") > 3);
    CHECK(ours("energy of a frame, upsampler on AI Engines") <
          ours("energy of a frame, upsampler in DSP blocks"));
}

TEST_CASE("a design for super-resolution runs, is compared and is traced") {
    const Workspace workspace;
    const auto small = " --set /workload/height=24 --set /workload/width=32 ";
    const auto run = workspace.run("run " + design("ebsr-vck190-light-x4") + small + "--vcd run.vcd");
    CHECK(run.code == 0);
    CHECK_THAT(run.out, Contains("frames/s") && Contains("energy per frame") && Contains("image, SQNR"));
    CHECK_THAT(read_file(workspace.path("run.vcd")), Contains("binary"));
    const auto compared =
        workspace.run("compare " + design("ebsr-vck190-light-x4") + " " + design("ebsr-vck190-light-x4-aie"));
    CHECK(compared.code == 0);
    CHECK_THAT(compared.out, Contains("frames/s"));
}

TEST_CASE("an image too large for the chip is a result, and one that lies in memory runs") {
    const Workspace workspace;
    const auto large = " --set /workload/height=540 --set /workload/width=960 --set /network=ebsr-light-x2 ";
    const auto on_chip = workspace.run("run " + design("ebsr-vck190-light-x4") + large);
    CHECK(on_chip.code == 3);
    CHECK_THAT(on_chip.err, Contains("URAM of 463"));
    const auto in_memory = workspace.run("run " + design("ebsr-vck190-light-x4") + large +
                                         "--set /mapping/feature_maps=memory --json");
    REQUIRE(in_memory.code == 0);
    CHECK_THAT(json::parse(in_memory.out).at("bound").at("binds").get<std::string>(),
               Contains("memory port"));
}

TEST_CASE("check carries an image through the program of a super-resolution design") {
    const Workspace workspace;
    const auto result = workspace.run("check " + design("ebsr-vck190-light-x4") +
                                      " --layers 2 --set /workload/height=6 --set /workload/width=9");
    CHECK(result.code == 0);
    CHECK_THAT(result.out, Contains("image") && Contains("functional: 2 blocks") && Contains("0 mismatches"));
}
