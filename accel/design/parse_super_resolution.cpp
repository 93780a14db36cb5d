// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_super_resolution.hpp"

#include <bit>

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/parse_aie.hpp"
#include "accel/design/parse_matrix.hpp"
#include "accel/design/parse_transformer_recipe.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

models::SuperResolutionConfig parse_super_resolution_network(const json& from, const std::string& file) {
    models::SuperResolutionConfig network;
    network.name = from.at("name").get<std::string>();
    network.blocks = from.at("blocks").get<int>();
    network.channels = from.at("channels").get<std::int64_t>();
    network.hidden = from.at("hidden").get<std::int64_t>();
    network.colors = from.value("colors", network.colors);
    network.scale = from.at("scale").get<int>();
    if (!std::has_single_bit(static_cast<unsigned>(network.scale))) {
        throw ConfigError(file, "/network/scale", std::to_string(network.scale) + " is not made of doublings",
                          "allowed: 2, 4, 8 and so on");
    }
    return network;
}

models::SuperResolutionRecipe parse_super_resolution_recipe(const json& from, const std::string& file,
                                                            const std::string& pointer) {
    models::SuperResolutionRecipe recipe;
    recipe.name = from.at("name").get<std::string>();
    const auto& convolutions = from.at("convolutions");
    const auto at = pointer + "/convolutions/";
    recipe.weights = parse_operand(convolutions.at("weights"), file, at + "weights");
    recipe.activations = parse_operand(convolutions.at("activations"), file, at + "activations");
    if (recipe.activations.dual) {
        throw ConfigError(file, at + "activations/negative", "a convolution has one format for both signs",
                          "allowed: format alone");
    }
    recipe.feature_map = models::number_format(from.at("feature_map").get<std::string>());
    recipe.ties = parse_rounding(from);
    return recipe;
}

}  // namespace

models::SuperResolutionRecipe load_super_resolution_recipe(const std::filesystem::path& path) {
    return parse_super_resolution_recipe(read_recipe_file(path, "super_resolution"), path.string(), "");
}

// Scales belong to whole taps of a pixel.
void check_super_resolution_recipe(const models::SuperResolutionRecipe& recipe,
                                   const models::SuperResolutionConfig& network, const std::string& file,
                                   const std::string& pointer) {
    const auto check = [&](const models::OperandRecipe& operand, const char* name) {
        for (const auto channels : {network.colors, network.channels}) {
            if (operand.group_size == 0 || channels % operand.group_size == 0) continue;
            throw ConfigError(file, pointer + "/convolutions/" + name + "/group_size",
                              "groups of " + std::to_string(operand.group_size) + " do not divide " +
                                  std::to_string(channels) + " channels of a pixel",
                              "allowed: a divisor, or a scale for each row");
        }
    };
    check(recipe.weights, "weights");
    check(recipe.activations, "activations");
}

void parse_super_resolution(const json& document, Design& design, const std::string& file) {
    auto& own = design.super_resolution.emplace();
    own.network = parse_super_resolution_network(document.at("network"), file);
    own.recipe = parse_super_resolution_recipe(document.at("recipe"), file, "/recipe");
    check_super_resolution_recipe(own.recipe, own.network, file, "/recipe");
    const auto& workload = document.at("workload");
    own.image = {workload.at("height").get<std::int64_t>(), workload.at("width").get<std::int64_t>()};
    const auto& engines = document.at("engines");
    const auto number = [&](const char* engine, const char* key) {
        return engines.at(engine).at(key).get<int>();
    };
    parse_matrix(engines.at("matrix"), design.matrix);
    own.binary = {number("binary", "inputs"), number("binary", "outputs"),
                  number("binary", "pipeline_cycles")};
    own.quantizer = {number("quantizer", "lanes"), number("quantizer", "pipeline_cycles")};
    design.vector = {number("vector", "lanes"), number("vector", "pipeline_cycles")};
    if (engines.contains("aie")) design.aie = parse_aie_engine(engines.at("aie"));
    const auto& mapping = document.at("mapping");
    own.tile_rows = mapping.at("tile").at("rows").get<std::int64_t>();
    own.feature_maps = choice<FeatureMaps>(
        mapping.at("feature_maps"), {{"on_chip", FeatureMaps::on_chip}, {"memory", FeatureMaps::memory}});
    design.mapping.double_buffer = mapping.at("double_buffer").get<bool>();
    parse_linear_engine(mapping, design);
    check_multipliers(design, file);
    connect_gmio(design, file);
    check_aie_engine(design, file);
}

}  // namespace tilewright::accel
