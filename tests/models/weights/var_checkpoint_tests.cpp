// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "models/networks/var_image.hpp"
#include "tiny_var.hpp"

using namespace tilewright::models;
using namespace tilewright::test;
using Catch::Contains;

namespace {

std::string complaint(const TinyVar& tiny, const std::string& config = TinyVar::standard_config()) {
    const TemporaryFolder folder;
    tiny.write(folder, config);
    try {
        const VarCheckpoint checkpoint(folder.path());
        return "";
    } catch (const CheckpointError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("a VAR checkpoint is read with its sizes and its tensors") {
    const TemporaryFolder folder;
    const TinyVar tiny;
    tiny.write(folder);
    const VarCheckpoint checkpoint(folder.path());
    const auto& config = checkpoint.config();
    CHECK(config.depth == 2);
    CHECK(config.width == 32);
    CHECK(config.mlp_ratio == 2);
    CHECK(config.codebook == 24);
    CHECK(config.codebook_width == 4);
    CHECK(config.scales == std::vector<std::int64_t>{1, 2, 3, 4});
    CHECK(checkpoint.block(1).fc2 == tiny.tensors.at("blocks.1.ffn.fc2.weight").values);
    CHECK(checkpoint.block(0).scale_mul == tiny.tensors.at("blocks.0.attn.scale_mul_1H11").values);
    CHECK(checkpoint.ends().positions == tiny.tensors.at("pos_1LC").values);
}

TEST_CASE("a scale list that does not match the checkpoint is refused by name") {
    const TinyVar tiny;
    CHECK_THAT(complaint(tiny, TinyVar::standard_config("[1, 2, 3]")),
               Contains("config.json#/patch_nums: the scales 1, 2, 3 have 14 tokens") &&
                   Contains("positions for 30"));
    CHECK_THAT(complaint(tiny, TinyVar::standard_config("[5, 2, 1]")), Contains("pos_start"));
    CHECK_THAT(complaint(tiny, TinyVar::standard_config("[]")), Contains("#/patch_nums: is no list"));
    CHECK_THAT(complaint(tiny, TinyVar::standard_config("[1, 2, -3]")),
               Contains("#/patch_nums/2: -3 is no size"));
}

TEST_CASE("incomplete and damaged VAR checkpoints are refused") {
    TinyVar tiny;
    auto damaged = tiny;
    damaged.tensors.erase("blocks.1.attn.q_bias");
    CHECK_THAT(complaint(damaged), Contains("tensor \"blocks.1.attn.q_bias\" is missing"));
    damaged = tiny;
    damaged.tensors["head.bias"].values[3] = NAN;
    CHECK_THAT(complaint(damaged), Contains("head.bias") && Contains("not finite at element 3"));
    damaged = tiny;
    damaged.tensors["blocks.0.ffn.fc1.weight"].shape = {32, 64};
    CHECK_THAT(complaint(damaged), Contains("blocks.0.ffn.fc1.weight") && Contains("asks for [64, 32]"));
    CHECK_THAT(
        complaint(tiny,
                  R"({"depth": 9000, "embed_dim": 32, "num_heads": 2, "num_classes": 5, "patch_nums": [1]})"),
        Contains("#/depth: 9000 blocks"));
    CHECK_THAT(
        complaint(tiny,
                  R"({"depth": 2, "embed_dim": 32, "num_heads": 5, "num_classes": 5, "patch_nums": [1]})"),
        Contains("#/num_heads: 5 heads do not divide 32"));
}

TEST_CASE("a shared AdaLN layer reaches every block with the block's offset") {
    const TemporaryFolder folder;
    TinyVar tiny(true);
    // As in the public files, and flat.
    tiny.tensors.at("blocks.1.ada_gss").shape = {1, 1, 6, 32};
    auto config = TinyVar::standard_config();
    const std::string unshared = "\"shared_aln\": false";
    tiny.write(folder, config.replace(config.find(unshared), unshared.size(), "\"shared_aln\": true"));
    const VarCheckpoint checkpoint(folder.path());
    CHECK(checkpoint.config().shared_adaln);
    const auto& bias = tiny.tensors.at("shared_ada_lin.1.bias").values;
    for (const int layer : {0, 1}) {
        const auto block = checkpoint.block(layer);
        const auto& offset = tiny.tensors.at("blocks." + std::to_string(layer) + ".ada_gss").values;
        CHECK(block.adaln == tiny.tensors.at("shared_ada_lin.1.weight").values);
        REQUIRE(block.adaln_bias.size() == 6 * 32);
        for (std::size_t i = 0; i < bias.size(); ++i) CHECK(block.adaln_bias[i] == bias[i] + offset[i]);
    }
    const auto transformer = make_var_reference(checkpoint);
    transformer->begin(2);
    CHECK(transformer->next_scale({}, false).logits.size() == 2 * 24);
}
