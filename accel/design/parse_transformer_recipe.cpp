// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_transformer_recipe.hpp"

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

using models::LinearRecipe;
using models::OperandRecipe;
using models::ScaleSharing;
using nlohmann::json;

namespace {

void parse_format(OperandRecipe& operand, const json& from, const std::string& file,
                  const std::string& pointer) {
    const auto format = [&](const char* key) {
        return models::number_format(from.at(key).get<std::string>());
    };
    const bool plain = from.contains("format");
    const bool negative = from.contains("negative");
    const bool positive = from.contains("positive");
    if (negative != positive || plain == negative) {
        throw ConfigError(file, pointer, "an operand has one format, or one for each sign",
                          "allowed: format, or negative and positive");
    }
    if (plain) {
        operand.format = format("format");
        return;
    }
    operand.dual = models::DualFormat{format("negative"), format("positive")};
    operand.format = operand.dual->positive;
    if (operand.dual->negative.bits != operand.dual->positive.bits) {
        throw ConfigError(file, pointer + "/negative",
                          std::string(operand.dual->negative.name) + " and " +
                              std::string(operand.dual->positive.name) + " are not of the same width",
                          "allowed: two formats of the same width, whose top bit is the sign");
    }
}

LinearRecipe parse_linear(const json& from, const std::string& file, const std::string& pointer) {
    LinearRecipe linear;
    linear.weights = parse_operand(from.at("weights"), file, pointer + "/weights");
    linear.activations = parse_operand(from.at("activations"), file, pointer + "/activations");
    linear.rotation_block = from.value("hadamard_block", std::int64_t{0});
    linear.learned_scales = from.value("learned_scales", false);
    const bool scaled =
        linear.weights.sharing != ScaleSharing::none && linear.activations.sharing != ScaleSharing::none;
    if (linear.learned_scales && !scaled) {
        throw ConfigError(file, pointer + "/learned_scales",
                          "channel scales are learned for formats whose scales follow the data",
                          "allowed: with scales of weights and activations");
    }
    if (linear.activations.dual && linear.weights.format.name == "bf16") {
        throw ConfigError(file, pointer + "/weights/format",
                          "bf16 has no exact sums with inputs of a dual format", "allowed: any other format");
    }
    return linear;
}

struct NamedLinear {
    const char* name;
    LinearRecipe models::TransformerRecipe::*linear;
};
constexpr NamedLinear linears[] = {{"qkv", &models::TransformerRecipe::qkv},
                                   {"proj", &models::TransformerRecipe::proj},
                                   {"fc1", &models::TransformerRecipe::fc1},
                                   {"fc2", &models::TransformerRecipe::fc2}};

void require_divides(std::int64_t group, std::int64_t channels, const std::string& axis,
                     const std::string& file, const std::string& pointer) {
    if (group == 0 || channels % group == 0) return;
    throw ConfigError(file, pointer,
                      std::to_string(group) + " does not divide the " + std::to_string(channels) + " " + axis,
                      "allowed: a divisor");
}

}  // namespace

OperandRecipe parse_operand(const json& from, const std::string& file, const std::string& pointer) {
    OperandRecipe operand;
    parse_format(operand, from, file, pointer);
    const bool scaled = from.contains("scale_per");
    if (scaled != from.contains("scale_bits")) {
        throw ConfigError(file, pointer, "scale_per and scale_bits belong together",
                          "allowed: both, or neither for a format without scales");
    }
    const bool grouped = scaled && from.at("scale_per") == "group";
    if (grouped != from.contains("group_size")) {
        throw ConfigError(file, pointer, "group_size belongs to scale_per \"group\"",
                          "allowed: both, or neither");
    }
    if (operand.dual && !scaled) {
        throw ConfigError(file, pointer, "a dual format has a scale for each sign",
                          "allowed: with scale_per and scale_bits");
    }
    if (!scaled) return operand;
    operand.sharing = grouped ? ScaleSharing::group : ScaleSharing::row;
    if (grouped) operand.group_size = from.at("group_size").get<std::int64_t>();
    operand.scale_bits = from.at("scale_bits").get<int>();
    if (operand.dual && operand.scale_bits != 32) {
        throw ConfigError(file, pointer + "/scale_bits",
                          std::to_string(operand.scale_bits) + " bits for the scales of a dual format",
                          "allowed: 32");
    }
    return operand;
}

models::TieRule parse_rounding(const json& recipe) {
    return choice<models::TieRule>(recipe.value("rounding", json("rne")),
                                   {{"rne", models::TieRule::to_even},
                                    {"half_away", models::TieRule::half_away},
                                    {"half_up", models::TieRule::half_up},
                                    {"half_down", models::TieRule::half_down}});
}

models::TransformerRecipe parse_transformer_recipe(const json& document, const std::string& file,
                                                   const std::string& pointer) {
    models::TransformerRecipe recipe;
    recipe.name = document.at("name").get<std::string>();
    for (const auto& [name, linear] : linears) {
        recipe.*linear = parse_linear(document.at("linears").at(name), file, pointer + "/linears/" + name);
    }
    if (document.contains("kv_cache"))
        recipe.kv_cache = parse_operand(document.at("kv_cache"), file, pointer + "/kv_cache");
    recipe.rotation_seed = document.value("rotation_seed", std::uint64_t{1});
    recipe.ties = parse_rounding(document);
    return recipe;
}

models::TransformerRecipe load_transformer_recipe(const std::filesystem::path& path) {
    return parse_transformer_recipe(read_recipe_file(path, "transformer"), path.string(), "");
}

void check_transformer_recipe(const models::TransformerRecipe& recipe, const TransformerBlock& block,
                              const std::string& file, const std::string& pointer) {
    for (const auto& [name, linear] : linears) {
        const auto& layer = recipe.*linear;
        const auto at = pointer + "/linears/" + name;
        const auto inputs = linear == &models::TransformerRecipe::fc2    ? block.hidden
                            : linear == &models::TransformerRecipe::proj ? block.heads * block.head_dim
                                                                         : block.width;
        const std::string axis = "inputs of " + std::string(name);
        require_divides(layer.weights.group_size, inputs, axis, file, at + "/weights/group_size");
        require_divides(layer.activations.group_size, inputs, axis, file, at + "/activations/group_size");
        require_divides(layer.rotation_block, inputs, axis, file, at + "/hadamard_block");
    }
    if (recipe.kv_cache) {
        require_divides(recipe.kv_cache->group_size, block.head_dim, "channels of a head", file,
                        pointer + "/kv_cache/group_size");
    }
}

}  // namespace tilewright::accel
