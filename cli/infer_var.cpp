// SPDX-License-Identifier: Apache-2.0
#include "cli/infer_var.hpp"

#include <filesystem>
#include <iostream>
#include <optional>

#include <nlohmann/json.hpp>

#include "accel/design/parse_transformer_recipe.hpp"
#include "cli/infer_input.hpp"
#include "cli/portable_pixmap.hpp"
#include "models/networks/image_decoder.hpp"
#include "models/networks/var_image.hpp"
#include "models/networks/vector_quantizer.hpp"
#include "models/weights/var_checkpoint.hpp"
#include "sweeps/atomic_file.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

// I64 of any shape, with so many elements to a row.
std::vector<std::vector<std::int64_t>> read_rows(const models::SafetensorsFile& file, const std::string& path,
                                                 const std::string& name, std::int64_t columns) {
    const auto& view = file.tensor(name);
    if (view.type != models::ElementType::i64 || view.elements() == 0 || view.elements() % columns != 0) {
        throw models::SafetensorsError(path + ": tensor \"" + name +
                                       "\" has another type or size; allowed: I64, rows of " +
                                       std::to_string(columns));
    }
    std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(view.elements() / columns));
    for (std::int64_t i = 0; i < view.elements(); ++i) {
        rows[static_cast<std::size_t>(i / columns)].push_back(static_cast<std::int64_t>(view.at(i)));
    }
    return rows;
}

models::Convolution read_phi(const models::CheckpointFolder& files, const std::string& name,
                             std::int64_t width) {
    files.check(name + ".weight", {width, width, 3, 3});
    files.check(name + ".bias", {width});
    return {width, width, 3, files.read(name + ".weight"), files.read(name + ".bias")};
}

models::VectorQuantizer read_quantizer(const models::VarCheckpoint& checkpoint) {
    const auto& files = checkpoint.files();
    const auto& config = checkpoint.config();
    models::VectorQuantizerWeights weights;
    weights.codes = config.codebook;
    weights.width = config.codebook_width;
    files.check("quantize.embedding.weight", {weights.codes, weights.width});
    weights.codebook = files.read("quantize.embedding.weight");
    const std::string phi = "quantize.quant_resi.qresi_ls.";
    do {
        const auto name = phi + std::to_string(weights.phi.size());
        weights.phi.push_back(read_phi(files, name, weights.width));
    } while (files.contains(phi + std::to_string(weights.phi.size()) + ".weight"));
    return {std::move(weights), config.scales};
}

// The decoder, if the checkpoint has one.
std::optional<models::ImageDecoder> read_decoder(const models::CheckpointFolder& files) {
    if (!files.contains("decoder.conv_in.weight")) return std::nullopt;
    models::NamedTensors tensors;
    for (const auto& name : files.names()) {
        if (name.starts_with("decoder.") || name.starts_with("post_quant_conv.")) {
            tensors[name] = {files.tensor(name).shape, files.read(name)};
        }
    }
    try {
        return models::ImageDecoder(std::move(tensors));
    } catch (const std::invalid_argument& error) {
        throw models::CheckpointError(files.folder() + ": " + error.what());
    }
}

std::string ppm_bytes(const models::ImageMap& image) {
    return pixmap_bytes(image.height, image.width, [&](std::int64_t c, std::int64_t y, std::int64_t x) {
        return static_cast<double>(image.at(c, y, x));
    });
}

struct Settings {
    double guidance = 1.5;
    models::VarSampling sampling;
};

Settings read_settings(const po::variables_map& values) {
    Settings settings;
    settings.guidance = values["guidance"].as<double>();
    settings.sampling.top_k = values["top-k"].as<std::int64_t>();
    settings.sampling.top_p = values["top-p"].as<double>();
    settings.sampling.seed = values["seed"].as<std::uint64_t>();
    settings.sampling.greedy = values.count("greedy") > 0;
    if (settings.guidance < 0) throw UsageError("--guidance is negative; allowed: 0 or more");
    if (settings.sampling.top_k < 0) throw UsageError("--top-k is negative; allowed: 0 (all) or more");
    if (settings.sampling.top_p < 0 || settings.sampling.top_p > 1) {
        throw UsageError("--top-p is no share; allowed: 0 (all) to 1");
    }
    return settings;
}

// What all images leave behind.
struct Outputs {
    std::vector<float> logits;
    std::vector<float> codes;
    std::vector<float> images;
    std::vector<std::int64_t> image_shape;
    std::vector<std::vector<float>> blocks;
};

// One image. `given`: codes to go on with instead of sampled ones.
void make_image(models::VarTransformer& transformer, models::VectorQuantizer& quantizer,
                const models::VarConfig& config, const Settings& settings, std::int64_t image_class,
                const std::vector<std::int64_t>* given, bool keep_blocks, Outputs& outputs) {
    transformer.begin(image_class);
    quantizer.begin();
    const auto scales = config.scales.size();
    for (std::size_t scale = 0; scale < scales; ++scale) {
        const auto map = scale == 0 ? std::vector<double>() : quantizer.next_map();
        const auto output = transformer.next_scale(map, keep_blocks);
        const auto guided = models::guided_logits(output.logits, settings.guidance, scale, scales);
        outputs.logits.insert(outputs.logits.end(), guided.begin(), guided.end());
        outputs.blocks.resize(output.blocks.size());
        for (std::size_t i = 0; i < output.blocks.size(); ++i) {
            const auto& block = output.blocks[i];  // with the class: the first half
            outputs.blocks[i].insert(outputs.blocks[i].end(), block.begin(),
                                     block.begin() + static_cast<std::ptrdiff_t>(block.size() / 2));
        }
        std::vector<std::int64_t> codes;
        if (given != nullptr) {
            const auto first = given->begin() + config.tokens_until(scale);
            codes.assign(first, first + config.scale_tokens(scale));
        } else {
            codes = models::sample_codes(guided, config.codebook, settings.sampling, scale);
        }
        outputs.codes.insert(outputs.codes.end(), codes.begin(), codes.end());
        quantizer.add(codes);
    }
}

std::unique_ptr<models::VarTransformer> make_transformer(const models::VarCheckpoint& checkpoint,
                                                         models::VectorQuantizer& quantizer,
                                                         const Settings& settings,
                                                         const po::variables_map& values) {
    if (values.count("recipe") == 0) return models::make_var_reference(checkpoint);
    const auto path = recipe_path(values);
    const auto recipe = accel::load_transformer_recipe(path);
    accel::check_transformer_recipe(recipe, accel::block_of(checkpoint.config()), path.string(), "");
    const bool needed = models::needs_calibration(recipe);
    const auto file = calibration_path(values, recipe.name, needed, "classes of other images");
    if (!file) return models::make_quantized_var(checkpoint, recipe);
    std::vector<models::VarLinearInputs> inputs;
    const auto reference = models::make_var_reference(checkpoint, &inputs);
    Outputs ignored;
    for (const auto& row : read_rows(models::SafetensorsFile(*file), *file, "classes", 1)) {
        make_image(*reference, quantizer, checkpoint.config(), settings, row.front(), nullptr, false,
                   ignored);
    }
    return models::make_quantized_var(checkpoint, recipe, &inputs);
}

}  // namespace

bool is_var_checkpoint(const std::string& folder) {
    const auto document = models::read_checkpoint_config(std::filesystem::path(folder) / "config.json");
    return document.contains("patch_nums");
}

po::options_description var_options() {
    po::options_description options("Options for VAR");
    options.add_options()("guidance", po::value<double>()->default_value(1.5),
                          "classifier-free guidance at the last scale")(
        "top-k", po::value<std::int64_t>()->default_value(900), "sample among the k likeliest codes; 0: all")(
        "top-p", po::value<double>()->default_value(0.96, "0.96"),
        "and among the likeliest that have this share together; 0: all")(
        "seed", po::value<std::uint64_t>()->default_value(1), "of sampling")(
        "greedy", "always take the likeliest code")(
        "image", po::value<std::string>(),
        "write the first image as a portable pixmap (.ppm); of super-resolution, too");
    return options;
}

int infer_var(const po::variables_map& values) {
    const auto settings = read_settings(values);
    const models::VarCheckpoint checkpoint(values["model"].as<std::string>());
    const auto& config = checkpoint.config();
    const auto input_path = values["input"].as<std::string>();
    const models::SafetensorsFile input(input_path);
    const auto classes = read_rows(input, input_path, "classes", 1);
    std::vector<std::vector<std::int64_t>> given;
    if (input.tensors().count("codes") > 0) given = read_rows(input, input_path, "codes", config.tokens());
    if (!given.empty() && given.size() != classes.size()) {
        throw models::SafetensorsError(input_path + ": codes of " + std::to_string(given.size()) +
                                       " images for " + std::to_string(classes.size()) +
                                       " classes; allowed: as many");
    }
    auto quantizer = read_quantizer(checkpoint);
    const auto decoder = read_decoder(checkpoint.files());
    if (values.count("image") > 0 && !decoder) {
        throw UsageError("--image needs the VQVAE's decoder, and the checkpoint has none");
    }
    const auto transformer = make_transformer(checkpoint, quantizer, settings, values);
    Outputs outputs;
    std::string first_image;
    const bool keep_blocks = values.count("all") > 0;
    for (std::size_t i = 0; i < classes.size(); ++i) {
        make_image(*transformer, quantizer, config, settings, classes[i].front(),
                   given.empty() ? nullptr : &given[i], keep_blocks, outputs);
        if (!decoder) continue;
        const auto image = decoder->decode(quantizer.sum());
        if (i == 0) first_image = ppm_bytes(image);
        outputs.images.insert(outputs.images.end(), image.values.begin(), image.values.end());
        outputs.image_shape = {static_cast<std::int64_t>(classes.size()), 3, image.height, image.width};
    }
    const auto count = static_cast<std::int64_t>(classes.size());
    std::map<std::string, models::OutputTensor> tensors;
    tensors["logits"] = {{count, config.tokens(), config.codebook}, outputs.logits};
    tensors["codes"] = {{count, config.tokens()}, outputs.codes};
    if (decoder) tensors["image"] = {outputs.image_shape, outputs.images};
    for (std::size_t i = 0; i < outputs.blocks.size(); ++i) {
        tensors["blocks." + std::to_string(i)] = {{count, config.tokens(), config.width}, outputs.blocks[i]};
    }
    sweeps::write_file_atomically(values["output"].as<std::string>(), models::safetensors_bytes(tensors));
    if (values.count("image") > 0)
        sweeps::write_file_atomically(values["image"].as<std::string>(), first_image);
    std::cout << count << " images of " << config.tokens() << " tokens through " << config.depth << " blocks "
              << arithmetic(values) << "\n";
    return success;
}

}  // namespace tilewright::cli
