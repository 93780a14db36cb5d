// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/super_resolution_resources.hpp"

#include <algorithm>

#include "accel/engines/transformer_timing.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

FabricResources binary_resources(const Design& design, const CostConstants& constants) {
    const auto& own = *design.super_resolution;
    const auto gates = own.binary.macs_per_cycle();
    const auto outputs = static_cast<double>(own.binary.outputs);
    const auto counting = static_cast<double>(gates) * constants.popcount_lut_per_bit;
    // Behind each counter an accumulator, and the correction at the border.
    const auto adders = outputs * 2 * own.count_bits() * constants.adder_lut_per_bit;
    FabricResources use;
    use.lut = memory::round_up(counting + adders);
    // Registers of weights, one set in use while the other is filled, and behind every level of the counters.
    use.ff = 2 * gates + use.lut;
    return use;
}

memory::ScratchpadSpecification super_resolution_buffer_specification(const Design& design, Buffer buffer,
                                                                      std::int64_t bytes) {
    const auto& own = *design.super_resolution;
    memory::ScratchpadSpecification specification;
    specification.name = to_string(buffer);
    specification.kind = design.buffer(buffer).ram;
    specification.capacity_bytes = bytes;
    specification.ports = design.buffer(buffer).ports;
    switch (buffer) {
        case Buffer::weights:
            specification.word_bits = aie_weight_word_bits(design) + weight_word_bits(design);
            break;
        case Buffer::activations:
            specification.word_bits =
                std::max(std::int64_t{std::max(design.vector.lanes, own.quantizer.lanes)} *
                             own.recipe.feature_map.bits,
                         aie_left_word_bits(design));
            break;
        case Buffer::state:  // signs: a window that slides along the rows takes three new pixels
            specification.word_bits = models::convolution_side * own.network.channels;
            break;
        case Buffer::intermediates: {  // counts, and rounded inputs of the other convolutions
            const auto inputs = own.recipe.activations.bits();
            specification.banks = 2;
            specification.word_bits =
                std::max<std::int64_t>(std::int64_t{own.binary.outputs} * own.count_bits(),
                                       models::convolution_side * own.network.channels * inputs);
            break;
        }
    }
    return specification;
}

}  // namespace tilewright::accel
