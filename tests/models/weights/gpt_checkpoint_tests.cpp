// SPDX-License-Identifier: Apache-2.0
// Checkpoints of the GPT-BigCode family: what is read, what is refused, and the network that it is.
#include <cmath>

#include <catch2/catch.hpp>

#include "models/kernels/error_measures.hpp"
#include "models/networks/gpt_text.hpp"
#include "tiny_gpt.hpp"

using namespace tilewright;
using namespace tilewright::models;
using test::TemporaryFolder;
using test::tiny_gpt_config;
using test::TinyGpt;

namespace {

const std::vector<std::int64_t> text = {3, 39, 0, 17, 3, 22, 8};
const std::vector<std::int64_t> other_text = {5, 6, 7, 30};

// The network written down once more, by the transformers project's description of it: a matrix of scores
// with everything behind a token masked, one number after the other, tensors by their names.
class Written {
  public:
    explicit Written(const std::map<std::string, OutputTensor>& tensors) : tensors_(tensors) {}

    using Matrix = std::vector<std::vector<double>>;

    Matrix logits(const std::vector<std::int64_t>& tokens, const char* head) const {
        Matrix x;
        for (std::size_t t = 0; t < tokens.size(); ++t) {
            auto& row = x.emplace_back();
            for (std::int64_t c = 0; c < 32; ++c) {
                row.push_back(at("transformer.wte.weight", tokens[t], c) +
                              at("transformer.wpe.weight", static_cast<std::int64_t>(t), c));
            }
        }
        for (int layer = 0; layer < 2; ++layer) {
            const auto h = "transformer.h." + std::to_string(layer) + ".";
            add(x, linear(h + "attn.c_proj", attention(linear(h + "attn.c_attn", norm(h + "ln_1", x)))));
            auto hidden = linear(h + "mlp.c_fc", norm(h + "ln_2", x));
            for (auto& row : hidden) {
                for (auto& v : row) {
                    const auto inner = std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * std::pow(v, 3));
                    v = 0.5 * v * (1 + std::tanh(inner));
                }
            }
            add(x, linear(h + "mlp.c_proj", hidden));
        }
        x = norm("transformer.ln_f", x);
        Matrix result;
        for (const auto& row : x) {
            auto& out = result.emplace_back();
            for (std::int64_t v = 0; v < 40; ++v) {
                double sum = 0;
                for (std::int64_t c = 0; c < 32; ++c)
                    sum += at(head, v, c) * row[static_cast<std::size_t>(c)];
                out.push_back(sum);
            }
        }
        return result;
    }

  private:
    double at(const std::string& name, std::int64_t row, std::int64_t column) const {
        const auto& tensor = tensors_.at(name);
        const auto columns = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
        return static_cast<double>(tensor.values[static_cast<std::size_t>(row * columns + column)]);
    }
    static void add(Matrix& x, const Matrix& y) {
        for (std::size_t t = 0; t < x.size(); ++t) {
            for (std::size_t c = 0; c < x[t].size(); ++c) x[t][c] += y[t][c];
        }
    }
    Matrix linear(const std::string& name, const Matrix& x) const {
        Matrix y(x.size());
        const auto outputs = tensors_.at(name + ".weight").shape[0];
        for (std::size_t t = 0; t < x.size(); ++t) {
            for (std::int64_t n = 0; n < outputs; ++n) {
                double sum = at(name + ".bias", n, 0);
                for (std::size_t k = 0; k < x[t].size(); ++k) {
                    sum += at(name + ".weight", n, static_cast<std::int64_t>(k)) * x[t][k];
                }
                y[t].push_back(sum);
            }
        }
        return y;
    }
    Matrix norm(const std::string& name, const Matrix& x) const {
        Matrix y;
        for (const auto& row : x) {
            double mean = 0;
            double squares = 0;
            for (const auto v : row) mean += v / static_cast<double>(row.size());
            for (const auto v : row) squares += (v - mean) * (v - mean) / static_cast<double>(row.size());
            auto& out = y.emplace_back();
            for (std::size_t c = 0; c < row.size(); ++c) {
                const auto channel = static_cast<std::int64_t>(c);
                out.push_back((row[c] - mean) / std::sqrt(squares + 1e-5) * at(name + ".weight", channel, 0) +
                              at(name + ".bias", channel, 0));
            }
        }
        return y;
    }
    // 4 heads of 8 queries each, then one key and one value of 8.
    static Matrix attention(const Matrix& qkv) {
        Matrix y(qkv.size(), std::vector<double>(32));
        for (std::size_t head = 0; head < 4; ++head) {
            for (std::size_t t = 0; t < qkv.size(); ++t) {
                std::vector<double> shares;
                double sum = 0;
                for (std::size_t s = 0; s < qkv.size(); ++s) {
                    double score = 0;
                    for (std::size_t c = 0; c < 8; ++c) score += qkv[t][head * 8 + c] * qkv[s][32 + c];
                    shares.push_back(s <= t ? std::exp(score / std::sqrt(8.0)) : 0.0);
                    sum += shares.back();
                }
                for (std::size_t c = 0; c < 8; ++c) {
                    for (std::size_t s = 0; s < qkv.size(); ++s) {
                        y[t][head * 8 + c] += shares[s] / sum * qkv[s][40 + c];
                    }
                }
            }
        }
        return y;
    }

    const std::map<std::string, OutputTensor>& tensors_;
};

void check_logits(const TinyGpt& tiny, const GptTextOutput& output, const char* head) {
    const auto expected = Written(tiny.tensors).logits(text, head);
    REQUIRE(output.logits.size() == text.size() * 40);
    for (std::size_t i = 0; i < output.logits.size(); ++i) {
        CHECK(output.logits[i] == Approx(expected[i / 40][i % 40]).epsilon(1e-9).margin(1e-9));
    }
}

}  // namespace

TEST_CASE("a checkpoint of GPT-BigCode is the network that its names say") {
    const TemporaryFolder folder;
    TinyGpt tiny;
    tiny.write(folder);
    REQUIRE(is_gpt_checkpoint(folder.path()));
    const GptCheckpoint checkpoint(folder.path());
    CHECK(checkpoint.config().hidden == 64);
    const auto output = run_gpt_reference(checkpoint, text, true);
    check_logits(tiny, output, "transformer.wte.weight");
    REQUIRE(output.blocks.size() == 2);
    CHECK(output.blocks[0].size() == text.size() * 32);
    CHECK(output.blocks[0] != output.blocks[1]);

    SECTION("with a head of its own") {
        tiny.tensors["lm_head.weight"] = tiny.tensors.at("transformer.wte.weight");
        for (auto& value : tiny.tensors["lm_head.weight"].values) value = -0.5F * value + 0.25F;
        tiny.write(folder, TinyGpt::standard_config(R"(, "tie_word_embeddings": false)"));
        check_logits(tiny, run_gpt_reference(GptCheckpoint(folder.path()), text, false), "lm_head.weight");
    }
    SECTION("without the head's prefix of names") {
        TinyGpt bare;
        bare.tensors.clear();
        for (const auto& [name, tensor] : tiny.tensors) {
            bare.tensors[name.substr(std::string("transformer.").size())] = tensor;
        }
        bare.write(folder);
        check_logits(tiny, run_gpt_reference(GptCheckpoint(folder.path()), text, false),
                     "transformer.wte.weight");
    }
}

TEST_CASE("a text of a GPT-BigCode checkpoint under a recipe is near its float64, the wider the nearer") {
    const TemporaryFolder folder;
    TinyGpt().write(folder);
    const GptCheckpoint checkpoint(folder.path());
    const auto reference = run_gpt_reference(checkpoint, text, false);
    const auto sqnr = [&](const char* weights, const char* inputs, bool learned) {
        TransformerRecipe recipe;
        for (auto* layer : {&recipe.qkv, &recipe.proj, &recipe.fc1, &recipe.fc2}) {
            layer->weights.format = number_format(weights);
            layer->activations.format = number_format(inputs);
            layer->weights.sharing = layer->activations.sharing = ScaleSharing::row;
            layer->weights.scale_bits = layer->activations.scale_bits = 32;
            layer->learned_scales = learned;
        }
        const auto output = run_gpt_quantized(checkpoint, recipe, text, true, other_text);
        CHECK(output.blocks.size() == 2);
        return measure_error(reference.logits, output.logits).sqnr_db;
    };
    const auto eight = sqnr("int8", "int8", false);
    const auto four = sqnr("int4", "int8", false);
    CHECK(eight > 30);
    CHECK(four > 5);
    CHECK(four < eight - 10);
    CHECK(sqnr("int4", "int8", true) > 5);
}

TEST_CASE("a checkpoint of GPT-BigCode that is not computed is refused with what is allowed") {
    using Catch::Matchers::Contains;
    const TemporaryFolder folder;
    TinyGpt tiny;
    const auto refusal = [&](const std::string& config) -> std::string {
        tiny.write(folder, config);
        try {
            GptCheckpoint checkpoint(folder.path());
        } catch (const CheckpointError& error) {
            return error.what();
        }
        return "";
    };
    const auto with = [](const std::string& what, const std::string& instead) {
        auto config = TinyGpt::standard_config();
        config.replace(config.find(what), what.size(), instead);
        return config;
    };
    CHECK_THAT(refusal(with("\"multi_query\": true", "\"multi_query\": false")),
               Contains("#/multi_query: false") && Contains("allowed: true"));
    CHECK_THAT(refusal(with("gelu_pytorch_tanh", "gelu")),
               Contains("#/activation_function") && Contains("gelu_pytorch_tanh"));
    CHECK_THAT(refusal(with("1e-05", "1e-06")), Contains("#/layer_norm_epsilon"));
    CHECK_THAT(refusal(with("\"n_head\": 4", "\"n_head\": 5")),
               Contains("#/n_head") && Contains("a divisor"));
    CHECK_THAT(refusal(with("\"n_layer\": 2", "\"n_layer\": 3")), Contains("transformer.h.2."));
    CHECK_THAT(refusal(with("\"n_layer\": 2", "\"n_layer\": 90000000")), Contains("#/n_layer"));
    CHECK_THAT(refusal(with("\"n_inner\": 64", "\"n_inner\": null")), Contains("mlp.c_fc"));
    CHECK_THAT(refusal(with("\"n_embd\": 32, ", "")), Contains("n_embd"));
    CHECK_THAT(refusal(with("\"n_layer\": 2", "\"n_layer\": 1")),
               Contains("#/n_layer: 1 blocks") && Contains("transformer.h.1."));
    tiny.tensors["transformer.h.3.ln_1.bias"] = {{1}, {0}};
    CHECK_THAT(refusal(TinyGpt::standard_config()), Contains("#/n_layer: 2 blocks"));
    tiny.tensors.erase("transformer.h.3.ln_1.bias");
    tiny.tensors["transformer.h.00.ln_1.bias"] = {{1}, {0}};
    CHECK_THAT(refusal(TinyGpt::standard_config()), Contains("#/n_layer: 2 blocks"));
    tiny.tensors.erase("transformer.h.00.ln_1.bias");
    // Masks of attention, as older versions kept them.
    const std::string masks = R"({"transformer.h.0.attn.bias":{"dtype":"BOOL","shape":[1,1,2,2],)"
                              R"("data_offsets":[0,4]}})";
    folder.write("masks.safetensors", test::file_with_header(masks, std::string("\1\0\1\1", 4)));
    CHECK(refusal(TinyGpt::standard_config()).empty());
    const auto tied = [](const std::string& value) {
        return TinyGpt::standard_config(", \"tie_word_embeddings\": " + value);
    };
    CHECK_THAT(refusal(tied("\"no\"")), Contains("#/tie_word_embeddings") && Contains("true, false"));
    CHECK_THAT(refusal(tied("false")), Contains("\"lm_head.weight\" is missing"));
    tiny.tensors["lm_head.weight"] = tiny.tensors.at("transformer.wte.weight");
    CHECK(refusal(tied("true")).empty());
    tiny.tensors["lm_head.weight"].values[5] += 1;
    CHECK_THAT(refusal(TinyGpt::standard_config()),
               Contains("#/tie_word_embeddings: true") && Contains("not the embedding"));
    tiny.tensors["lm_head.weight"] = {{2, 2}, {1, 2, 3, 4}};
    CHECK_THAT(refusal(TinyGpt::standard_config()), Contains("lm_head.weight"));
}

TEST_CASE("a text that a GPT-BigCode network cannot read is refused") {
    const TemporaryFolder folder;
    TinyGpt().write(folder);
    const GptCheckpoint checkpoint(folder.path());
    using Catch::Matchers::Contains;
    CHECK_THROWS_WITH(run_gpt_reference(checkpoint, std::vector<std::int64_t>{1, 40}, false),
                      Contains("token 40 at position 1"));
    CHECK_THROWS_WITH(run_gpt_reference(checkpoint, std::vector<std::int64_t>(21, 1), false),
                      Contains("21 tokens") && Contains("20 positions"));
}
