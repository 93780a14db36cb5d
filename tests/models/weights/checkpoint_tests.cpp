// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include <catch2/catch.hpp>

#include "tiny_checkpoint.hpp"

using namespace tilewright::models;
using namespace tilewright::test;
using Catch::Contains;

namespace {

std::string complaint(const std::string& bytes) {
    const TemporaryFolder folder;
    folder.write("x.safetensors", bytes);
    try {
        const SafetensorsFile file(folder.path() / "x.safetensors");
        return "";
    } catch (const SafetensorsError& error) {
        return error.what();
    }
}

std::string checkpoint_complaint(const TemporaryFolder& folder) {
    try {
        const MambaCheckpoint checkpoint(folder.path());
        return "";
    } catch (const CheckpointError& error) {
        return error.what();
    } catch (const SafetensorsError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("what is written is read back, and every element type means what it says") {
    const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                               R"("b":{"dtype":"F16","shape":[4],"data_offsets":[8,16]},)"
                               R"("c":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},)"
                               R"("d":{"dtype":"I64","shape":[1],"data_offsets":[20,28]},)"
                               R"("e":{"dtype":"BOOL","shape":[1,3],"data_offsets":[28,31]},)"
                               R"("f":{"dtype":"U8","shape":[1],"data_offsets":[31,32]},)"
                               R"("__metadata__":{"format":"pt"}})";
    std::string data(28, '\0');
    data += std::string("\1\0\1\xC8", 4);
    const float a[] = {1.5F, -2.25F};
    const std::uint16_t b[] = {0x3C00, 0xC000, 0x0001, 0x7BFF};  // 1, -2, smallest subnormal, largest
    const std::uint16_t c[] = {0x3F80, 0xC040};                  // 1, -3
    const std::int64_t d = -7;
    std::memcpy(data.data(), a, 8);
    std::memcpy(data.data() + 8, b, 8);
    std::memcpy(data.data() + 16, c, 4);
    std::memcpy(data.data() + 20, &d, 8);
    const TemporaryFolder folder;
    folder.write("x.safetensors", file_with_header(header, data));
    const SafetensorsFile file(folder.path() / "x.safetensors");
    CHECK(file.tensors().size() == 6);
    CHECK(file.tensor("a").at(1) == -2.25);
    CHECK(file.tensor("b").at(0) == 1);
    CHECK(file.tensor("b").at(1) == -2);
    CHECK(file.tensor("b").at(2) == std::ldexp(1.0, -24));
    CHECK(file.tensor("b").at(3) == 65504);
    CHECK(file.tensor("c").at(1) == -3);
    CHECK(file.tensor("d").at(0) == -7);
    CHECK(file.tensor("e").at(1) == 0);
    CHECK(file.tensor("e").at(2) == 1);
    CHECK(file.tensor("f").at(0) == 200);
    CHECK_THROWS_AS(file.tensor("g"), SafetensorsError);
}

TEST_CASE("files that lie about themselves are refused before their data are touched") {
    CHECK_THAT(complaint(""), Contains("too short"));
    CHECK_THAT(complaint("1234567"), Contains("too short"));
    CHECK_THAT(complaint(std::string(8, '\xff')), Contains("says that its header has"));
    CHECK_THAT(complaint(file_with_header("{")), Contains("not a JSON object"));
    CHECK_THAT(complaint(file_with_header("[]")), Contains("not a JSON object"));
    const auto one = [](const std::string& body, std::size_t bytes = 8) {
        return complaint(file_with_header("{\"t\":{" + body + "}}", std::string(bytes, '\0')));
    };
    CHECK(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])").empty());
    CHECK_THAT(one(R"("dtype":"F32","shape":[2])"), Contains("lacks"));
    CHECK_THAT(one(R"("dtype":"F8","shape":[2],"data_offsets":[0,8])"), Contains("element type F8"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), Contains("needs 12 bytes"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), Contains("counts"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[4611686018427387904,16],"data_offsets":[0,8])"),
               Contains("too large"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), Contains("needs 8 bytes"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 4), Contains("truncated"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 12), Contains("belong to none"));
    CHECK_THAT(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), Contains("gap"));
    const auto two = [](const std::string& offsets) {
        return complaint(
            file_with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32",)"
                             R"("shape":[2],"data_offsets":)" +
                                 offsets + "}}",
                             std::string(16, '\0')));
    };
    CHECK(two("[8,16]").empty());
    CHECK_THAT(two("[4,12]"), Contains("overlaps"));
    CHECK_THAT(two("[12,20]"), Contains("truncated"));
    const std::string twice = R"("t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
    CHECK_THAT(complaint(file_with_header("{" + twice + "," + twice + "}", std::string(8, '\0'))),
               Contains("\"t\" stands twice"));
}

TEST_CASE("both spellings of a configuration open the same checkpoint, sharded or not") {
    const auto config = tiny_config(MambaVersion::mamba2);
    const TemporaryFolder folder;
    folder.write("config.json",
                 R"({"model_type": "mamba2", "hidden_size": 24, "num_hidden_layers": 2, "state_size": 8,)"
                 R"( "head_dim": 12, "num_heads": 4, "expand": 2, "vocab_size": 40})");
    auto weights = tiny_weights(config);
    std::map<std::string, OutputTensor> first;
    auto embedding = weights.extract("backbone.embedding.weight");
    embedding.key() = "backbone.embeddings.weight";
    first.insert(std::move(embedding));
    folder.write("model-00001-of-00002.safetensors", safetensors_bytes(first));
    folder.write("model-00002-of-00002.safetensors", safetensors_bytes(weights));
    const MambaCheckpoint checkpoint(folder.path());
    CHECK(checkpoint.config().d_inner() == 48);
    CHECK(checkpoint.config().heads() == 4);
    CHECK(checkpoint.tensor("backbone.embedding.weight").shape == std::vector<std::int64_t>{40, 24});
}

TEST_CASE("incomplete, misshapen and broken checkpoints say what is wrong with them") {
    const auto config = tiny_config(MambaVersion::mamba2);
    const TemporaryFolder folder;
    CHECK_THAT(checkpoint_complaint(folder), Contains("config.json"));
    folder.write("config.json", state_spaces_config(config));
    CHECK_THAT(checkpoint_complaint(folder), Contains("no .safetensors"));
    auto weights = tiny_weights(config);
    const auto original = weights;
    weights.erase("backbone.layers.1.mixer.D");
    folder.write("model.safetensors", safetensors_bytes(weights));
    CHECK_THAT(checkpoint_complaint(folder), Contains("\"backbone.layers.1.mixer.D\" is missing"));
    weights = original;
    weights.at("backbone.layers.1.mixer.D").shape = {2, 2};
    folder.write("model.safetensors", safetensors_bytes(weights));
    CHECK_THAT(checkpoint_complaint(folder), Contains("[2, 2]") && Contains("asks for [4]"));
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        weights = original;
        weights.at("backbone.norm_f.weight").values[5] = bad;
        folder.write("model.safetensors", safetensors_bytes(weights));
        CHECK_THAT(checkpoint_complaint(folder),
                   Contains("norm_f.weight") && Contains("not finite at element 5"));
    }
    auto integers = safetensors_bytes(original);
    integers.replace(integers.find("\"F32\"", integers.find("backbone.layers.1.mixer.D")), 5, "\"I32\"");
    folder.write("model.safetensors", integers);
    CHECK_THAT(checkpoint_complaint(folder), Contains("mixer.D\" has the element type I32; allowed: F64"));
    folder.write("model.safetensors", safetensors_bytes(original));
    CHECK(checkpoint_complaint(folder).empty());
    folder.write("config.json", R"({"d_model": -1, "n_layer": 2, "vocab_size": 40})");
    CHECK_THAT(checkpoint_complaint(folder), Contains("#/d_model"));
    folder.write("config.json", R"({"n_layer": 2, "vocab_size": 40})");
    CHECK_THAT(checkpoint_complaint(folder), Contains("#/d_model") && Contains("missing"));
    folder.write("config.json", R"({"model_type": "llama", "hidden_size": 24})");
    CHECK_THAT(checkpoint_complaint(folder), Contains("not a Mamba model"));
    const auto transformers = [&](const std::string& more) {
        folder.write("config.json", R"({"model_type": "mamba2", "hidden_size": 24, "state_size": 8,)"
                                    R"( "vocab_size": 40, )" +
                                        more + "}");
        return checkpoint_complaint(folder);
    };
    const std::string tiny = R"("num_hidden_layers": 2, "head_dim": 12)";
    CHECK(transformers(tiny).empty());
    CHECK_THAT(transformers(R"("num_hidden_layers": 2, "head_dim": 13)"), Contains("head dimension 13"));
    CHECK_THAT(transformers(tiny + R"(, "n_groups": 3)"), Contains("3 groups do not divide 4 heads"));
    CHECK_THAT(transformers(tiny + R"(, "n_groups": 8)"), Contains("8 groups do not divide 4 heads"));
    CHECK_THAT(transformers(tiny + R"(, "n_groups": 0)"), Contains("#/n_groups"));
    CHECK_THAT(transformers(tiny + R"(, "conv_kernel": 100000000)"), Contains("asks for [64, 1, 100000000]"));
    CHECK_THAT(transformers(tiny + R"(, "expand": 1e99)"), Contains("#/expand"));
    // Nothing is allocated for what the files do not hold.
    CHECK_THAT(transformers(R"("num_hidden_layers": 100000000, "head_dim": 12)"),
               Contains("100000000 layers; the files have 20 tensors"));
    for (const auto* text : {"", "[]", "{", "nan", "{\"hidden_size\": \"\xff\"}"}) {
        folder.write("config.json", text);
        CHECK_THAT(checkpoint_complaint(folder), Contains("config.json"));
    }
}

TEST_CASE("headers with sizes that no file has are refused without allocating them") {
    const auto refused = [](const std::string& shape, const std::string& offsets) {
        return complaint(file_with_header(R"({"t":{"dtype":"F16","shape":)" + shape + R"(,"data_offsets":)" +
                                          offsets + "}}"));
    };
    CHECK_THAT(refused("[9223372036854775807]", "[0,18446744073709551614]"), Contains("too large"));
    CHECK_THAT(refused("[4611686018427387904]", "[0,9223372036854775808]"), Contains("truncated"));
    CHECK_THAT(refused("[4294967296,4294967296]", "[0,0]"), Contains("too large"));
    CHECK_THAT(refused("[18446744073709551616]", "[0,0]"), Contains("counts"));
    CHECK_THAT(refused("[1.5]", "[0,3]"), Contains("counts"));
    CHECK_THAT(refused("[1]", "[0,2,4]"), Contains("wrong kind"));
    CHECK_THAT(refused("[1]", "[0,-2]"), Contains("offset"));
    CHECK_THAT(refused("1", "[0,2]"), Contains("wrong kind"));
    CHECK(refused("[0,4611686018427387904]", "[0,0]").empty());
    // A header as long as the file says, of brackets only: deep nesting costs neither time nor stack.
    CHECK_THAT(complaint(file_with_header(std::string(1 << 20, '['))), Contains("not a JSON object"));
    // Every prefix of a good file is refused.
    const auto good = safetensors_bytes({{"t", {{2}, {1, 2}}}});
    CHECK(complaint(good).empty());
    std::size_t accepted = 0;
    for (std::size_t length = 0; length < good.size(); ++length) {
        accepted += complaint(good.substr(0, length)).empty() ? 1 : 0;
    }
    CHECK(accepted == 0);
    CHECK_THAT(complaint(good + "x"), Contains("belong to none"));
}

TEST_CASE("Mamba networks that are built otherwise are refused, not computed as the usual ones") {
    const auto config = tiny_config(MambaVersion::mamba2);
    const TemporaryFolder folder;
    const auto original = tiny_weights(config);
    folder.write("model.safetensors", safetensors_bytes(original));
    // Of the state-spaces project.
    const auto with = [&](const std::string& more, const std::string& more_of_block = "") {
        auto text = state_spaces_config(config);
        text.insert(text.find("\"layer\""), more_of_block);
        text.insert(1, more);
        folder.write("config.json", text);
        return checkpoint_complaint(folder);
    };
    CHECK(with("").empty());
    CHECK(with(R"("rms_norm": true, "residual_in_fp32": true, "attn_layer_idx": [], "d_intermediate": 0, )",
               R"("dt_limit": [0.0, Infinity], "chunk_size": 256, "rmsnorm": true, "activation": "swish", )")
              .empty());
    CHECK_THAT(with(R"("rms_norm": false, )"), Contains("config.json#/rms_norm: false is not computed"));
    CHECK_THAT(with(R"("attn_layer_idx": [1], )"), Contains("#/attn_layer_idx: [1] is not computed"));
    CHECK_THAT(with(R"("d_intermediate": 128, )"), Contains("#/d_intermediate: 128"));
    for (const auto* key : {R"("norm_before_gate": true)", R"("rmsnorm": false)", R"("dt_limit": [0.1, 0.2])",
                            R"("D_has_hdim": true)", R"("activation": "gelu")", R"("bias": true)"}) {
        CAPTURE(key);
        CHECK_THAT(with("", std::string(key) + ", "),
                   Contains("config.json#/ssm_cfg/") && Contains("is not computed; allowed: "));
    }
    CHECK_THAT(with("", R"("dstate": 8, )"),
               Contains("#/ssm_cfg/dstate: unknown key; allowed: layer, d_state"));
    CHECK_THAT(with("", R"("ngroups": 0, )"),
               Contains("config.json#/ssm_cfg/ngroups: 0 is not computed; allowed: 1"));
    CHECK_THAT(with("", R"("d_conv": 0, )"), Contains("config.json#/ssm_cfg/d_conv: 0 is no size"));
    CHECK(with(R"("x": [NaN, -Infinity], )", R"("d_ssm": 48, "dt_rank": 2, "ngroups": 1, )").empty());
    CHECK_THAT(with("", R"("d_ssm": 24, )"),
               Contains("#/ssm_cfg/d_ssm: 24 is not computed; allowed: null, 48"));
    folder.write("config.json",
                 R"({"d_model": 24, "n_layer": 2, "vocab_size": 40, "ssm_cfg": {"layer": "Mamba3"}})");
    CHECK_THAT(checkpoint_complaint(folder), Contains("#/ssm_cfg/layer: \"Mamba3\" is not computed"));
    folder.write("config.json", R"({"d_model": 24, "n_layer": 2, "vocab_size": 40, "ssm_cfg": "Mamba2"})");
    CHECK_THAT(checkpoint_complaint(folder), Contains("#/ssm_cfg: is no object"));

    // Of the transformers project.
    const auto transformers = [&](const std::string& more) {
        folder.write("config.json",
                     R"({"model_type": "mamba2", "hidden_size": 24, "num_hidden_layers": 2, "state_size": 8,)"
                     R"( "head_dim": 12, "vocab_size": 40, "comment": "\"Infinity\"")" +
                         more + "}");
        return checkpoint_complaint(folder);
    };
    CHECK(transformers(R"(, "num_heads": 4, "time_step_limit": [0.0, Infinity], "hidden_act": "silu")")
              .empty());
    CHECK(transformers(R"(, "time_step_limit": [0.0, {"__float__": "Infinity"}], "hidden_act": "swish")")
              .empty());
    CHECK_THAT(transformers(R"(, "num_heads": 8)"), Contains("#/num_heads: 8 is not computed; allowed: 4"));
    CHECK_THAT(transformers(R"(, "time_step_limit": [0.1, 0.2])"), Contains("allowed: [0.0,null]"));
    CHECK_THAT(transformers(R"(, "layer_norm_epsilon": 1.0)"), Contains("#/layer_norm_epsilon: 1.0"));

    // Tensors that nobody asks for.
    CHECK(with("").empty());
    auto weights = original;
    weights["backbone.layers.0.mixer.norm.bias"] = {{48}, std::vector<float>(48, 1)};
    folder.write("model.safetensors", safetensors_bytes(weights));
    CHECK_THAT(checkpoint_complaint(folder), Contains("mixer.norm.bias\" is of nothing that is computed"));
    weights = original;
    weights["lm_head.weight"] = original.at("backbone.embedding.weight");
    folder.write("model.safetensors", safetensors_bytes(weights));
    CHECK(checkpoint_complaint(folder).empty());
    weights["lm_head.weight"].values[3] += 1;
    folder.write("model.safetensors", safetensors_bytes(weights));
    CHECK_THAT(checkpoint_complaint(folder), Contains("\"lm_head.weight\" is not the embedding"));
}
