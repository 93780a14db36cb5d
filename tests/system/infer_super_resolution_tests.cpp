// SPDX-License-Identifier: Apache-2.0
// Checkpoints of super-resolution networks through the command line.
#include <map>

#include <catch2/catch.hpp>

#include "models/formats/number_format.hpp"
#include "models/networks/quantized_super_resolution.hpp"
#include "models/weights/safetensors.hpp"
#include "models/weights/synthetic_super_resolution.hpp"
#include "program.hpp"

using namespace tilewright;
using namespace tilewright::test;
using Catch::Contains;
using Tensors = std::map<std::string, models::OutputTensor>;

namespace {

const models::SuperResolutionConfig config{"tiny", 2, 6, 2, 3, 4};

// [outputs, 3, 3, inputs] as PyTorch has it, [outputs, inputs, 3, 3].
models::OutputTensor channels_first(const std::vector<float>& taps, std::int64_t outputs,
                                    std::int64_t inputs) {
    models::OutputTensor tensor{{outputs, inputs, 3, 3}, {}};
    for (std::int64_t o = 0; o < outputs; ++o) {
        for (std::int64_t i = 0; i < inputs; ++i) {
            for (std::int64_t t = 0; t < 9; ++t) {
                tensor.values.push_back(taps[static_cast<std::size_t>((o * 9 + t) * inputs + i)]);
            }
        }
    }
    return tensor;
}

Tensors tensors_of(const models::SuperResolutionWeights& weights) {
    const auto c = config.channels;
    const auto h = config.hidden;
    Tensors all;
    const auto convolution = [&](const std::string& name, const models::ConvolutionWeights& of,
                                 std::int64_t outputs, std::int64_t inputs) {
        all[name + ".weight"] = channels_first(of.weights, outputs, inputs);
        all[name + ".bias"] = {{outputs}, of.bias};
    };
    convolution("head.conv", weights.head, c, 3);
    for (std::size_t u = 0; u < weights.units.size(); ++u) {
        const auto at = "body." + std::to_string(u) + ".";
        const auto& unit = weights.units[u];
        all[at + "channel.fc1.weight"] = {{h, c, 1, 1}, unit.fc1};
        all[at + "channel.fc1.bias"] = {{h}, unit.fc1_bias};
        all[at + "channel.fc2.weight"] = {{2 * c, h}, unit.fc2};
        all[at + "channel.fc2.bias"] = {{2 * c}, unit.fc2_bias};
        all[at + "spatial.weight"] = {{1, c, 1, 1}, unit.spatial};
        all[at + "spatial.bias"] = {{1}, unit.spatial_bias};
        all[at + "conv.weight"] = channels_first(unit.convolution, c, c);
    }
    for (std::size_t s = 0; s < weights.upsample.size(); ++s) {
        convolution("upsample." + std::to_string(s) + ".conv", weights.upsample[s], 4 * c, c);
    }
    convolution("tail.conv", weights.tail, 3, c);
    return all;
}

const char* const config_json =
    R"({"family": "super_resolution", "blocks": 2, "channels": 6, "hidden": 2, "scale": 4})";

void write_checkpoint(const Workspace& workspace, const Tensors& tensors,
                      const std::string& json = config_json) {
    workspace.write("config.json", json);
    workspace.write("model.safetensors", models::safetensors_bytes(tensors));
}

// [height, width, colors] as [colors, height, width].
models::OutputTensor as_input(const models::FeatureMap<float>& image) {
    models::OutputTensor tensor{{3, image.size.height, image.size.width}, {}};
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t p = c; p < image.values.size(); p += 3) tensor.values.push_back(image.values[p]);
    }
    return tensor;
}

std::string command(const Workspace& model) {
    return "infer --model " + model.path(".").string() + " --input in.safetensors --output out.safetensors ";
}

}  // namespace

TEST_CASE("infer enlarges images as the reference does, and as the kernels of a recipe bit for bit") {
    const Workspace workspace;
    const Workspace model;
    const auto weights = models::synthetic_super_resolution(config);
    const auto image = models::synthetic_image({5, 7}, 3);
    write_checkpoint(model, tensors_of(weights));
    workspace.write("in.safetensors", models::safetensors_bytes({{"image", as_input(image)}}));
    const auto run = [&](const std::string& options) {
        const auto result = workspace.run(command(model) + options);
        CAPTURE(result.err);
        REQUIRE(result.code == 0);
        CHECK_THAT(result.out, Contains("1 images of 5 x 7 to 20 x 28"));
        models::SafetensorsFile output(workspace.path("out.safetensors"));
        REQUIRE(output.tensor("image").shape == std::vector<std::int64_t>{1, 3, 20, 28});
        return output;
    };
    const auto expected =
        models::super_resolve(config, weights, {image.size, 3, {image.values.begin(), image.values.end()}});
    const auto plain = run("--image out.ppm");
    for (std::int64_t i = 0; i < plain.tensor("image").elements(); ++i) {
        const auto pixel = static_cast<std::size_t>(i % (20 * 28));
        CHECK(plain.tensor("image").at(i) ==
              Approx(expected.values[3 * pixel + static_cast<std::size_t>(i / (20 * 28))]).margin(1e-6));
    }
    CHECK(read_file(workspace.path("out.ppm")).size() ==
          std::string("P6\n28 20\n255\n").size() + 3 * 20 * 28);

    models::SuperResolutionRecipe recipe;
    recipe.weights.format = recipe.activations.format = models::number_format("int8");
    recipe.weights.sharing = recipe.activations.sharing = models::ScaleSharing::row;
    recipe.weights.scale_bits = recipe.activations.scale_bits = 16;
    recipe.feature_map = models::number_format("fp16");
    const auto exact = models::QuantizedSuperResolution(config, weights, recipe).run(image);
    const auto quantized = run("--recipe ebsr-int8-fp16");
    for (std::int64_t i = 0; i < quantized.tensor("image").elements(); ++i) {
        const auto pixel = static_cast<std::size_t>(i % (20 * 28));
        CHECK(static_cast<float>(quantized.tensor("image").at(i)) ==
              exact.values[3 * pixel + static_cast<std::size_t>(i / (20 * 28))]);
    }
}

TEST_CASE("checkpoints and images that are none are refused by name") {
    const Workspace workspace;
    const Workspace model;
    const auto good = tensors_of(models::synthetic_super_resolution(config));
    const auto image = as_input(models::synthetic_image({5, 7}, 3));
    const auto refused = [&](const Tensors& tensors, const models::OutputTensor& input,
                             const std::string& with, const std::string& json = config_json,
                             const std::string& options = "") {
        write_checkpoint(model, tensors, json);
        workspace.write("in.safetensors", models::safetensors_bytes({{"image", input}}));
        const auto result = workspace.run(command(model) + options);
        CHECK(result.code == 2);
        CHECK_THAT(result.err, Catch::StartsWith("tilewright: ") && Contains(with));
    };
    auto without = good;
    without.erase("body.3.spatial.bias");
    refused(without, image, "body.3.spatial.bias");
    auto other = good;
    other["tail.conv.weight"].shape = {6, 3, 3, 3};
    refused(other, image, "tail.conv.weight");
    auto bright = image;
    bright.values[4] = 1.5F;
    refused(good, bright, "0 to 1");
    auto flat = image;
    flat.shape = {105};
    refused(good, flat, "[3, height, width]");
    auto huge = good;
    for (auto& [name, tensor] : huge) {
        for (std::size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] = i % 2 == 0 ? 1e37F : -1e37F;
    }
    refused(huge, image, "no number any more", config_json, "--recipe ebsr-int8-fp16");
    refused(good, image, "power of two",
            R"({"family": "super_resolution", "blocks": 2, "channels": 6, "hidden": 2, "scale": 3})");
    refused(good, image, "#/hidden",
            R"({"family": "super_resolution", "blocks": 2, "channels": 6, "scale": 4})");
    refused(good, image, "--all", config_json, "--all");
    refused(good, image, "lightmamba-w4a4.json#: is no recipe for this kind of network", config_json,
            "--recipe lightmamba-w4a4");
    refused(good, image, "write the same file", config_json, "--image out.safetensors");
    refused(good, image, "a folder that exists", config_json, "--image nowhere/out.ppm");
    CHECK_FALSE(std::filesystem::exists(workspace.path("out.safetensors")));
}
