// SPDX-License-Identifier: Apache-2.0
#include "accel/numerics/numerics.hpp"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "models/networks/gpt_error.hpp"
#include "models/networks/mamba_preparation.hpp"
#include "models/networks/quantized_mamba.hpp"
#include "models/networks/super_resolution_error.hpp"
#include "models/networks/var_ablation.hpp"

namespace tilewright::accel {

namespace {

// Operators whose outputs the recipe leaves in the reference's basis; the others are rotated or scaled back
// where that can be done.
bool comparable(const std::string& name, const models::Recipe& recipe) {
    if (name == "norm") return !recipe.rotate_residual && !recipe.smoothing_alpha;  // its scale is merged
    if (name == "gated_norm") return !recipe.smoothing_alpha;
    return true;
}

std::vector<double> rows_rotated_back(const models::QuantizedMamba& network, const std::vector<double>& rows,
                                      std::size_t width) {
    std::vector<double> result;
    for (std::size_t at = 0; at < rows.size(); at += width) {
        const auto row = network.unrotated(std::span(rows).subspan(at, width));
        result.insert(result.end(), row.begin(), row.end());
    }
    return result;
}

models::MambaConfig one_block(models::MambaConfig config) {
    config.layers = 1;
    config.vocabulary = 1;
    return config;
}

// Whether a recipe's groups and rotations divide the inputs of all linear layers of a block.
bool fits(const models::TransformerRecipe& recipe, std::int64_t width, std::int64_t hidden) {
    const auto divides = [](const models::LinearRecipe& layer, std::int64_t inputs) {
        const std::int64_t runs[] = {layer.weights.group_size, layer.activations.group_size,
                                     layer.rotation_block};
        return std::all_of(std::begin(runs), std::end(runs),
                           [&](std::int64_t run) { return run == 0 || inputs % run == 0; });
    };
    return divides(recipe.qkv, width) && divides(recipe.proj, width) && divides(recipe.fc1, width) &&
           divides(recipe.fc2, hidden);
}

// The block that stands for a design's: from a width that one can afford at every start to the first that the
// recipe fits.
models::VarConfig measured_block(const VarDesign& var) {
    constexpr std::int64_t affordable = 128;
    models::VarConfig config;
    config.name = "var block";
    config.depth = 1;
    config.mlp_ratio = var.network.mlp_ratio;
    config.scales = {1, 2, 3, 4, 5};
    const auto dim = var.network.head_dim();
    for (config.heads = std::min(std::max<std::int64_t>(1, affordable / dim), var.network.heads);;
         ++config.heads) {
        config.width = config.heads * dim;
        if (config.heads == var.network.heads || fits(var.recipe, config.width, config.hidden()))
            return config;
    }
}

// Exact sums have accumulators as wide as the widest needs; floating-point adders, of recipes that round
// nothing to codes, count as 64.
int or_floating_point(int required) {
    constexpr int floating_point = 64;
    return required > 0 ? required : floating_point;
}

int accumulator_bits(const TransformerDesign& design) {
    const auto& recipe = design.recipe;
    const auto bits = [&](const models::LinearRecipe& linear, std::int64_t inputs) {
        return or_floating_point(
            models::required_accumulator_bits(models::transformer_kernel(linear, inputs, recipe.ties)));
    };
    const auto width = design.block.width;
    return std::max({bits(recipe.qkv, width), bits(recipe.proj, design.block.heads * design.block.head_dim),
                     bits(recipe.fc1, width), bits(recipe.fc2, design.block.hidden)});
}

Numerics measure_var_numerics(const VarDesign& var, std::uint64_t seed) {
    const auto config = measured_block(var);
    Numerics result;
    result.data = "a block of " + std::to_string(config.width) +
                  " channels over five scales, seeded synthetic weights and activations";
    result.operators = models::var_block_errors(models::make_var_sample(config, seed), var.recipe);
    result.tokens = config.tokens();
    result.seed = seed;
    result.accumulator_bits = result.required_accumulator_bits = accumulator_bits(var);
    return result;
}

nlohmann::json describe(const models::OperandRecipe& operand) {
    return {operand.format.name, operand.dual ? operand.dual->negative.name : "",
            static_cast<int>(operand.sharing), operand.group_size, operand.scale_bits};
}

nlohmann::json describe(const models::LinearRecipe& linear) {
    return {describe(linear.weights), describe(linear.activations), linear.rotation_block,
            linear.learned_scales};
}

nlohmann::json describe(const models::TransformerRecipe& recipe) {
    return {describe(recipe.qkv),
            describe(recipe.proj),
            describe(recipe.fc1),
            describe(recipe.fc2),
            recipe.kv_cache ? describe(*recipe.kv_cache) : nlohmann::json(),
            recipe.rotation_seed,
            static_cast<int>(recipe.ties)};
}

std::string var_numerics_key(const VarDesign& var) {
    const auto config = measured_block(var);
    return nlohmann::json{
        "var", config.width, config.heads, config.mlp_ratio, describe(var.recipe), accumulator_bits(var)}
        .dump();
}

// Two heads of a design's block, or as many as the recipe's groups and rotations divide.
models::GptConfig measured_block(const GptDesign& gpt) {
    models::GptConfig config;
    config.name = "gpt_bigcode block";
    config.layers = 1;
    for (config.heads = std::min<std::int64_t>(2, gpt.block.heads);; ++config.heads) {
        config.width = config.heads * gpt.block.head_dim;
        config.hidden = std::max<std::int64_t>(1, gpt.block.hidden * config.width / gpt.block.width);
        if (config.heads == gpt.block.heads || fits(gpt.recipe, config.width, config.hidden)) return config;
    }
}

Numerics measure_gpt_numerics(const GptDesign& gpt, std::uint64_t seed) {
    constexpr std::int64_t tokens = 32;
    const auto config = measured_block(gpt);
    Numerics result;
    result.data = "a block of " + std::to_string(config.width) + " channels over a text of " +
                  std::to_string(tokens) + " tokens, seeded synthetic weights and activations";
    result.operators = models::gpt_block_errors(config, gpt.recipe, tokens, seed);
    result.tokens = tokens;
    result.seed = seed;
    result.accumulator_bits = result.required_accumulator_bits = accumulator_bits(gpt);
    return result;
}

std::string gpt_numerics_key(const GptDesign& gpt) {
    const auto config = measured_block(gpt);
    return nlohmann::json{"gpt_bigcode", config.width,         config.heads,
                          config.hidden, describe(gpt.recipe), accumulator_bits(gpt)}
        .dump();
}

// A design's network on as many pixels and blocks as one can afford at every start: the products of binary64
// take most of the time.
struct MeasuredNetwork {
    models::SuperResolutionConfig config;
    models::ImageSize image;
};
MeasuredNetwork measured_network(const SuperResolutionDesign& design) {
    constexpr std::int64_t most = 300'000'000;
    constexpr std::int64_t most_channels = 256;
    MeasuredNetwork measured{design.network, {12, 12}};
    auto& channels = measured.config.channels;
    const auto divides = [&](const models::OperandRecipe& operand, std::int64_t count) {
        return operand.group_size == 0 || count % operand.group_size == 0;
    };
    while (channels > most_channels && channels % 2 == 0 && divides(design.recipe.weights, channels / 2) &&
           divides(design.recipe.activations, channels / 2)) {
        channels /= 2;
    }
    measured.config.hidden = std::min(measured.config.hidden, channels);
    measured.config.scale = std::min(measured.config.scale, 4);  // further doublings are alike
    const auto products = [&measured] {
        const auto sum = models::super_resolution_totals(
            models::build_super_resolution_graph(measured.config, measured.image));
        return sum.binary_macs + sum.convolution_macs;
    };
    auto& blocks = measured.config.blocks;
    while (blocks > 2 && products() > most) blocks = (blocks + 1) / 2;
    auto& image = measured.image;
    while (image.height > 4 && products() > most) image = {image.height - 1, image.width - 1};
    return measured;
}

// Of the convolutions in codes; counts of the binary ones need fewer.
int accumulator_bits(const SuperResolutionDesign& design) {
    const auto& recipe = design.recipe;
    const auto bits = [&](std::int64_t channels) {
        constexpr std::int64_t taps = 9;
        constexpr int exact = 64;
        return or_floating_point(
            models::QuantizedLinear(models::row_quantization(recipe.weights, taps * channels),
                                    models::row_quantization(recipe.activations, channels), taps * channels,
                                    exact, recipe.ties)
                .required_accumulator_bits());
    };
    return std::max(bits(design.network.colors), bits(design.network.channels));
}

Numerics measure_super_resolution_numerics(const SuperResolutionDesign& design, std::uint64_t seed) {
    const auto [config, image] = measured_network(design);
    const auto error = models::super_resolution_error(config, design.recipe, image, seed);
    Numerics result;
    result.data = std::to_string(config.blocks) + " blocks of " + std::to_string(config.channels) +
                  " channels on an image of " + std::to_string(image.height) + " x " +
                  std::to_string(image.width) + ", seeded synthetic weights";
    result.operators = error.operators;
    result.peak_signal_to_noise_db = error.peak_signal_to_noise_db;
    result.differing_signs = error.differing_signs;
    result.tokens = image.pixels();
    result.seed = seed;
    result.accumulator_bits = result.required_accumulator_bits = accumulator_bits(design);
    return result;
}

std::string super_resolution_numerics_key(const SuperResolutionDesign& design) {
    const auto [config, image] = measured_network(design);
    const auto& recipe = design.recipe;
    return nlohmann::json{"super_resolution",
                          config.blocks,
                          config.channels,
                          config.hidden,
                          config.colors,
                          config.scale,
                          image.height,
                          describe(recipe.weights),
                          describe(recipe.activations),
                          recipe.feature_map.name,
                          static_cast<int>(recipe.ties),
                          accumulator_bits(design)}
        .dump();
}

}  // namespace

std::string network_key(const models::MambaConfig& network) {
    return nlohmann::json{static_cast<int>(network.version),
                          network.d_model,
                          network.d_state,
                          network.expand,
                          network.head_dim,
                          network.groups,
                          network.convolution_width}
        .dump();
}

std::string numerics_key(const Design& design) {
    if (design.var) return var_numerics_key(*design.var);
    if (design.gpt) return gpt_numerics_key(*design.gpt);
    if (design.super_resolution) return super_resolution_numerics_key(*design.super_resolution);
    const auto& recipe = design.recipe;
    const auto describe = [](const models::Quantization& quantization) {
        return nlohmann::json{quantization.format.name, quantization.group_size,
                              static_cast<int>(quantization.scale_kind), quantization.scale_bits,
                              quantization.scale_exponent_min};
    };
    const nlohmann::json key = {
        network_key(design.network),
        describe(recipe.weights),
        describe(recipe.activations),
        describe(recipe.convolution),
        describe(recipe.state),
        recipe.ssm_intermediate.name,
        recipe.residual.name,
        recipe.residual_fraction_bits,
        static_cast<int>(recipe.ties),
        static_cast<int>(recipe.functions),
        recipe.rotate_residual,
        recipe.online_hadamard,
        recipe.smoothing_alpha.value_or(-1),
        design.matrix.accumulator_bits,
    };
    return key.dump();
}

NumericsSubject::NumericsSubject(const models::MambaConfig& network, std::int64_t tokens, std::uint64_t seed)
    : config_(one_block(network)),
      tokens_(tokens),
      seed_(seed),
      weights_(config_, seed, models::ElementType::bf16),
      stream_(models::synthetic_residual(config_, tokens, seed)) {
    const models::MambaReference reference(weights_);
    auto state = reference.initial_state();
    auto residual = stream_;
    constexpr std::int64_t chunk = 256;
    reference.run_blocks(residual, state, models::ScanForm::recurrent, chunk, &expected_);
}

Numerics NumericsSubject::measure(const Design& design) const {
    const auto& config = config_;
    // Calibration sees other tokens than those that are measured.
    std::vector<models::LinearInputs> calibration(1);
    if (design.recipe.smoothing_alpha) {
        constexpr std::int64_t calibration_tokens = 16;
        const models::MambaReference reference(weights_);
        auto other_stream = models::synthetic_residual(config, calibration_tokens, seed_ + 1);
        auto other_state = reference.initial_state();
        calibration = reference.run_blocks(other_stream, other_state);
    }

    const models::QuantizedMamba network(config, design.recipe, design.matrix.accumulator_bits);
    const auto block = models::prepare_block(weights_, design.recipe, 0, calibration.data());
    auto state = network.operators().initial_state();
    models::BlockTaps taps;
    const auto width = static_cast<std::size_t>(config.d_model);
    for (std::size_t t = 0; t < static_cast<std::size_t>(tokens_); ++t) {
        auto row = network.rotated(std::span(stream_).subspan(t * width, width));
        network.block(block, row, state, &taps);
    }
    for (const auto* name : {"out_proj", "block"}) {
        taps.outputs[name] = rows_rotated_back(network, taps.outputs[name], width);
    }
    Numerics result;
    result.data = "one full-width block, seeded synthetic weights and activations";
    result.tokens = tokens_;
    result.seed = seed_;
    const auto required = std::max(network.in_proj().required_accumulator_bits(),
                                   network.out_proj().required_accumulator_bits());
    result.required_accumulator_bits = or_floating_point(required);
    result.accumulator_bits =
        required > 0 ? design.matrix.accumulator_bits : result.required_accumulator_bits;
    std::vector<std::string> names = {"norm", "in_proj",    "conv1d",   "dt",   "scan",
                                      "gate", "gated_norm", "out_proj", "block"};
    std::erase_if(names, [&](const std::string& name) { return !comparable(name, design.recipe); });
    result.operators = models::operator_errors(expected_[0], taps, names);
    return result;
}

Numerics measure_numerics(const Design& design, std::int64_t tokens, std::uint64_t seed) {
    if (design.var) return measure_var_numerics(*design.var, seed);
    if (design.gpt) return measure_gpt_numerics(*design.gpt, seed);
    if (design.super_resolution) return measure_super_resolution_numerics(*design.super_resolution, seed);
    return NumericsSubject(design.network, tokens, seed).measure(design);
}

}  // namespace tilewright::accel
