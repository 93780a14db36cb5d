// SPDX-License-Identifier: Apache-2.0
// From classes to codes to pixels: VAR as a whole.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include <catch2/catch.hpp>

#include "../weights/tiny_var.hpp"
#include "models/kernels/error_measures.hpp"
#include "models/networks/image_decoder.hpp"
#include "models/networks/quantized_var_ends.hpp"
#include "models/networks/var_image.hpp"
#include "models/networks/var_preparation.hpp"
#include "models/networks/vector_quantizer.hpp"
#include "models/weights/synthetic_var.hpp"

using namespace tilewright::models;
using tilewright::test::TemporaryFolder;
using tilewright::test::tiny_var_config;
using tilewright::test::TinyVar;

namespace {

VectorQuantizer quantizer_of(const TinyVar& tiny) {
    VectorQuantizerWeights weights{24, 4, tiny.tensors.at("quantize.embedding.weight").values, {}};
    for (int i = 0; i < 4; ++i) {
        const auto name = "quantize.quant_resi.qresi_ls." + std::to_string(i);
        weights.phi.push_back(
            {4, 4, 3, tiny.tensors.at(name + ".weight").values, tiny.tensors.at(name + ".bias").values});
    }
    return {weights, {1, 2, 3, 4}};
}

TransformerRecipe unquantized() {
    TransformerRecipe recipe;
    recipe.name = "fp16";
    for (auto* linear : {&recipe.qkv, &recipe.proj, &recipe.fc1, &recipe.fc2}) {
        linear->weights.format = linear->activations.format = number_format("fp16");
    }
    return recipe;
}

}  // namespace

TEST_CASE("matrices that a recipe leaves alone have weights of fp16, the nearest ones") {
    const auto config = tiny_var_config();
    const auto given = synthetic_var_ends(config);
    const auto made = prepare_var_ends(given);
    const auto weights = synthetic_var_block(config);
    const auto block = prepare_var_block(config, weights, unquantized());
    // Eleven bits of significand: the twelfth and those below it are zero, and half of the eleventh is the
    // most that a number may be off (subnormals: half of 2^-24).
    const auto check = [](const std::vector<float>& from, const std::vector<float>& to) {
        REQUIRE(from.size() == to.size());
        std::size_t wrong = 0;
        std::size_t moved = 0;
        for (std::size_t i = 0; i < from.size(); ++i) {
            const bool normal = std::abs(to[i]) >= 0x1p-14F;
            const auto step = normal ? std::exp2(std::ilogb(to[i]) - 10) : 0x1p-24;
            const bool on_grid = normal ? (std::bit_cast<std::uint32_t>(to[i]) & 0x1FFFU) == 0
                                        : std::fmod(to[i], 0x1p-24F) == 0;
            const auto off = std::abs(static_cast<double>(from[i]) - static_cast<double>(to[i]));
            if (!on_grid || off > step / 2) ++wrong;
            if (off > 0) ++moved;
        }
        CHECK(wrong == 0);
        CHECK(moved > from.size() / 2);
    };
    check(given.word, made.word);
    check(given.head_adaln, made.head_adaln);
    check(given.head, made.head);
    check(weights.adaln, block.adaln);
    CHECK(made.word_bias == given.word_bias);
    CHECK(made.classes == given.classes);
    CHECK(block.adaln_bias == weights.adaln_bias);
}

TEST_CASE("ten scales share four convolutions as in the authors' code") {
    const VectorQuantizerWeights weights{
        1, 1, {0}, std::vector<Convolution>(4, {1, 1, 3, std::vector<float>(9), {0}})};
    const VectorQuantizer quantizer(weights, {1, 2, 3, 4, 5, 6, 8, 10, 13, 16});
    // argmin |linspace(1/12, 11/12, 4) - s/9|, evaluated in binary64 by another program; 2/9 and 7/9 lie
    // halfway.
    const std::size_t expected[] = {0, 0, 1, 1, 1, 2, 2, 3, 3, 3};
    for (std::size_t s = 0; s < 10; ++s) CHECK(quantizer.phi_of(s) == expected[s]);
}

TEST_CASE("codes of all scales add up at the last scale's size") {
    const TinyVar tiny;
    auto quantizer = quantizer_of(tiny);
    CHECK(quantizer.next_map().size() == 4);
    const auto& codebook = tiny.tensors.at("quantize.embedding.weight").values;
    const auto phi = [&](std::size_t which, const ImageMap& map) {
        const auto name = "quantize.quant_resi.qresi_ls." + std::to_string(which);
        const auto convolved = convolve(
            {4, 4, 3, tiny.tensors.at(name + ".weight").values, tiny.tensors.at(name + ".bias").values}, map);
        auto result = map;
        for (std::size_t i = 0; i < result.values.size(); ++i) {
            result.values[i] = (map.values[i] + convolved.values[i]) / 2;
        }
        return result;
    };
    const std::vector<std::int64_t> first = {7};
    quantizer.add(first);
    ImageMap flat(4, 4, 4);
    for (std::int64_t c = 0; c < 4; ++c) {
        for (std::int64_t i = 0; i < 16; ++i)
            flat.at(c, i / 4, i % 4) = codebook[static_cast<std::size_t>(7 * 4 + c)];
    }
    const auto after_first = phi(0, flat);
    for (std::size_t i = 0; i < 64; ++i) CHECK(quantizer.sum().values[i] == Approx(after_first.values[i]));
    // The next scale sees means of 2 x 2 pixels, token by token.
    const auto map = quantizer.next_map();
    REQUIRE(map.size() == 16);
    const auto& sum = after_first;
    CHECK(map[1 * 4 + 2] ==
          Approx((sum.at(2, 0, 2) + sum.at(2, 0, 3) + sum.at(2, 1, 2) + sum.at(2, 1, 3)) / 4));
    const std::vector<std::int64_t> second = {0, 23, 5, 5};
    quantizer.add(second);
    ImageMap four(4, 2, 2);
    for (std::int64_t c = 0; c < 4; ++c) {
        for (std::int64_t i = 0; i < 4; ++i) {
            four.at(c, i / 2, i % 2) =
                codebook[static_cast<std::size_t>(second[static_cast<std::size_t>(i)] * 4 + c)];
        }
    }
    const auto added = phi(1, resize_bicubic(four, 4, 4));
    for (std::size_t i = 0; i < 64; ++i) {
        CHECK(quantizer.sum().values[i] == Approx(after_first.values[i] + added.values[i]));
    }
    CHECK_THROWS_AS(quantizer.add(second), std::invalid_argument);
    const std::vector<std::int64_t> unknown(9, 24);
    CHECK_THROWS_AS(quantizer.add(unknown), std::out_of_range);
}

TEST_CASE("the first scale's logits follow from class, start, blocks and head") {
    const TemporaryFolder folder;
    TinyVar().write(folder);
    const VarCheckpoint checkpoint(folder.path());
    const auto config = checkpoint.config();
    const auto ends = checkpoint.ends();
    const auto transformer = make_var_reference(checkpoint);
    transformer->begin(3);
    const auto output = transformer->next_scale({}, true);
    REQUIRE(output.logits.size() == 2 * 24);
    REQUIRE(output.blocks.size() == 2);
    for (const std::size_t half : {0, 1}) {
        const std::size_t row = half == 0 ? 3 : 5;  // no class is the last row
        std::vector<double> condition;
        std::vector<double> x;
        for (std::size_t c = 0; c < 32; ++c) {
            condition.push_back(ends.classes[row * 32 + c]);
            x.push_back(condition.back() + ends.start[c] + (ends.levels[c] + ends.positions[c]));
        }
        for (int layer = 0; layer < 2; ++layer) {
            const auto weights = checkpoint.block(layer);
            VarCache cache;
            var_block(config, weights, var_modulation(config, weights, condition), x, cache);
            for (std::size_t c = 0; c < 32; ++c) {
                CHECK(output.blocks[static_cast<std::size_t>(layer)][half * 32 + c] == Approx(x[c]));
            }
        }
        double mean = 0;
        double variance = 0;
        for (const auto value : x) mean += value / 32;
        for (const auto value : x) variance += (value - mean) * (value - mean) / 32;
        std::vector<double> normed;
        for (std::size_t c = 0; c < 32; ++c) {
            double scale = ends.head_adaln_bias[c];
            double shift = ends.head_adaln_bias[32 + c];
            for (std::size_t k = 0; k < 32; ++k) {
                const auto activated = condition[k] / (1 + std::exp(-condition[k]));
                scale += static_cast<double>(ends.head_adaln[c * 32 + k]) * activated;
                shift += static_cast<double>(ends.head_adaln[(32 + c) * 32 + k]) * activated;
            }
            normed.push_back((x[c] - mean) / std::sqrt(variance + 1e-6) * (1 + scale) + shift);
        }
        for (std::size_t v = 0; v < 24; ++v) {
            double logit = ends.head_bias[v];
            for (std::size_t c = 0; c < 32; ++c)
                logit += static_cast<double>(ends.head[v * 32 + c]) * normed[c];
            CHECK(output.logits[half * 24 + v] == Approx(logit));
        }
    }
    CHECK_THROWS_AS(transformer->begin(5), std::out_of_range);
    CHECK_THROWS_AS(transformer->begin(-1), std::out_of_range);
}

TEST_CASE("in high precision the bit-accurate transformer is near the reference over all scales") {
    const TemporaryFolder folder;
    const TinyVar tiny;
    tiny.write(folder);
    const VarCheckpoint checkpoint(folder.path());
    std::vector<double> logits[2];
    std::vector<VarLinearInputs> inputs;
    const std::unique_ptr<VarTransformer> transformers[] = {make_var_reference(checkpoint, &inputs),
                                                            make_quantized_var(checkpoint, unquantized())};
    for (std::size_t which = 0; which < 2; ++which) {
        auto quantizer = quantizer_of(tiny);
        transformers[which]->begin(1);
        for (std::size_t scale = 0; scale < 4; ++scale) {
            const auto map = scale == 0 ? std::vector<double>() : quantizer.next_map();
            const auto output = transformers[which]->next_scale(map, false);
            logits[which].insert(logits[which].end(), output.logits.begin(), output.logits.end());
            std::vector<std::int64_t> codes((scale + 1) * (scale + 1));
            for (std::size_t i = 0; i < codes.size(); ++i)
                codes[i] = static_cast<std::int64_t>((5 * i + scale) % 24);
            quantizer.add(codes);
        }
        CHECK_THROWS_AS(transformers[which]->next_scale({}, false), std::logic_error);
    }
    CHECK(logits[0].size() == 2 * 30 * 24);
    CHECK(measure_error(logits[0], logits[1]).sqnr_db > 55);
    // Calibration saw the tokens with the class of every block.
    REQUIRE(inputs.size() == 2);
    CHECK(inputs[1].qkv.size() == 30 * 32);
    CHECK(inputs[0].fc2.size() == 30 * 64);
}

TEST_CASE("guidance rises from 0 to its full strength") {
    const std::vector<double> logits = {1, 2, 5, 7};
    CHECK(guided_logits(logits, 1.5, 0, 4) == std::vector<double>{1, 2});
    CHECK(guided_logits(logits, 1.5, 3, 4)[0] == Approx(2.5 * 1 - 1.5 * 5));
    CHECK(guided_logits(logits, 1.5, 1, 4)[1] == Approx(1.5 * 2 - 0.5 * 7));
}

TEST_CASE("sampling keeps to top-k and top-p, repeats itself, and draws as often as the shares say") {
    const std::vector<double> row = {std::log(0.5), std::log(0.25), std::log(0.15), std::log(0.1)};
    std::vector<double> logits;
    constexpr std::size_t draws = 20000;
    for (std::size_t i = 0; i < draws; ++i) logits.insert(logits.end(), row.begin(), row.end());
    const auto counts = [&](const VarSampling& sampling) {
        std::vector<double> count(4);
        for (const auto code : sample_codes(logits, 4, sampling, 0))
            count[static_cast<std::size_t>(code)] += 1.0 / draws;
        return count;
    };
    // Deviations of four standard errors.
    const auto margin = 4 * std::sqrt(0.25 / draws);
    const auto all = counts({false, 0, 0, 1});
    for (std::size_t i = 0; i < 4; ++i) CHECK(all[i] == Approx(std::exp(row[i])).margin(margin));
    const auto two = counts({false, 2, 0, 1});
    CHECK(two[0] == Approx(2.0 / 3).margin(margin));
    CHECK(two[2] + two[3] == 0);
    // 0.1 + 0.15 may go for p = 0.75, but not for p = 0.8.
    CHECK(counts({false, 0, 0.749, 1})[2] == 0);
    CHECK(counts({false, 0, 0.8, 1})[2] > 0.1);
    CHECK(counts({false, 0, 0.8, 1})[3] == 0);
    CHECK(counts({true, 0, 0, 1})[0] == Approx(1));
    CHECK(sample_codes(logits, 4, {false, 0, 0, 9}, 1) == sample_codes(logits, 4, {false, 0, 0, 9}, 1));
    CHECK(sample_codes(logits, 4, {false, 0, 0, 9}, 1) != sample_codes(logits, 4, {false, 0, 0, 9}, 2));
    CHECK(sample_codes(logits, 4, {false, 0, 0, 9}, 1) != sample_codes(logits, 4, {false, 0, 0, 8}, 1));
}

TEST_CASE("the decoder doubles sides once a level but the last and stays within [0, 1]") {
    const TinyVar tiny;
    NamedTensors tensors;
    for (const auto& [name, tensor] : tiny.tensors) tensors[name] = {tensor.shape, tensor.values};
    const ImageDecoder decoder(tensors);
    auto quantizer = quantizer_of(tiny);
    const std::vector<std::int64_t> one = {3};
    quantizer.add(one);
    const auto image = decoder.decode(quantizer.sum());
    CHECK(image.channels == 3);
    CHECK(image.height == 8);
    CHECK(image.width == 8);
    CHECK(*std::min_element(image.values.begin(), image.values.end()) >= 0);
    CHECK(*std::max_element(image.values.begin(), image.values.end()) <= 1);
    CHECK(*std::max_element(image.values.begin(), image.values.end()) >
          *std::min_element(image.values.begin(), image.values.end()));
    tensors.erase("decoder.conv_out.bias");
    CHECK_THROWS_AS(ImageDecoder(tensors), std::invalid_argument);
}

TEST_CASE("attention of the decoder is that of all pixels") {
    // conv_in makes 32 channels of one; everything else passes on: blocks of zero weights add nothing, norms
    // do not count then, and conv_out picks three channels. What is left is attention and the last norm.
    NamedTensors tensors;
    const auto zeros = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
        std::int64_t elements = 1;
        for (const auto size : shape) elements *= size;
        tensors[name] = {shape, std::vector<float>(static_cast<std::size_t>(elements))};
    };
    const auto convolution = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
        zeros(name + ".weight", {outputs, inputs, 1, 1});
        zeros(name + ".bias", {outputs});
    };
    const auto norm = [&](const std::string& name) {
        tensors[name + ".weight"] = {{32}, std::vector<float>(32, 1)};
        zeros(name + ".bias", {32});
    };
    const auto block = [&](const std::string& name) {
        norm(name + ".norm1");
        norm(name + ".norm2");
        convolution(name + ".conv1", 32, 32);
        convolution(name + ".conv2", 32, 32);
    };
    convolution("post_quant_conv", 1, 1);
    tensors["post_quant_conv.weight"].values = {1};
    convolution("decoder.conv_in", 32, 1);
    for (std::size_t c = 0; c < 32; ++c) tensors["decoder.conv_in.weight"].values[c] = c == 0 ? 1 : 0.25F;
    block("decoder.mid.block_1");
    block("decoder.mid.block_2");
    block("decoder.up.0.block.0");
    norm("decoder.mid.attn_1.norm");
    convolution("decoder.mid.attn_1.qkv", 96, 32);
    convolution("decoder.mid.attn_1.proj_out", 32, 32);
    auto& qkv = tensors["decoder.mid.attn_1.qkv.weight"].values;
    for (std::size_t c = 0; c < 32; ++c) {
        qkv[c * 32 + 0] = 0.5F;      // every query channel is half of channel 0
        qkv[(32 + c) * 32 + 1] = 1;  // every key channel is channel 1
        qkv[(64 + c) * 32 + c] = 1;  // values as they are
        tensors["decoder.mid.attn_1.proj_out.weight"].values[c * 32 + c] = 1;
    }
    norm("decoder.norm_out");
    convolution("decoder.conv_out", 3, 32);
    tensors["decoder.conv_out.weight"].values[0] = 0.3F;
    ImageMap sum(1, 1, 3);
    sum.values = {1, 2, -1};
    const auto image = ImageDecoder(tensors).decode(sum);
    // By hand: each channel is a group of its own, so norms give the same three numbers in every channel.
    const auto normalised = [](std::vector<double> x) {
        double mean = 0;
        double variance = 0;
        for (const auto value : x) mean += value / 3;
        for (const auto value : x) variance += (value - mean) * (value - mean) / 3;
        for (auto& value : x) value = (value - mean) / std::sqrt(variance + 1e-6);
        return x;
    };
    const auto n = normalised({1, 2, -1});
    // Keys are of channel 1, a quarter as large before its norm.
    const auto keys = normalised({0.25, 0.5, -0.25});
    std::vector<double> h;
    for (std::size_t i = 0; i < 3; ++i) {
        double total = 0;
        double value = 0;
        for (std::size_t j = 0; j < 3; ++j) {
            const auto share = std::exp(32 * 0.5 * n[i] * keys[j] / std::sqrt(32.0));
            total += share;
            value += share * n[j];
        }
        h.push_back(sum.values[i] + value / total);
    }
    const auto last = normalised(h);
    for (std::size_t i = 0; i < 3; ++i) {
        const auto pixel = 0.3 * static_cast<double>(0.3F) / 0.3 * (last[i] / (1 + std::exp(-last[i])));
        CHECK(image.values[i] == Approx((std::clamp(pixel, -1.0, 1.0) + 1) / 2));
    }
}
