// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_transformer.hpp"

#include <algorithm>

#include "accel/design/config_error.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/parse_aie.hpp"
#include "accel/design/parse_matrix.hpp"
#include "accel/design/parse_transformer_recipe.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

void parse_engines(const json& from, Design& design, TransformerDesign& transformer) {
    const auto number = [&](const char* engine, const char* key) {
        return from.at(engine).at(key).get<int>();
    };
    parse_matrix(from.at("matrix"), design.matrix);
    transformer.quantizer = {number("quantizer", "lanes"), number("quantizer", "pipeline_cycles")};
    transformer.attention = {number("attention", "inputs"), number("attention", "outputs"),
                             number("attention", "pipeline_cycles")};
    transformer.softmax = {number("softmax", "lanes"), number("softmax", "pipeline_cycles")};
    design.vector = {number("vector", "lanes"), number("vector", "pipeline_cycles")};
    if (from.contains("hadamard")) {
        design.hadamard = {number("hadamard", "points_per_cycle"), number("hadamard", "pipeline_cycles")};
    }
    if (from.contains("aie")) design.aie = parse_aie_engine(from.at("aie"));
}

void parse_attention(const json& document, TransformerDesign& transformer, const std::string& file) {
    if (document.at("mapping").value("attention_engine", json("pl")) == "pl") return;
    const auto& engines = document.at("engines");
    if (!engines.contains("aie_attention")) {
        throw ConfigError(file, "/mapping/attention_engine", "the design has no AI Engines for attention",
                          "allowed: \"pl\", or an engine \"aie_attention\" in /engines");
    }
    transformer.aie_attention = parse_aie_engine(engines.at("aie_attention"));
}

void parse_mapping(const json& from, Design& design, TransformerDesign& transformer) {
    design.mapping.tile.outputs = from.at("tile").at("outputs").get<std::int64_t>();
    transformer.tile_tokens = from.at("tile").at("tokens").get<std::int64_t>();
    if (from.at("tile").contains("feed_forward_rows")) {
        transformer.feed_forward_rows = from.at("tile").at("feed_forward_rows").get<std::int64_t>();
    }
    transformer.pipeline.operators = from.at("pipeline").at("operators").get<bool>();
    transformer.pipeline.matrix = from.at("pipeline").at("matrix").get<bool>();
    design.mapping.double_buffer = from.at("double_buffer").get<bool>();
    parse_linear_engine(from, design);
}

// Tiles of qkv hold whole heads, so that their attention can begin.
void check_tile(const Design& design, const std::string& file) {
    const auto dim = design.transformer()->block.head_dim;
    if (design.mapping.tile.outputs % dim != 0) {
        throw ConfigError(file, "/mapping/tile/outputs",
                          std::to_string(design.mapping.tile.outputs) + " outputs are not whole heads of " +
                              std::to_string(dim) + " channels",
                          "allowed: multiples of " + std::to_string(dim));
    }
    const auto& rows = design.transformer()->feed_forward_rows;
    if (rows && *rows % design.transformer()->tile_tokens != 0) {
        throw ConfigError(file, "/mapping/tile/feed_forward_rows",
                          std::to_string(*rows) + " rows are not whole tiles",
                          "allowed: multiples of " + std::to_string(design.transformer()->tile_tokens));
    }
}

void check_hadamard(const Design& design, const std::string& file) {
    const auto& recipe = design.transformer()->recipe;
    for (const auto* layer : {&recipe.qkv, &recipe.proj, &recipe.fc1, &recipe.fc2}) {
        if (layer->rotation_block == 0 || design.hadamard.points_per_cycle > 0) continue;
        throw ConfigError(file, "/engines/hadamard",
                          "the recipe rotates inputs at run time but there is no Hadamard unit",
                          "allowed: a hadamard engine, or a recipe without rotations");
    }
}

}  // namespace

void parse_transformer(const json& document, Design& design, TransformerDesign& transformer,
                       const std::string& file) {
    transformer.recipe = parse_transformer_recipe(document.at("recipe"), file, "/recipe");
    check_transformer_recipe(transformer.recipe, transformer.block, file, "/recipe");
    transformer.ends = document.at("workload").value("ends", true);
    parse_engines(document.at("engines"), design, transformer);
    parse_mapping(document.at("mapping"), design, transformer);
    parse_attention(document, transformer, file);
    check_tile(design, file);
    check_multipliers(design, file);
    check_hadamard(design, file);
    connect_gmio(design, file);
    check_aie_engine(design, file);
}

}  // namespace tilewright::accel
