// SPDX-License-Identifier: Apache-2.0
#include "cli/infer_super_resolution.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>

#include "accel/design/parse_super_resolution.hpp"
#include "cli/infer_input.hpp"
#include "cli/portable_pixmap.hpp"
#include "models/networks/quantized_super_resolution.hpp"
#include "models/weights/checkpoint_folder.hpp"
#include "models/weights/safetensors.hpp"
#include "models/weights/super_resolution_checkpoint.hpp"
#include "sweeps/atomic_file.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

using Image = models::FeatureMap<double>;
using Network = std::function<Image(const Image&)>;

// Tensor "image": numbers from 0 to 1, [colors, height, width], or several of one size behind each other.
std::vector<Image> read_images(const std::string& path, std::int64_t colors) {
    const models::SafetensorsFile file(path);
    const auto& view = file.tensor("image");
    const auto axes = view.shape.size();
    const bool right = (axes == 3 || axes == 4) && view.elements() > 0 && view.shape[axes - 3] == colors &&
                       models::is_floating(view.type);
    if (!right) {
        throw models::SafetensorsError(
            path + ": tensor \"image\" has another type or shape; allowed: F32, [" + std::to_string(colors) +
            ", height, width] or [N, " + std::to_string(colors) + ", height, width]");
    }
    const models::ImageSize size{view.shape[axes - 2], view.shape[axes - 1]};
    std::vector<Image> images;
    const auto of_one = colors * size.pixels();
    for (std::int64_t begin = 0; begin < view.elements(); begin += of_one) {
        Image image(size, colors);
        for (std::int64_t i = 0; i < of_one; ++i) {
            const auto value = view.at(begin + i);
            if (!(value >= 0 && value <= 1)) {
                throw models::SafetensorsError(path + ": tensor \"image\" has the value " +
                                               std::to_string(value) + "; allowed: 0 to 1");
            }
            const auto color = i / size.pixels();
            image.values[static_cast<std::size_t>(i % size.pixels() * colors + color)] = value;
        }
        images.push_back(std::move(image));
    }
    return images;
}

Network make_network(const models::SuperResolutionCheckpoint& checkpoint, const po::variables_map& values) {
    if (values.count("recipe") == 0) {
        return [&checkpoint](const Image& image) {
            return models::super_resolve(checkpoint.config, checkpoint.weights, image);
        };
    }
    const auto path = recipe_path(values);
    const auto recipe = accel::load_super_resolution_recipe(path);
    accel::check_super_resolution_recipe(recipe, checkpoint.config, path.string(), "");
    const auto network =
        std::make_shared<models::QuantizedSuperResolution>(checkpoint.config, checkpoint.weights, recipe);
    return [network](const Image& image) {
        const auto made = network->run(
            {image.size, image.channels, std::vector<float>(image.values.begin(), image.values.end())});
        return Image(made.size, made.channels, {made.values.begin(), made.values.end()});
    };
}

}  // namespace

int infer_super_resolution(const po::variables_map& values) {
    const auto checkpoint = models::read_super_resolution_checkpoint(values["model"].as<std::string>());
    const auto colors = checkpoint.config.colors;
    if (values.count("image") > 0 && colors != 3) {
        throw UsageError("--image writes three colors, and the network has " + std::to_string(colors));
    }
    const auto network = make_network(checkpoint, values);
    const auto images = read_images(values["input"].as<std::string>(), colors);
    models::OutputTensor output;
    Image first;
    const auto enlarged = [&](const Image& image) {
        try {
            auto large = network(image);
            if (std::all_of(large.values.begin(), large.values.end(),
                            [](double value) { return std::isfinite(value); })) {
                return large;
            }
        } catch (const std::invalid_argument&) {  // what came of two infinities
        }
        throw models::CheckpointError(values["model"].as<std::string>() +
                                      ": its weights are so large that the image is no number any more");
    };
    for (const auto& image : images) {
        const auto large = enlarged(image);
        output.shape = {static_cast<std::int64_t>(images.size()), colors, large.size.height,
                        large.size.width};
        for (std::int64_t c = 0; c < colors; ++c) {
            for (std::int64_t p = 0; p < large.size.pixels(); ++p) {
                output.values.push_back(
                    static_cast<float>(large.values[static_cast<std::size_t>(p * colors + c)]));
            }
        }
        if (first.values.empty()) first = large;
    }
    sweeps::write_file_atomically(values["output"].as<std::string>(),
                                  models::safetensors_bytes({{"image", output}}));
    if (values.count("image") > 0) {
        const auto color = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
            return first.pixel(y, x)[static_cast<std::size_t>(c)];
        };
        sweeps::write_file_atomically(values["image"].as<std::string>(),
                                      pixmap_bytes(first.size.height, first.size.width, color));
    }
    std::cout << images.size() << " images of " << images.front().size.height << " x "
              << images.front().size.width << " to " << first.size.height << " x " << first.size.width << " "
              << arithmetic(values) << "\n";
    return success;
}

}  // namespace tilewright::cli
