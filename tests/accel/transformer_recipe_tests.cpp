// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "accel/design/config_error.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/parse_transformer_recipe.hpp"
#include "accel/design/schema.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using Catch::Contains;
using nlohmann::json;
using tilewright::test::source_path;

namespace {

json recipe_document(const std::string& name) {
    return read_json_file(source_path("configs/recipes/" + name + ".json"));
}

models::TransformerRecipe shipped(const std::string& name) {
    return load_transformer_recipe(source_path("configs/recipes/" + name + ".json"));
}

// Checks a changed document as `load` would.
models::TransformerRecipe parse(const json& document) {
    Schema(source_path("configs/schemas/transformer_recipe.schema.json")).validate(document, "file");
    return parse_transformer_recipe(document, "file", "");
}

}  // namespace

// FPQVAR (arXiv 2505.16335) and the authors' code.
TEST_CASE("FPQVAR's recipes are the published ones") {
    const auto fp4 = shipped("fpqvar-fp4");
    CHECK(fp4.ties == models::TieRule::half_up);
    for (const auto* linear : {&fp4.qkv, &fp4.proj, &fp4.fc1, &fp4.fc2}) {
        CHECK(linear->weights.format.name == "e2m1");
        CHECK(linear->weights.sharing == models::ScaleSharing::group);
        CHECK(linear->weights.group_size == 128);
        CHECK(linear->activations.group_size == 128);
        CHECK(linear->activations.dual.has_value() == (linear == &fp4.fc2));
        const bool rotated = linear == &fp4.qkv || linear == &fp4.fc1;
        CHECK(linear->rotation_block == (rotated ? 128 : 0));
        CHECK(linear->learned_scales == rotated);
    }
    CHECK(fp4.fc2.activations.dual->negative.name == "e1m2");
    CHECK(fp4.fc2.activations.dual->positive.name == "e2m1");
    REQUIRE(fp4.kv_cache.has_value());
    CHECK(fp4.kv_cache->format.name == "e2m3");
    CHECK(fp4.kv_cache->sharing == models::ScaleSharing::row);

    const auto fp6 = shipped("fpqvar-fp6");
    for (const auto* linear : {&fp6.qkv, &fp6.proj, &fp6.fc1, &fp6.fc2}) {
        CHECK(linear->weights.format.name == "e2m3");
        CHECK(linear->weights.sharing == models::ScaleSharing::row);
        CHECK(linear->activations.sharing == models::ScaleSharing::row);
        CHECK_FALSE(linear->learned_scales);
    }
    CHECK(fp6.fc2.activations.dual->negative.name == "int6");
    CHECK(fp6.fc2.activations.dual->positive.name == "e2m3");

    // The integer baselines differ in the format, not in the granularity.
    const auto int4 = shipped("var-int4-rtn");
    CHECK(int4.qkv.weights.format.name == "int4");
    CHECK(int4.fc2.activations.group_size == fp4.fc1.activations.group_size);
    CHECK_FALSE(int4.kv_cache.has_value());
    CHECK(shipped("var-int6-rtn").fc2.activations.sharing == fp6.fc1.activations.sharing);
    CHECK(shipped("var-fp16").proj.weights.sharing == models::ScaleSharing::none);
}

TEST_CASE("recipes of transformers suit every published VAR") {
    for (const auto* name : {"fpqvar-fp4", "fpqvar-fp6", "var-int4-rtn", "var-int6-rtn", "var-fp16"}) {
        for (const int depth : {16, 20, 24, 30, 36})
            CHECK_NOTHROW(
                check_transformer_recipe(shipped(name), block_of(models::var_config(depth)), name, ""));
    }
    auto narrow = models::var_config(16);
    narrow.width = 192;
    narrow.heads = 3;
    CHECK_THROWS_WITH(
        check_transformer_recipe(shipped("fpqvar-fp4"), block_of(narrow), "file", ""),
        Contains("file#/linears/qkv/weights/group_size: 128 does not divide the 192 inputs of qkv"));
    auto rotated = shipped("fpqvar-fp6");
    CHECK_THROWS_WITH(check_transformer_recipe(rotated, block_of(narrow), "file", ""),
                      Contains("file#/linears/qkv/hadamard_block: 128 does not divide"));
    rotated.kv_cache->sharing = models::ScaleSharing::group;
    rotated.kv_cache->group_size = 48;
    CHECK_THROWS_WITH(check_transformer_recipe(rotated, block_of(models::var_config(16)), "file", ""),
                      Contains("/kv_cache/group_size: 48 does not divide the 64 channels of a head"));
}

TEST_CASE("a recipe of a transformer that contradicts itself says where") {
    struct Change {
        const char* patch;
        const char* message;
    };
    const auto change = GENERATE(
        Change{R"({"linears": {"fc2": {"activations": {"format": "int4"}}}})",
               "file#/linears/fc2/activations: an operand has one format, or one for each sign"},
        Change{R"({"linears": {"fc2": {"activations": {"negative": null}}}})",
               "file#/linears/fc2/activations: an operand has one format, or one for each sign"},
        Change{R"({"linears": {"fc2": {"activations": {"negative": "int6"}}}})",
               "file#/linears/fc2/activations/negative: int6 and e2m1 are not of the same width"},
        Change{R"({"linears": {"fc2": {"activations": {"negative": "e3m2", "positive": "e3m2"}}}})",
               "file#/linears/fc2/activations/negative: \"e3m2\" is not a known value"},
        Change{R"({"linears": {"fc2": {"activations": {"scale_bits": 16}}}})",
               "file#/linears/fc2/activations/scale_bits: 16 bits for the scales of a dual format"},
        Change{
            R"({"linears": {"fc2": {"activations": {"scale_bits": null, "scale_per": null, "group_size": null}}}})",
            "file#/linears/fc2/activations: a dual format has a scale for each sign"},
        Change{R"({"linears": {"fc2": {"weights": {"format": "bf16"}}}})",
               "file#/linears/fc2/weights/format: bf16 has no exact sums"},
        Change{R"({"linears": {"qkv": {"weights": {"scale_bits": null}}}})",
               "file#/linears/qkv/weights: scale_per and scale_bits belong together"},
        Change{R"({"linears": {"qkv": {"weights": {"scale_per": "channel"}}}})",
               "file#/linears/qkv/weights: group_size belongs to scale_per"},
        Change{
            R"({"linears": {"qkv": {"weights": {"scale_bits": null, "scale_per": null, "group_size": null}}}})",
            "file#/linears/qkv/learned_scales: channel scales are learned"},
        Change{R"({"linears": {"qkv": {"hadamard_block": 100}}})", "file#/linears/qkv/hadamard_block"},
        Change{R"({"linears": {"qkv": {"weights": {"scale_per": "token"}}}})",
               "file#/linears/qkv/weights/scale_per"},
        Change{R"({"linears": {"fc3": {}}})", "fc3"},
        Change{R"({"kv_cache": {"format": "e9m9"}})", "/kv_cache/format"},
        Change{R"({"kind": "mamba"})", "file#/kind"});
    auto document = recipe_document("fpqvar-fp4");
    CHECK_NOTHROW(parse(document));
    document.merge_patch(json::parse(change.patch));
    CAPTURE(change.patch);
    CHECK_THROWS_WITH(parse(document), Contains(change.message));
    CHECK_THROWS_AS(parse(document), ConfigError);
}
