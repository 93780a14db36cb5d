// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/resources.hpp"

#include <algorithm>
#include <utility>

#include "accel/cost/super_resolution_resources.hpp"
#include "accel/cost/transformer_resources.hpp"
#include "accel/engines/timing.hpp"
#include "accel/engines/transformer_timing.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;
using memory::round_up;

FabricResources plio_resources(const AieMapping& mapping, const CostConstants& constants) {
    const auto placement = aie_placement(mapping);
    const auto movers = static_cast<double>(placement.plio_in + placement.plio_out);
    return {round_up(movers * constants.plio_mover_lut), round_up(movers * constants.plio_mover_ff), 0,
            round_up(movers * constants.plio_mover_bram), 0};
}

FabricResources aie_resources(const Design& design, const CostConstants& constants) {
    if (!design.uses_aie()) return {};
    // A PLIO brings so many sums a cycle of the fabric.
    const auto lanes = aie_sums_per_cycle(design.device.aie, *design.aie, design.clock_hz);
    auto use = plio_resources(*design.aie, constants);
    const bool floating = aie_operands(design.aie->precision).floating;
    const auto adder_bits = static_cast<double>(design.matrix.accumulator_bits);
    double lut = static_cast<double>(lanes) *
                 (floating ? constants.fp32_adder_lut : adder_bits * constants.adder_lut_per_bit);
    use.ff += round_up(static_cast<double>(lanes) * (floating ? constants.fp32_adder_ff : adder_bits));
    if (!design.is_mamba()) {
        use.lut += round_up(lut);
        use += rescale_resources(design, aie_rescale_lanes(design), constants);
        return use;
    }
    const auto scales = design.recipe.weights.scale_kind;
    if (scales == models::ScaleKind::floating_point) use.dsp = lanes;
    if (scales == models::ScaleKind::sum_of_two_powers) {
        lut += static_cast<double>(lanes) * constants.shift_scale_lut;
    }
    use.lut += round_up(lut);
    return use;
}

FabricResources ssm_resources(const Design& design, const CostConstants& constants) {
    if (design.mapping.unroll == Unroll::none) return {};
    const auto lanes = static_cast<double>(design.ssm.lanes());
    // Units with one multiplier a lane: dt A (with the exponential), dt B, (dt B) x, A h, h C; the sum has
    // none.
    FabricResources use;
    // In floating point a product and a sum each take a block, of DSP48E2 those of both.
    const double dsp_per_multiply =
        models::is_floating(design.recipe.state) ? std::max(2.0, multiply_add_dsp(design, constants)) : 1;
    use.dsp = round_up(5 * dsp_per_multiply * lanes);
    double lut = 4 * constants.element_multiply_lut + constants.exponential_lut + constants.c_buffer_lut +
                 constants.adder_lut_per_bit * design.recipe.ssm_intermediate.bits;
    double ff = 4 * constants.element_multiply_ff + constants.exponential_ff + constants.c_buffer_ff +
                design.recipe.ssm_intermediate.bits;
    if (!models::is_floating(design.recipe.state)) {
        // dt B, h along channels, h along the state, y.
        lut += 4 * constants.quantizer_lut;
        ff += 4 * constants.quantizer_ff;
    }
    use.lut = round_up(lanes * lut);
    use.ff = round_up(lanes * ff);
    use.bram = round_up(lanes / 2 * constants.table_bram);
    return use;
}

FabricResources hadamard_resources(const Design& design, const CostConstants& constants) {
    if (design.mapping.unroll == Unroll::none || !design.recipe.online_hadamard) return {};
    const auto factors = hadamard_factors(design.network.d_inner());
    const auto points = design.hadamard.points_per_cycle;
    const int input_bits =
        8;  // the gated norm's output before quantization, as the SSM's other 8-bit outputs
    FabricResources use;
    double lut = 0;
    for (int stage = 0; stage < factors.stages; ++stage) {
        lut += static_cast<double>(points) * (input_bits + stage + 1) * constants.adder_lut_per_bit;
    }
    const int butterfly_bits = input_bits + factors.stages;
    if (factors.core > 1) {
        // Every core output adds up `points` signed inputs a cycle and accumulates.
        const auto tree = adder_tree_lut(constants, points, butterfly_bits);
        lut += static_cast<double>(factors.core) * (static_cast<double>(tree) + butterfly_bits + 6);
    }
    use.lut = round_up(lut);
    use.ff = use.lut;  // one register behind every adder bit
    // Double-buffered points between the two passes.
    use.bram = divide_up(2 * design.network.d_inner() * butterfly_bits, 36 * 1024);
    return use;
}

FabricResources vector_resources(const Design& design, const CostConstants& constants) {
    const auto lanes = static_cast<double>(design.vector.lanes);
    // A lane: square and scale (norm), four taps (convolution), gate, and the D x of the skip: 8 multipliers;
    // tables for SiLU, softplus and the reciprocal root; one quantizer; a 32-bit residual adder.
    FabricResources use;
    const auto multipliers = 4 + design.network.convolution_width;
    use.dsp =
        round_up(lanes * static_cast<double>(multipliers) *
                 (models::is_floating(design.recipe.convolution) ? multiply_add_dsp(design, constants) : 1));
    use.lut = round_up(lanes * (static_cast<double>(multipliers) * constants.element_multiply_lut +
                                2 * constants.exponential_lut + constants.quantizer_lut +
                                design.recipe.residual.bits * constants.adder_lut_per_bit));
    use.ff = round_up(lanes *
                      (static_cast<double>(multipliers) * constants.element_multiply_ff +
                       2 * constants.exponential_ff + constants.quantizer_ff + design.recipe.residual.bits));
    use.bram = round_up(3 * lanes / 2 * constants.table_bram);
    if (design.mapping.unroll == Unroll::none) {
        // The lanes also carry the SSM's exponential and its requantization.
        use.lut += round_up(lanes * (constants.exponential_lut + 3 * constants.quantizer_lut));
        use.ff += round_up(lanes * (constants.exponential_ff + 3 * constants.quantizer_ff));
    }
    return use;
}

FabricResources port_resources(const MemoryPort& port, const CostConstants& constants) {
    if (port.gmio > 0) return {};  // between the NoC and the array, past the fabric
    const auto units = static_cast<double>(port.width_bits) / 256 * port.channels;
    return {round_up(units * constants.axi_port_lut), round_up(units * constants.axi_port_ff), 0,
            round_up(units * constants.axi_port_bram), 0};
}

std::int64_t right_word_bits(const AieMapping& mapping) {
    return mapping.right_streams().plio * mapping.plio_bits;
}

std::int64_t aie_left_word_bits(const Design& design) {
    return design.uses_aie() ? design.aie->left_streams().plio * design.aie->plio_bits : 0;
}

std::int64_t aie_weight_word_bits(const Design& design) {
    if (!design.uses_aie()) return 0;
    return design.aie->weight_gmio > 0 ? 32 * design.aie->weight_gmio : right_word_bits(*design.aie);
}

memory::ScratchpadSpecification buffer_specification(const Design& design, Buffer buffer,
                                                     std::int64_t bytes) {
    if (design.transformer() != nullptr) return transformer_buffer_specification(design, buffer, bytes);
    if (design.super_resolution) return super_resolution_buffer_specification(design, buffer, bytes);
    memory::ScratchpadSpecification specification;
    specification.name = to_string(buffer);
    specification.kind = design.buffer(buffer).ram;
    specification.capacity_bytes = bytes;
    specification.ports = design.buffer(buffer).ports;
    const auto ssm_lanes = design.mapping.unroll == Unroll::none ? design.vector.lanes : design.ssm.lanes();
    switch (buffer) {
        case Buffer::weights:
            specification.word_bits = aie_weight_word_bits(design);
            if (design.multiplies_on(LinearEngine::pl)) {
                specification.word_bits += design.matrix.macs_per_cycle() * design.recipe.weights.format.bits;
            }
            break;
        case Buffer::activations:
            specification.word_bits = 0;
            if (design.multiplies_on(LinearEngine::pl)) {
                specification.word_bits +=
                    std::int64_t{design.matrix.inputs} * design.recipe.activations.format.bits;
            }
            specification.word_bits += aie_left_word_bits(design);
            specification.word_bits =
                std::max(specification.word_bits,
                         std::int64_t{design.vector.lanes} * design.recipe.convolution.format.bits);
            break;
        case Buffer::state:
            specification.word_bits = ssm_lanes * design.recipe.state.format.bits;
            break;
        case Buffer::intermediates:
            // B x, A h, h and h C are written and read by different units at once.
            specification.banks = 4;
            specification.word_bits = ssm_lanes * design.recipe.ssm_intermediate.bits;
            break;
    }
    return specification;
}

bool ResourceUse::fits(const FabricResources& available) const {
    return overflow(available).empty();
}

namespace {

constexpr std::pair<const char*, std::int64_t FabricResources::*> primitive_kinds[] = {
    {"LUT", &FabricResources::lut},   {"FF", &FabricResources::ff},     {"DSP", &FabricResources::dsp},
    {"BRAM", &FabricResources::bram}, {"URAM", &FabricResources::uram},
};

}  // namespace

std::string ResourceUse::overflow(const FabricResources& available) const {
    std::string text;
    for (const auto& [name, kind] : primitive_kinds) {
        if (total.*kind <= available.*kind) continue;
        text += (text.empty() ? "" : ", ") + std::to_string(total.*kind) + " " + name + " of " +
                std::to_string(available.*kind);
    }
    return text;
}

std::string ResourceUse::most_of_overflow(const FabricResources& available) const {
    std::string text;
    for (const auto& [name, kind] : primitive_kinds) {
        if (total.*kind <= available.*kind) continue;
        const auto most = std::max_element(
            components.begin(), components.end(),
            [kind = kind](const auto& a, const auto& b) { return a.second.*kind < b.second.*kind; });
        text += (text.empty() ? "most " : ", most ") + std::string(name) + ": " + most->first + " " +
                std::to_string(most->second.*kind);
    }
    return text;
}

memory::ScratchpadSpecification vectors_specification(const Design& design) {
    const auto& network = design.network;
    const auto layer =
        network.d_model + network.d_inner() + network.convolution_channels() + 3 * network.heads();
    constexpr std::int64_t element_bytes = 2;
    memory::ScratchpadSpecification specification;
    specification.name = "vectors";
    specification.kind = design.vectors_ram;
    specification.capacity_bytes =
        element_bytes * (network.layers * layer + (design.workload.lm_head ? network.d_model : 0));
    specification.word_bits = 8 * element_bytes * design.vector.lanes;
    return specification;
}

ResourceUse design_resources(const Design& design, const std::array<std::int64_t, buffer_count>& buffer_bytes,
                             const CostConstants& constants) {
    ResourceUse use;
    const auto copies = design.mapping.unroll == Unroll::full ? std::int64_t{design.blocks()} : 1;
    const auto add = [&](const std::string& name, const FabricResources& one, std::int64_t count) {
        use.components.emplace_back(name, one * count);
        use.total += use.components.back().second;
    };
    if (design.has_matrix_unit()) {
        add("matrix",
            design.is_mamba() ? matrix_resources(design, constants)
                              : stationary_matrix_resources(design, constants),
            copies);
    }
    if (design.uses_aie()) {
        add("aie", aie_resources(design, constants), 1);
    }
    use.aie = design.aie_placement();
    if (design.transformer() != nullptr) {
        add("quantizer", quantizer_resources(design, design.transformer()->quantizer, constants), 1);
        add("hadamard", transformer_hadamard_resources(design, constants), 1);
        add("attention", transformer_attention_resources(design, constants), 1);
        add("softmax", transformer_softmax_resources(design, constants), 1);
        add("vector", binary32_vector_resources(design, constants), 1);
    } else if (design.super_resolution) {
        add("binary", binary_resources(design, constants), 1);
        add("quantizer", quantizer_resources(design, design.super_resolution->quantizer, constants), 1);
        add("vector", binary32_vector_resources(design, constants), 1);
    } else {
        add("ssm", ssm_resources(design, constants), copies);
        add("hadamard", hadamard_resources(design, constants), copies);
        add("vector", vector_resources(design, constants), copies);
    }
    add("infrastructure",
        {round_up(constants.infrastructure_lut), round_up(constants.infrastructure_ff), 0, 0, 0}, copies);
    for (const auto& port : design.memory_ports) add("port " + port.name, port_resources(port, constants), 1);
    const auto add_ram = [&](const std::string& name, const memory::ScratchpadSpecification& specification,
                             std::int64_t count) {
        FabricResources one;
        auto& kind = specification.kind == memory::RamKind::bram   ? one.bram
                     : specification.kind == memory::RamKind::uram ? one.uram
                                                                   : one.lut;
        const bool narrow = design.device.uram_primitive != "URAM288";  // those of UltraScale+ are not
        kind = memory::primitives(specification, narrow);
        add(name, one, count);
    };
    for (const auto which : {Buffer::weights, Buffer::activations, Buffer::state, Buffer::intermediates}) {
        add_ram(std::string("buffer ") + to_string(which),
                buffer_specification(design, which, buffer_bytes[static_cast<std::size_t>(which)]), copies);
    }
    if (design.is_mamba()) {
        auto vectors = vectors_specification(design);
        vectors.capacity_bytes = memory::divide_up(vectors.capacity_bytes, copies);
        add_ram("buffer vectors", vectors, copies);
    }
    return use;
}

}  // namespace tilewright::accel
