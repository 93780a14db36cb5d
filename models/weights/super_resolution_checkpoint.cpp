// SPDX-License-Identifier: Apache-2.0
#include "models/weights/super_resolution_checkpoint.hpp"

#include <string>

#include <nlohmann/json.hpp>

#include "models/weights/checkpoint_folder.hpp"

namespace tilewright::models {

namespace {

SuperResolutionConfig read_config(const std::filesystem::path& file) {
    const auto document = read_checkpoint_config(file);
    const ConfigReader reader(document, file.string());
    SuperResolutionConfig config;
    config.name = "super_resolution";
    config.blocks = static_cast<int>(reader.required("blocks"));
    config.channels = reader.required("channels");
    config.hidden = reader.required("hidden");
    config.scale = static_cast<int>(reader.required("scale"));
    config.colors = reader.optional("colors", config.colors);
    try {
        check_super_resolution_config(config);
    } catch (const std::invalid_argument& error) {
        throw CheckpointError(file.string() + "#: " + error.what());
    }
    return config;
}

class Reader {
  public:
    explicit Reader(const std::filesystem::path& folder) : folder_(folder) {}

    std::size_t size() const { return folder_.size(); }

    std::vector<float> tensor(const std::string& name, const std::vector<std::int64_t>& shape) const {
        folder_.check(name, shape, true);
        return folder_.read(name);
    }
    // [outputs, inputs, 3, 3] as [outputs, 3, 3, inputs].
    std::vector<float> taps(const std::string& name, std::int64_t outputs, std::int64_t inputs) const {
        const auto given = tensor(name + ".weight", {outputs, inputs, convolution_side, convolution_side});
        std::vector<float> result(given.size());
        const auto k = static_cast<std::size_t>(inputs);
        const auto t = static_cast<std::size_t>(convolution_taps);
        for (std::size_t i = 0; i < given.size(); ++i) {
            const auto output = i / (k * t);
            result[(output * t + i % t) * k + i / t % k] = given[i];
        }
        return result;
    }
    ConvolutionWeights convolution(const std::string& name, std::int64_t outputs, std::int64_t inputs) const {
        return {taps(name, outputs, inputs), tensor(name + ".bias", {outputs})};
    }

  private:
    CheckpointFolder folder_;
};

}  // namespace

bool is_super_resolution_checkpoint(const std::filesystem::path& folder) {
    return read_checkpoint_config(folder / "config.json").value("family", nlohmann::json()) ==
           "super_resolution";
}

SuperResolutionCheckpoint read_super_resolution_checkpoint(const std::filesystem::path& folder) {
    SuperResolutionCheckpoint checkpoint;
    const auto file = folder / "config.json";
    checkpoint.config = read_config(file);
    const auto& config = checkpoint.config;
    const Reader reader(folder);
    if (static_cast<std::size_t>(config.units()) > reader.size()) {
        throw CheckpointError(file.string() + "#/blocks: " + std::to_string(config.blocks) +
                              " blocks; the files have " + std::to_string(reader.size()) + " tensors");
    }
    const auto c = config.channels;
    const auto h = config.hidden;
    auto& weights = checkpoint.weights;
    weights.head = reader.convolution("head.conv", c, config.colors);
    for (int number = 0; number < config.units(); ++number) {
        const auto at = "body." + std::to_string(number) + ".";
        SuperResolutionUnitWeights unit;
        unit.fc1 = reader.tensor(at + "channel.fc1.weight", {h, c});
        unit.fc1_bias = reader.tensor(at + "channel.fc1.bias", {h});
        unit.fc2 = reader.tensor(at + "channel.fc2.weight", {2 * c, h});
        unit.fc2_bias = reader.tensor(at + "channel.fc2.bias", {2 * c});
        unit.spatial = reader.tensor(at + "spatial.weight", {1, c});
        unit.spatial_bias = reader.tensor(at + "spatial.bias", {1});
        unit.convolution = reader.taps(at + "conv", c, c);
        weights.units.push_back(std::move(unit));
    }
    for (int stage = 0; stage < config.stages(); ++stage) {
        weights.upsample.push_back(
            reader.convolution("upsample." + std::to_string(stage) + ".conv", 4 * c, c));
    }
    weights.tail = reader.convolution("tail.conv", config.colors, c);
    return checkpoint;
}

}  // namespace tilewright::models
