// SPDX-License-Identifier: Apache-2.0
// Multipliers and adder trees, and the matrix unit of Mamba designs, which is made of them.
#include <algorithm>

#include "accel/cost/lut_multiplier.hpp"
#include "accel/cost/resources.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;
using memory::round_up;

double multiply_add_dsp(const Design& design, const CostConstants& constants) {
    return design.device.dsp_primitive == "DSP58" ? 1
                                                  : constants.fp32_multiply_dsp48 + constants.fp32_add_dsp48;
}

int adder_tree_bits(std::int64_t leaves, int bits) {
    while (leaves > 1) {
        leaves = divide_up(leaves, 2);
        ++bits;
    }
    return bits;
}

std::int64_t adder_tree_lut(const CostConstants& constants, std::int64_t leaves, int bits) {
    double lut = 0;
    while (leaves > 1) {
        const auto adders = leaves / 2;
        lut += static_cast<double>(adders * bits) * constants.adder_lut_per_bit;
        leaves = divide_up(leaves, 2);
        ++bits;
    }
    return round_up(lut);
}

Multipliers multipliers(const MatrixEngine& engine, int bits, double table_lut,
                        const CostConstants& constants) {
    const auto products = engine.macs_per_cycle();
    if (engine.multiplier == MultiplierKind::lut) {
        return {0, static_cast<double>(products) * table_lut, engine.inputs, bits, products};
    }
    if (engine.sums_in_dsp()) {  // a leaf, in the block's own register, is the sum of several
        const auto leaves = divide_up(engine.inputs, engine.products_per_dsp);
        return {engine.outputs * leaves, 0, leaves, adder_tree_bits(engine.products_per_dsp, bits), 0};
    }
    const auto dsp = divide_up(products, engine.products_per_dsp);
    return {dsp, static_cast<double>(products - dsp) * constants.packing_correction_lut, engine.inputs, bits,
            products};
}

namespace {

// Multiply-adds of binary32 in chains, and behind each an adder and its sum. Operands whose exponent has not
// 8 bits get one.
FabricResources floating_matrix_resources(const Design& design, const CostConstants& constants) {
    const auto& engine = design.matrix;
    const auto multipliers = engine.macs_per_cycle();
    const auto exponents = [](const models::NumberFormat& format, std::int64_t operands) {
        constexpr int bits = 8;
        return static_cast<double>(format.exponent_bits == bits ? 0 : operands * bits);
    };
    const auto& weights = design.recipe.weights.format;
    const auto& inputs = design.recipe.activations.format;
    FabricResources use;
    use.dsp = round_up(static_cast<double>(multipliers) * multiply_add_dsp(design, constants));
    use.lut = round_up(engine.outputs * constants.fp32_adder_lut +
                       (exponents(weights, multipliers) + exponents(inputs, engine.inputs)) *
                           constants.adder_lut_per_bit);
    use.ff = multipliers * (weights.bits + inputs.bits) + round_up(engine.outputs * constants.fp32_adder_ff);
    return use;
}

}  // namespace

FabricResources matrix_resources(const Design& design, const CostConstants& constants) {
    if (!design.has_matrix_unit()) return {};
    const auto& engine = design.matrix;
    const auto& recipe = design.recipe;
    int product_bits = recipe.weights.format.bits + recipe.activations.format.bits;
    double table_lut = 0;
    if (models::is_floating(recipe.weights) || models::is_floating(recipe.activations)) {
        if (engine.multiplier == MultiplierKind::dsp) return floating_matrix_resources(design, constants);
        const auto table = lut_multiplier_cost(recipe.weights.format, recipe.activations.format, constants);
        product_bits = table.product_bits + 1;
        table_lut = table.lut;
    } else if (engine.multiplier == MultiplierKind::lut) {
        table_lut =
            integer_multiplier_lut(recipe.weights.format.bits, recipe.activations.format.bits, constants);
    }
    const auto products = multipliers(engine, product_bits, table_lut, constants);
    FabricResources use;
    use.dsp = products.dsp;
    double lut = products.lut;
    // A tree per output and an accumulator behind it.
    const auto tree = adder_tree_lut(constants, products.leaves, products.leaf_bits);
    lut += static_cast<double>(engine.outputs) *
           (static_cast<double>(tree) + engine.accumulator_bits * constants.adder_lut_per_bit);
    // Group scales: a product in a DSP block, or shifts for a sum of two powers of two.
    if (recipe.weights.scale_kind == models::ScaleKind::floating_point) use.dsp += engine.outputs;
    if (recipe.weights.scale_kind == models::ScaleKind::sum_of_two_powers) {
        lut += engine.outputs * constants.shift_scale_lut;
    }
    use.lut = round_up(lut);
    // Registers behind every product, every adder of the tree, and the accumulator.
    use.ff = products.registers * products.leaf_bits +
             static_cast<std::int64_t>(engine.outputs) * (tree + engine.accumulator_bits);
    return use;
}

}  // namespace tilewright::accel
