// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>

#include <catch2/catch.hpp>

#include "../models/weights/tiny_gpt.hpp"
#include "../models/weights/tiny_var.hpp"
#include "models/kernels/error_measures.hpp"
#include "models/networks/mamba_reference.hpp"
#include "program.hpp"

using namespace tilewright;
using namespace tilewright::test;
using Catch::Contains;

namespace {

std::string tokens_file(const std::vector<std::int64_t>& tokens, const std::string& type = "I64") {
    const auto bytes = tokens.size() * sizeof(std::int64_t);
    const auto header = R"({"tokens":{"dtype":")" + type + R"(","shape":[)" + std::to_string(tokens.size()) +
                        R"(],"data_offsets":[0,)" + std::to_string(bytes) + "]}}";
    const auto length = static_cast<std::uint64_t>(header.size());
    return std::string(reinterpret_cast<const char*>(&length), 8) + header +
           std::string(reinterpret_cast<const char*>(tokens.data()), bytes);
}

}  // namespace

TEST_CASE("infer writes the logits and blocks of the reference") {
    const auto config = tiny_config(models::MambaVersion::mamba2);
    const TemporaryFolder folder;
    write_checkpoint(folder, config);
    const std::vector<std::int64_t> tokens = {1, 2, 3, 39};
    const Workspace workspace;
    workspace.write("in.safetensors", tokens_file(tokens));
    for (const auto* scan : {"recurrent", "chunked"}) {
        const auto result =
            workspace.run("infer --model " + folder.path().string() +
                          " --input in.safetensors --output out.safetensors --all --scan " + scan);
        REQUIRE(result.code == 0);
        const models::SafetensorsFile output(workspace.path("out.safetensors"));
        CHECK(output.tensors().size() == 3);
        const auto& logits = output.tensor("logits");
        REQUIRE(logits.shape == std::vector<std::int64_t>{4, 40});
        const models::MambaCheckpoint checkpoint(folder.path());
        const models::MambaReference reference(checkpoint);
        auto state = reference.initial_state();
        const auto expected = reference.run(tokens, state);
        for (std::int64_t i = 0; i < logits.elements(); ++i) {
            CHECK(logits.at(i) == Approx(expected.logits[static_cast<std::size_t>(i)]).epsilon(1e-6));
        }
    }
}

TEST_CASE("infer runs a checkpoint through the kernels of a recipe") {
    const auto config = tiny_config(models::MambaVersion::mamba2);
    const TemporaryFolder folder;
    write_checkpoint(folder, config);
    const std::vector<std::int64_t> tokens = {1, 2, 3, 39};
    const Workspace workspace;
    workspace.write("in.safetensors", tokens_file(tokens));
    auto recipe = nlohmann::json::parse(read_file(source_path("configs/recipes/lightmamba-w8a8.json")));
    for (const auto* key : {"weights", "activations"}) recipe[key]["group_size"] = 8;
    for (const auto* key : {"convolution", "state"}) recipe[key]["group_size"] = 4;
    workspace.write("w8.json", recipe.dump());
    recipe["smoothing"] = {{"method", "smoothquant"}, {"alpha", 0.5}};
    workspace.write("smooth.json", recipe.dump());
    const auto logits = [&](const std::string& options) {
        const auto result =
            workspace.run("infer --model " + folder.path().string() +
                          " --input in.safetensors --output out.safetensors --all " + options);
        INFO(result.err);
        REQUIRE(result.code == 0);
        const models::SafetensorsFile output(workspace.path("out.safetensors"));
        CHECK(output.tensors().size() == 3);
        std::vector<double> values;
        const auto& view = output.tensor("logits");
        for (std::int64_t i = 0; i < view.elements(); ++i) values.push_back(view.at(i));
        return values;
    };
    const auto reference = logits("");
    const auto wide = models::measure_error(reference, logits("--recipe w16a16"));
    CHECK(wide.sqnr_db > 45);
    CHECK(wide.max_abs_error > 0);
    const auto eight = models::measure_error(reference, logits("--recipe w8.json"));
    CHECK(eight.sqnr_db > 10);
    CHECK(eight.sqnr_db < wide.sqnr_db);
    CHECK(models::measure_error(reference, logits("--recipe smooth.json --calibration in.safetensors"))
              .sqnr_db > 10);
    const auto refused = [&](const std::string& options) {
        const auto result = workspace.run("infer --model " + folder.path().string() +
                                          " --input in.safetensors --output none.safetensors " + options);
        CHECK(result.code == 2);
        CHECK_FALSE(std::filesystem::exists(workspace.path("none.safetensors")));
        return result.err;
    };
    CHECK_THAT(refused("--recipe smooth.json"), Contains("--calibration"));
    CHECK_THAT(refused("--recipe w8.json --calibration none"), Contains("has no channel scales"));
    CHECK_THAT(refused("--calibration none"), Contains("--calibration is of a recipe"));
    CHECK_THAT(refused("--recipe w8.json --scan chunked"), Contains("recurrent"));
    CHECK_THAT(refused("--recipe lightmamba-w8a8"), Contains("#/weights/group_size"));
    CHECK_THAT(refused("--recipe fpqvar-fp4"),
               Contains("fpqvar-fp4.json#/kind: is no recipe for this kind of network; allowed: a recipe "
                        "without a kind"));
    CHECK_THAT(refused("--recipe lightmamba-w4a44"), Contains("--recipe#: there is no recipe") &&
                                                         Contains("did you mean \"lightmamba-w4a4\"?") &&
                                                         Contains("allowed: ") && Contains("w16a16"));
}

TEST_CASE("infer refuses what it cannot run and writes nothing") {
    const auto config = tiny_config(models::MambaVersion::mamba1);
    const TemporaryFolder folder;
    write_checkpoint(folder, config);
    const Workspace workspace;
    const auto infer = [&](const std::string& options) {
        const auto result =
            workspace.run("infer --model " + folder.path().string() + " --output out.safetensors " + options);
        CHECK(result.code == 2);
        CHECK_FALSE(fs::exists(workspace.path("out.safetensors")));
        return result.err;
    };
    CHECK_THAT(infer("--input none.safetensors"), Contains("none.safetensors") && Contains("No such file"));
    workspace.write("in.safetensors", tokens_file({1, 40}));
    CHECK_THAT(infer("--input in.safetensors"), Contains("token 40 at position 1") && Contains("0 to 39"));
    CHECK_THAT(infer("--input in.safetensors --scan chunked"), Contains("Mamba2"));
    CHECK_THAT(infer("--input in.safetensors --scan fast"), Contains("allowed: recurrent, chunked"));
    workspace.write("in.safetensors", tokens_file({1, 2}, "F64"));
    CHECK_THAT(infer("--input in.safetensors"), Contains("I64"));
    CHECK_THAT(infer(""), Contains("input"));
}

TEST_CASE("infer refuses damaged checkpoints in one line and writes nothing") {
    const auto config = tiny_config(models::MambaVersion::mamba2);
    const TemporaryFolder folder;
    const Workspace workspace;
    workspace.write("in.safetensors", tokens_file({1, 2}));
    const auto complaint = [&] {
        const auto result = workspace.run("infer --model " + folder.path().string() +
                                          " --input in.safetensors --output out.safetensors");
        CHECK(result.code == 2);
        CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
        CHECK_FALSE(fs::exists(workspace.path("out.safetensors")));
        return result.err;
    };
    const auto good = models::safetensors_bytes(tiny_weights(config));
    folder.write("config.json", state_spaces_config(config));
    folder.write("model.safetensors", good.substr(0, good.size() - 1));
    CHECK_THAT(complaint(), Contains("truncated"));
    folder.write("model.safetensors", good + std::string(3, '\0'));
    CHECK_THAT(complaint(), Contains("belong to none"));
    folder.write("model.safetensors", std::string(8, '\xff') + good);
    CHECK_THAT(complaint(), Contains("says that its header has"));
    auto weights = tiny_weights(config);
    weights.at("backbone.layers.0.mixer.in_proj.weight").values[7] = std::numeric_limits<float>::quiet_NaN();
    folder.write("model.safetensors", models::safetensors_bytes(weights));
    CHECK_THAT(complaint(), Contains("in_proj.weight") && Contains("not finite at element 7"));
    weights = tiny_weights(config);
    weights.erase("backbone.norm_f.weight");
    folder.write("model.safetensors", models::safetensors_bytes(weights));
    CHECK_THAT(complaint(), Contains("\"backbone.norm_f.weight\" is missing"));
    folder.write("model.safetensors", good);
    auto own_head = nlohmann::json::parse(state_spaces_config(config));
    own_head["tie_embeddings"] = false;
    folder.write("config.json", own_head.dump());
    CHECK_THAT(complaint(), Contains("\"lm_head.weight\" is missing") && Contains("not tied"));
    own_head["tie_embeddings"] = "x";
    folder.write("config.json", own_head.dump());
    CHECK_THAT(complaint(), Contains("#/tie_embeddings: \"x\"") && Contains("allowed: true, false"));
    auto absurd = config;
    absurd.layers = 100'000'000;
    folder.write("config.json", state_spaces_config(absurd));
    CHECK_THAT(complaint(), Contains("100000000 layers"));
}

namespace {

std::string classes_file(const std::vector<std::int64_t>& classes) {
    auto text = tokens_file(classes);
    const auto at = text.find("tokens");
    // Both names and the header's length must stay as they are: "classes" is one longer.
    const auto header = R"({"classes":)" + text.substr(at + 8, text.find("}}") + 2 - at - 8);
    const auto length = static_cast<std::uint64_t>(header.size());
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + text.substr(text.find("}}") + 2);
}

}  // namespace

TEST_CASE("infer makes images of a VAR checkpoint, again the same, in float64 and under a recipe") {
    const TemporaryFolder folder;
    TinyVar().write(folder);
    const Workspace workspace;
    workspace.write("in.safetensors", classes_file({1, 4}));
    workspace.write("other.safetensors", classes_file({2}));
    const auto infer = [&](const std::string& more) {
        return workspace.run("infer --model " + folder.path().string() + " --input in.safetensors " + more);
    };
    const auto first = infer("--output a.safetensors --image a.ppm --all");
    INFO(first.err);
    REQUIRE(first.code == 0);
    REQUIRE(infer("--output b.safetensors").code == 0);
    const models::SafetensorsFile a(workspace.path("a.safetensors"));
    const models::SafetensorsFile b(workspace.path("b.safetensors"));
    CHECK(a.tensor("logits").shape == std::vector<std::int64_t>{2, 30, 24});
    CHECK(a.tensor("codes").shape == std::vector<std::int64_t>{2, 30});
    CHECK(a.tensor("image").shape == std::vector<std::int64_t>{2, 3, 8, 8});
    CHECK(a.tensor("blocks.1").shape == std::vector<std::int64_t>{2, 30, 32});
    for (std::int64_t i = 0; i < 60; ++i) CHECK(a.tensor("codes").at(i) == b.tensor("codes").at(i));
    CHECK_THAT(read_file(workspace.path("a.ppm")), Catch::StartsWith("P6\n8 8\n255\n"));
    CHECK(read_file(workspace.path("a.ppm")).size() == 11 + 8 * 8 * 3);

    // The recipe's groups of 128 do not divide 32 channels; a group of 32 does.
    const auto refused = infer("--output c.safetensors --recipe fpqvar-fp4 --calibration other.safetensors");
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, Contains("group_size") && Contains("a divisor"));
    auto recipe = nlohmann::json::parse(read_file(source_path("configs/recipes/fpqvar-fp4.json")));
    for (auto& [name, linear] : recipe.at("linears").items()) {
        for (const auto* operand : {"weights", "activations"}) linear[operand]["group_size"] = 32;
        if (linear.contains("hadamard_block")) linear["hadamard_block"] = 32;
    }
    workspace.write("recipe.json", recipe.dump());
    const auto uncalibrated = infer("--output c.safetensors --recipe recipe.json");
    CHECK(uncalibrated.code == 2);
    CHECK_THAT(uncalibrated.err, Contains("--calibration"));
    REQUIRE(
        infer("--output c.safetensors --recipe recipe.json --calibration other.safetensors --greedy").code ==
        0);
    const models::SafetensorsFile c(workspace.path("c.safetensors"));
    std::int64_t different = 0;
    for (std::int64_t i = 0; i < 60 * 24; ++i) {
        different += c.tensor("logits").at(i) == a.tensor("logits").at(i) ? 0 : 1;
    }
    CHECK(different > 60 * 20);
}

TEST_CASE("infer on VAR explains what is wrong") {
    const TemporaryFolder folder;
    TinyVar tiny;
    tiny.write(folder);
    const Workspace workspace;
    workspace.write("in.safetensors", classes_file({5}));
    const auto infer = [&](const std::string& more) {
        return workspace.run("infer --model " + folder.path().string() +
                             " --input in.safetensors --output out.safetensors " + more);
    };
    const auto expect = [](const Result& result, const std::string& words) {
        CHECK(result.code == 2);
        CHECK_THAT(result.err, Catch::StartsWith("tilewright: ") && Contains(words));
    };
    expect(infer(""), "the class 5 is not in the model; allowed: 0 to 4");
    workspace.write("in.safetensors", classes_file({0}));
    expect(infer("--top-p 2"), "--top-p is no share");
    expect(infer("--guidance -1"), "--guidance is negative");
    tiny.tensors.erase("quantize.quant_resi.qresi_ls.0.bias");
    tiny.write(folder);
    expect(infer(""), "quantize.quant_resi.qresi_ls.0.bias");
    tiny.write(folder, TinyVar::standard_config("[1, 2]"));
    expect(infer(""), "patch_nums");
    CHECK_FALSE(std::filesystem::exists(workspace.path("out.safetensors")));
}

TEST_CASE("infer writes the logits of a GPT-BigCode checkpoint, in float64 and under a recipe") {
    const TemporaryFolder folder;
    TinyGpt().write(folder);
    const Workspace workspace;
    workspace.write("in.safetensors", tokens_file({1, 2, 3, 39}));
    const auto infer = [&](const std::string& more) {
        return workspace.run("infer --model " + folder.path().string() + " --input in.safetensors " + more);
    };
    const auto first = infer("--output a.safetensors --all");
    INFO(first.err);
    REQUIRE(first.code == 0);
    CHECK_THAT(first.out, Contains("4 tokens through 2 blocks in float64"));
    const models::SafetensorsFile a(workspace.path("a.safetensors"));
    CHECK(a.tensors().size() == 3);
    CHECK(a.tensor("logits").shape == std::vector<std::int64_t>{4, 40});
    CHECK(a.tensor("blocks.1").shape == std::vector<std::int64_t>{4, 32});
    REQUIRE(infer("--output b.safetensors --recipe gpt-int8-kv8").code == 0);
    const models::SafetensorsFile b(workspace.path("b.safetensors"));
    std::vector<double> exact, rounded;
    for (std::int64_t i = 0; i < 160; ++i) {
        exact.push_back(a.tensor("logits").at(i));
        rounded.push_back(b.tensor("logits").at(i));
    }
    const auto error = models::measure_error(exact, rounded);
    CHECK(error.sqnr_db > 20);
    CHECK(error.max_abs_error > 0);

    const auto refused = [&](const std::string& more, const std::string& words) {
        const auto result = infer("--output none.safetensors " + more);
        CHECK(result.code == 2);
        CHECK_THAT(result.err, Contains(words));
        CHECK_FALSE(std::filesystem::exists(workspace.path("none.safetensors")));
    };
    refused("--recipe gpt-w4a8-kv8", "group_size");
    refused("--scan chunked", "--scan is not for networks of the family GPT-BigCode; allowed here: --cal");
    refused("--greedy", "--greedy is not for");
    auto recipe = nlohmann::json::parse(read_file(source_path("configs/recipes/gpt-int8-kv8.json")));
    recipe["linears"]["fc1"]["learned_scales"] = true;
    workspace.write("recipe.json", recipe.dump());
    refused("--recipe recipe.json", "--calibration");
    workspace.write("other.safetensors", tokens_file({1, 2, 77}));
    refused("--recipe recipe.json --calibration other.safetensors",
            "other.safetensors: token 77 at position 2");
    workspace.write("other.safetensors", tokens_file({9, 8, 7, 6}));
    CHECK(infer("--output c.safetensors --recipe recipe.json --calibration other.safetensors").code == 0);
    workspace.write("in.safetensors", tokens_file({1, 40}));
    refused("", "in.safetensors: token 40 at position 1");
    workspace.write("in.safetensors", tokens_file(std::vector<std::int64_t>(21, 3)));
    refused("", "in.safetensors: 21 tokens are more than");
    // Finite weights of which no finite logits come.
    workspace.write("in.safetensors", tokens_file({1, 2}));
    TinyGpt large;
    for (auto& value : large.tensors.at("transformer.wte.weight").values) value = 3e38F;
    for (auto& value : large.tensors.at("transformer.wpe.weight").values) value = 3e38F;
    large.write(folder);
    refused("--recipe gpt-int8-kv8", "no number any more");
    refused("--all", "no number any more");  // binary64 has it, F32 has not
    folder.write("config.json", R"({"model_type": "gpt"})");
    refused("", "no network that is known; allowed: Mamba1");
}
