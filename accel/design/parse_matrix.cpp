// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_matrix.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "accel/design/config_error.hpp"
#include "accel/design/json_choice.hpp"
#include "models/kernels/exact_dot.hpp"
#include "models/kernels/lut_multiplier.hpp"

namespace tilewright::accel {

using nlohmann::json;

void parse_matrix(const json& from, MatrixEngine& matrix) {
    matrix.inputs = from.at("inputs").get<int>();
    matrix.outputs = from.at("outputs").get<int>();
    matrix.multiplier = choice<MultiplierKind>(from.at("multiplier"),
                                               {{"dsp", MultiplierKind::dsp}, {"lut", MultiplierKind::lut}});
    matrix.products_per_dsp = from.value("products_per_dsp", 1);
    matrix.tile_drain_cycles = from.at("pipeline_cycles").get<int>();
}

void check_rows_in_pairs(const Design& design, const std::string& file) {
    if (!design.matrix.pairs_rows()) return;
    std::int64_t rows = 2;  // that pass through the unit together, at most
    if (design.is_mamba()) rows = std::min(design.workload.tokens, design.mapping.tile.tokens.value_or(2));
    if (design.gpt) {
        const auto& work = design.gpt->work;
        rows =
            std::min(work.decode ? work.beams : std::min(work.prompt, work.slice), design.gpt->tile_tokens);
    }
    if (rows >= 2) return;
    throw ConfigError(file, "/engines/matrix/products_per_dsp",
                      "4 products in one DSP block are those of two rows and two weights, and here one row "
                      "passes at a time",
                      "allowed: at most 2");
}

void check_multipliers(const Design& design, const std::string& file) {
    const bool dsp = design.matrix.multiplier == MultiplierKind::dsp;
    int widest = 0;
    const auto layers = linear_operands_on(design, LinearEngine::pl);
    if (layers.empty()) return;
    const auto at = [&](const std::string& layer) {
        return design.super_resolution ? std::string("/recipe/convolutions/")
                                       : "/recipe/linears/" + layer + "/";
    };
    for (const auto& layer : layers) {
        const auto check = [&](const models::NumberFormat& format, const std::string& operand) {
            widest = std::max(widest, format.bits);
            const bool integer = format.family == models::FormatFamily::integer;
            if (format.bits <= 8 && (integer || !dsp)) return;
            throw ConfigError(file, at(layer.name) + operand,
                              std::string(format.name) + " cannot be multiplied by a matrix unit of " +
                                  (dsp ? "DSP blocks" : "lookup tables"),
                              dsp ? "allowed: integers of at most 8 bits, or multiplier \"lut\""
                                  : "allowed: formats of at most 8 bits");
        };
        check(layer.weights.format, "weights");
        check(layer.activations.format, "activations");
        if (layer.dual && dsp) check(layer.dual->negative, "activations");
        if (!dsp)
            check_lookup_table(layer.weights.format, layer.activations.format, file,
                               at(layer.name) + "weights");
    }
    if (!dsp) return;
    const bool dual = std::any_of(layers.begin(), layers.end(),
                                  [](const LinearOperands& layer) { return layer.dual.has_value(); });
    check_products_per_dsp(design, widest, !dual, file);
    check_rows_in_pairs(design, file);
}

void check_lookup_table(const models::NumberFormat& weights, const models::NumberFormat& activations,
                        const std::string& file, const std::string& pointer) {
    const auto bits = models::product_format(weights, activations).magnitude_bits;
    if (bits <= models::LutMultiplier::widest_product) return;
    throw ConfigError(file, pointer,
                      fmt::format("products of {} and {} have {} bits, too many for lookup tables",
                                  weights.name, activations.name, bits),
                      fmt::format("allowed: formats whose products have at most {}",
                                  models::LutMultiplier::widest_product));
}

void check_products_per_dsp(const Design& design, int bits, bool summed_together, const std::string& file) {
    const auto products = design.matrix.products_per_dsp;
    std::vector<int> possible = {1};
    if (bits <= 8) possible.push_back(2);
    if (bits <= 8 && summed_together && design.device.dsp_primitive == "DSP58") possible.push_back(3);
    if (bits <= 4) possible.push_back(4);
    if (std::find(possible.begin(), possible.end(), products) != possible.end()) return;
    std::string allowed;
    for (const auto count : possible) allowed += (allowed.empty() ? "" : ", ") + std::to_string(count);
    throw ConfigError(file, "/engines/matrix/products_per_dsp",
                      std::to_string(products) + " products of " + std::to_string(bits) +
                          " bits do not fit one " + design.device.dsp_primitive,
                      "allowed: " + allowed);
}

}  // namespace tilewright::accel
