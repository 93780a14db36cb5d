// SPDX-License-Identifier: Apache-2.0
// The shipped recipes on synthetic VAR blocks.
#include <map>
#include <sstream>

#include <catch2/catch.hpp>

#include "accel/design/parse_transformer_recipe.hpp"
#include "models/networks/var_ablation.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::models;

namespace {

TransformerRecipe shipped(const std::string& name) {
    return accel::load_transformer_recipe(test::source_path("configs/recipes/" + name + ".json"));
}

std::map<std::string, double> by_name(const std::vector<VarAblationStep>& steps) {
    std::map<std::string, double> result;
    for (const auto& step : steps) result[step.name] = step.sqnr_db;
    return result;
}

}  // namespace

// Measured over seeds 1 to 3 (60 iterations of GALT, 55 tokens, 256 channels): see docs/numerics.md. The
// margins asserted are about half of the least.
TEST_CASE("every part of FPQVAR lowers the error of a synthetic VAR block") {
    VarConfig config;
    config.depth = 1;
    config.width = 256;
    config.heads = 4;
    config.scales = {1, 2, 3, 4};
    for (const std::uint64_t seed : {1U, 2U}) {
        const auto sample = make_var_sample(config, seed);
        const auto fp4 = by_name(var_ablation(sample, shipped("fpqvar-fp4"), {30, 0.05}));
        const auto fp6 = by_name(var_ablation(sample, shipped("fpqvar-fp6")));
        const auto int4 = var_update_sqnr_db(sample, shipped("var-int4-rtn"));
        const auto int6 = var_update_sqnr_db(sample, shipped("var-int6-rtn"));
        const auto fp16 = var_update_sqnr_db(sample, shipped("var-fp16"));
        std::ostringstream figures;
        for (const auto& [name, db] : fp4) figures << "FP4 " << name << " " << db << " dB, ";
        for (const auto& [name, db] : fp6) figures << "FP6 " << name << " " << db << " dB, ";
        WARN("seed " << seed << ": " << figures.str() << "INT4 " << int4 << ", INT6 " << int6 << ", FP16 "
                     << fp16);
        CHECK(fp4.at("plain") > int4 + 1.2);
        CHECK(fp4.at("dual format") > fp4.at("plain") + 0.08);
        CHECK(fp4.at("rotation") > fp4.at("dual format") + 0.9);
        CHECK(fp4.at("learned scales") > fp4.at("rotation") + 0.7);
        CHECK(fp4.at("key/value cache") > fp4.at("learned scales") - 0.4);
        CHECK(fp4.at("learned scales") > int4 + 4);
        CHECK(fp6.at("plain") > int6 + 2.5);
        CHECK(fp6.at("plain") > fp4.at("learned scales") + 4);
        CHECK(fp6.at("dual format") > fp6.at("plain") + 0.12);
        CHECK(fp6.at("rotation") > fp6.at("dual format") + 1.1);
        CHECK(fp6.at("key/value cache") > fp6.at("rotation") - 0.4);
        CHECK(fp16 > fp6.at("key/value cache") + 30);

        // The layers in front of fc2 hide most of what the dual format earns; alone it shows.
        const auto fc2_alone = [&](const char* name) {
            auto recipe = shipped("var-fp16");
            recipe.fc2 = shipped(name).fc2;
            return var_update_sqnr_db(sample, recipe) -
                   var_update_sqnr_db(sample, without_dual_formats(recipe));
        };
        CHECK(fc2_alone("fpqvar-fp4") > 0.4);
        CHECK(fc2_alone("fpqvar-fp6") > 0.5);
    }
}

TEST_CASE("operators of a VAR block are told apart, and agree when nothing is rounded much") {
    VarConfig config;
    config.depth = 1;
    config.width = 128;
    config.heads = 2;
    config.scales = {1, 2, 3};
    const auto sample = make_var_sample(config, 1);
    const auto of = [&](const TransformerRecipe& recipe) {
        std::map<std::string, double> sqnr;
        for (const auto& [name, error] : var_block_errors(sample, recipe)) sqnr[name] = error.sqnr_db;
        return sqnr;
    };
    const auto wide = of(shipped("var-fp16"));
    REQUIRE(wide.size() == 7);
    for (const auto& [name, sqnr] : wide) {
        CAPTURE(name);
        CHECK(sqnr > 50);
    }
    const auto eight = of(shipped("var-int8-kv8"));
    auto recipe = shipped("var-int8-kv8");
    recipe.fc2.weights.format = number_format("int4");
    const auto coarse = of(recipe);
    for (const auto* before : {"qkv", "attention", "proj", "fc1", "gelu"}) {
        CHECK(coarse.at(before) == eight.at(before));
    }
    CHECK(coarse.at("fc2") < eight.at("fc2") - 5);
    CHECK(coarse.at("block") < eight.at("block"));
    CHECK(var_update_sqnr_db(sample, recipe) == coarse.at("block"));
}
