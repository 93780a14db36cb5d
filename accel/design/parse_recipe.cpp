// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_recipe.hpp"

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"
#include "models/kernels/hadamard.hpp"

namespace tilewright::accel {

using models::Quantization;
using models::ScaleKind;
using nlohmann::json;

namespace {

Quantization parse_quantization(const json& from, const std::string& file, const std::string& pointer) {
    Quantization result;
    result.format = models::number_format(from.at("format").get<std::string>());
    const bool grouped = from.contains("group_size");
    if (grouped != from.contains("scale") || grouped != from.contains("scale_bits")) {
        throw ConfigError(file, pointer, "group_size, scale and scale_bits belong together",
                          "allowed: all three, or none for a format without scales");
    }
    if (!grouped) {
        if (from.contains("scale_exponent_min")) {
            throw ConfigError(file, pointer + "/scale_exponent_min", "the format has no scales",
                              "allowed: with scale \"power_of_two\" only");
        }
        return result;
    }
    result.group_size = from.at("group_size").get<std::int64_t>();
    result.scale_bits = from.at("scale_bits").get<int>();
    result.scale_kind =
        choice<ScaleKind>(from.at("scale"), {{"floating_point", ScaleKind::floating_point},
                                             {"power_of_two", ScaleKind::power_of_two},
                                             {"sum_of_two_powers", ScaleKind::sum_of_two_powers}});
    const auto refuse_bits = [&](const char* allowed) {
        throw ConfigError(file, pointer + "/scale_bits",
                          std::to_string(result.scale_bits) + " bits do not make such a scale",
                          std::string("allowed: ") + allowed);
    };
    switch (result.scale_kind) {
        case ScaleKind::power_of_two:
            if (result.scale_bits > 8) refuse_bits("1 to 8, the bits of the exponent");
            // With 8 bits the exponents of E8M0; fewer reach up to 2^0 unless the recipe says otherwise.
            result.scale_exponent_min = from.value(
                "scale_exponent_min", result.scale_bits == 8 ? -127 : 1 - (1 << result.scale_bits));
            break;
        case ScaleKind::sum_of_two_powers:
            if (result.scale_bits % 2 != 0 || result.scale_bits > 8)
                refuse_bits("2, 4, 6 or 8, two exponents of half the bits");
            break;
        default:
            if (result.scale_bits != 16 && result.scale_bits != 32) refuse_bits("16 (fp16), 32 (fp32)");
            break;
    }
    return result;
}

void require_divides(const Quantization& quantization, const char* name, std::int64_t channels,
                     const char* axis, const std::string& file, const std::string& pointer) {
    if (quantization.group_size == 0 || channels % quantization.group_size == 0) return;
    throw ConfigError(file, pointer + "/" + name + "/group_size",
                      "groups of " + std::to_string(quantization.group_size) + " do not divide the " +
                          std::to_string(channels) + " " + axis,
                      "allowed: a divisor");
}

}  // namespace

models::Recipe parse_recipe(const json& document, const std::string& file, const std::string& pointer) {
    models::Recipe recipe;
    recipe.name = document.at("name").get<std::string>();
    const auto quantization = [&](const char* key) {
        return parse_quantization(document.at(key), file, pointer + "/" + key);
    };
    recipe.weights = quantization("weights");
    recipe.activations = quantization("activations");
    recipe.convolution = quantization("convolution");
    recipe.state = quantization("state");
    recipe.ssm_intermediate = models::number_format(document.at("ssm_intermediate").get<std::string>());
    recipe.residual = models::number_format(document.at("residual").get<std::string>());
    recipe.residual_fraction_bits = document.value("residual_fraction_bits", 0);
    recipe.ties = choice<models::TieRule>(document.value("rounding", json("rne")),
                                          {{"rne", models::TieRule::to_even},
                                           {"half_away", models::TieRule::half_away},
                                           {"half_up", models::TieRule::half_up},
                                           {"half_down", models::TieRule::half_down}});
    recipe.functions = choice<models::FunctionUnits>(
        document.value("functions", json("exact")),
        {{"tables", models::FunctionUnits::tables}, {"exact", models::FunctionUnits::exact}});
    if (document.contains("rotations")) {
        const auto& rotations = document.at("rotations");
        recipe.rotate_residual = rotations.at("residual") == "merged";
        recipe.online_hadamard = rotations.at("out_proj_input") == "online";
    }
    if (document.contains("smoothing")) recipe.smoothing_alpha = document.at("smoothing").at("alpha");
    for (const auto* key : {"activations", "convolution", "state"}) {
        if (quantization(key).scale_kind == ScaleKind::sum_of_two_powers) {
            throw ConfigError(file, pointer + "/" + key + "/scale",
                              "sums of two powers are found offline, for weights alone",
                              "allowed: floating_point, power_of_two");
        }
    }
    const bool shifts = recipe.convolution.scale_kind == ScaleKind::power_of_two &&
                        recipe.state.scale_kind == ScaleKind::power_of_two;
    if (recipe.ssm_intermediate.family == models::FormatFamily::integer && !shifts) {
        throw ConfigError(file, pointer + "/ssm_intermediate",
                          "integer intermediates of the SSM are aligned by shifts, which needs power-of-two "
                          "scales of convolution and state",
                          "allowed: power_of_two scales, or a floating-point format");
    }
    return recipe;
}

models::Recipe load_recipe(const std::filesystem::path& path) {
    return parse_recipe(read_recipe_file(path, ""), path.string(), "");
}

void check_recipe(const models::Recipe& recipe, const models::MambaConfig& network, const std::string& file,
                  const std::string& pointer) {
    const auto check = [&](const Quantization& quantization, const char* name, std::int64_t channels,
                           const char* axis) {
        require_divides(quantization, name, channels, axis, file, pointer);
    };
    check(recipe.weights, "weights", network.d_model, "channels of d_model");
    check(recipe.weights, "weights", network.d_inner(), "channels of d_inner");
    check(recipe.activations, "activations", network.d_model, "channels of d_model");
    check(recipe.activations, "activations", network.d_inner(), "channels of d_inner");
    check(recipe.convolution, "convolution", network.d_inner(), "channels of d_inner");
    check(recipe.convolution, "convolution", network.d_state, "states");
    check(recipe.state, "state", network.d_inner(), "channels of d_inner");
    const auto rotation = [&](bool wanted, std::int64_t points, const char* axis) {
        if (!wanted || models::find_hadamard_shape(static_cast<std::size_t>(points))) return;
        throw ConfigError(file, pointer + "/rotations",
                          "there is no Hadamard matrix of " + std::to_string(points) + " points, " + axis,
                          "allowed: 1, 12, 20, 28 or 40 times a power of two, or no such rotation");
    };
    rotation(recipe.rotate_residual, network.d_model, "d_model");
    rotation(recipe.online_hadamard, network.d_inner(), "expand * d_model");
}

}  // namespace tilewright::accel
