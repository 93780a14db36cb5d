// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/transformer_resources.hpp"

#include <algorithm>
#include <bit>

#include "accel/cost/lut_multiplier.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/schedule/transformer_layout.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;
using memory::round_up;

namespace {

// The widest product and the dearest multiplier that any layer's formats need.
struct Products {
    double lut = 0;
    int bits = 0;
    bool dual = false;
};

Products products_of(const Design& design, const CostConstants& constants) {
    Products products;
    for (const auto& layer : linear_operands_on(design, LinearEngine::pl)) {
        std::vector<models::NumberFormat> inputs = {layer.activations.format};
        if (layer.dual) inputs.push_back(layer.dual->negative);
        for (const auto& format : inputs) {
            const auto multiplier = lut_multiplier_cost(layer.weights.format, format, constants);
            products.lut = std::max(products.lut, multiplier.lut);
            products.bits = std::max(products.bits, multiplier.product_bits);
        }
        products.dual = products.dual || layer.dual.has_value();
    }
    return products;
}

}  // namespace

FabricResources rescale_resources(const Design& design, std::int64_t lanes, const CostConstants& constants) {
    FabricResources use;
    use.lut = round_up(static_cast<double>(lanes) * constants.shift_scale_lut);
    use.ff = lanes * 96;
    use.dsp = lanes * round_up(3 * multiply_add_dsp(design, constants));
    return use;
}

FabricResources stationary_matrix_resources(const Design& design, const CostConstants& constants) {
    const auto& engine = design.matrix;
    const auto products = products_of(design, constants);
    int weight_bits = 0;
    std::int64_t longest = 1;
    for (const auto& layer : linear_operands_on(design, LinearEngine::pl)) {
        weight_bits = std::max(weight_bits, layer.weights.format.bits);
        longest = std::max(longest, rescale_work(layer).segment);
    }
    FabricResources use;
    const auto made = multipliers(engine, products.bits + 1, products.lut, constants);
    use.dsp = made.dsp;
    double lut = made.lut;
    // For each output a tree and an accumulator that holds the sum of a whole segment; twice, where negative
    // and other inputs are summed apart.
    const auto trees = engine.outputs * (products.dual ? 2 : 1);
    const auto tree = adder_tree_lut(constants, made.leaves, made.leaf_bits);
    const auto accumulator = made.leaf_bits + std::bit_width(static_cast<std::uint64_t>(longest));
    lut +=
        static_cast<double>(trees) * (static_cast<double>(tree) + accumulator * constants.adder_lut_per_bit);
    use.lut = round_up(lut);
    // Two sets of weight registers, one in use while the other is filled; registers behind every product and
    // every adder.
    use.ff = 2 * engine.macs_per_cycle() * weight_bits + made.registers * made.leaf_bits +
             trees * (tree + accumulator);
    use += rescale_resources(design, rescale_lanes(design), constants);
    return use;
}

FabricResources quantizer_resources(const Design& design, const QuantizerEngine& engine,
                                    const CostConstants& constants) {
    constexpr int compared_bits = 31;  // the magnitude of a binary32 number
    int bits = 0;
    bool dual = false;
    for (const auto& layer : linear_operands(design)) {
        bits = std::max(bits, layer.activations.format.bits);
        dual = dual || layer.dual.has_value();
    }
    // A comparator takes two bits a LUT; one for the largest magnitude and, as a binary search through the
    // thresholds, one for each bit of the magnitude, each behind a choice of the next threshold.
    const double comparator = compared_bits / 2.0 + 1;
    const double search = (bits - 1) * (comparator + compared_bits);
    const double lane = comparator + compared_bits + search;
    FabricResources use;
    use.lut = round_up(engine.lanes * lane);
    use.ff = round_up(engine.lanes * 2.0 * compared_bits * bits);
    // Thresholds times the scale, one after the other while the group before is rounded; the scale itself.
    use.dsp = round_up((dual ? 2 : 1) * 2 * multiply_add_dsp(design, constants));
    return use;
}

FabricResources transformer_hadamard_resources(const Design& design, const CostConstants& constants) {
    std::int64_t block = 0;
    for (const auto& layer : linear_operands(design)) block = std::max(block, layer.rotation_block);
    if (block == 0 || design.hadamard.points_per_cycle == 0) return {};
    const auto stages = std::bit_width(static_cast<std::uint64_t>(block)) - 1;
    const auto points = static_cast<double>(design.hadamard.points_per_cycle);
    FabricResources use;
    use.lut = round_up(points * stages * constants.fp32_adder_lut);
    use.ff = round_up(points * stages * constants.fp32_adder_ff);
    use.dsp = round_up(points * multiply_add_dsp(design, constants));  // times 1 / sqrt(block)
    use.bram = divide_up(2 * block * 32 * stages, 36 * 1024);          // reordering between stages
    return use;
}

FabricResources transformer_attention_resources(const Design& design, const CostConstants& constants) {
    const auto& engine = design.transformer()->attention;
    const auto& on_aie = design.transformer()->aie_attention;
    FabricResources use;
    std::int64_t multipliers = 0;
    if (on_aie) {
        // What is summed over several native products is added up here, a sum a word of every PLIO.
        const auto lanes = aie_sums_per_cycle(design.device.aie, *on_aie, design.clock_hz);
        use = plio_resources(*on_aie, constants);
        use.lut += round_up(static_cast<double>(lanes) * constants.fp32_adder_lut);
        use.ff += round_up(static_cast<double>(lanes) * constants.fp32_adder_ff);
    } else {
        multipliers = engine.macs_per_cycle();
        use.dsp = round_up(static_cast<double>(multipliers) * multiply_add_dsp(design, constants));
    }
    // Keys and values become binary32 numbers as they enter the registers.
    const auto cache = kv_format(*design.transformer());
    const auto word = transformer_buffer_specification(design, Buffer::state, 1).word_bits;
    if (cache.group_size > 0) {
        const bool integer = cache.format.family == models::FormatFamily::integer;
        const auto significand = cache.format.mantissa_bits + (integer ? 0 : 1);
        const auto lut = round_up(static_cast<double>(divide_up(word, cache.format.bits) * significand) *
                                  constants.dequantizer_lut_per_bit);
        use.lut += lut;
        use.ff += lut;
    }
    use.ff += multipliers * 2 * 32;
    return use;
}

FabricResources transformer_softmax_resources(const Design& design, const CostConstants& constants) {
    const auto lanes = static_cast<double>(design.transformer()->softmax.lanes);
    FabricResources use;
    // Difference, two products of the exponential, sum, product with the reciprocal.
    use.dsp = round_up(5 * lanes * multiply_add_dsp(design, constants));
    use.lut = round_up(lanes * (constants.exponential_lut + 31));
    use.ff = round_up(lanes * (constants.exponential_ff + 5 * 32));
    use.bram = round_up(lanes / 2 * constants.table_bram);
    return use;
}

FabricResources binary32_vector_resources(const Design& design, const CostConstants& constants) {
    const auto lanes = static_cast<double>(design.vector.lanes);
    FabricResources use;
    // Four multiply-adds: mean and variance, modulation, gamma and residual; GELU takes the same ones. Tables
    // for tanh and the reciprocal root.
    use.dsp = round_up(4 * lanes * multiply_add_dsp(design, constants));
    use.lut = round_up(2 * lanes * constants.exponential_lut);
    use.ff = round_up(lanes * (2 * constants.exponential_ff + 4 * 32));
    use.bram = round_up(2 * lanes / 2 * constants.table_bram);
    return use;
}

memory::ScratchpadSpecification transformer_buffer_specification(const Design& design, Buffer buffer,
                                                                 std::int64_t bytes) {
    const auto& transformer = *design.transformer();
    memory::ScratchpadSpecification specification;
    specification.name = to_string(buffer);
    specification.kind = design.buffer(buffer).ram;
    specification.capacity_bytes = bytes;
    specification.ports = design.buffer(buffer).ports;
    const auto& port = design.memory_ports[design.port_of(Stream::state)];
    switch (buffer) {
        case Buffer::weights:
            specification.word_bits = aie_weight_word_bits(design);
            if (design.multiplies_on(LinearEngine::pl)) specification.word_bits += weight_word_bits(design);
            break;
        case Buffer::activations:
            specification.word_bits =
                std::max(32 * std::max<std::int64_t>(design.vector.lanes, transformer.quantizer.lanes),
                         aie_left_word_bits(design));
            break;
        case Buffer::state:
            specification.word_bits = transformer.aie_attention
                                          ? std::max(std::int64_t{port.width_bits} * port.channels,
                                                     right_word_bits(*transformer.aie_attention) / 32 *
                                                         kv_format(transformer).format.bits)
                                          : cache_word_bits(design);
            break;
        case Buffer::intermediates:  // scores are written and read at once
            specification.banks = 2;
            specification.word_bits =
                32 * std::max(transformer.aie_attention ? 0 : transformer.attention.outputs,
                              transformer.softmax.lanes);
            if (transformer.aie_attention) {
                const auto words =
                    aie_placement(*transformer.aie_attention).plio_out * transformer.aie_attention->plio_bits;
                specification.word_bits = std::max(specification.word_bits, words);
            }
            break;
    }
    return specification;
}

}  // namespace tilewright::accel
