// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/super_resolution_layout.hpp"

#include <algorithm>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

std::int64_t aligned(std::int64_t bytes) {
    return divide_up(bytes, Allocator::piece_alignment) * Allocator::piece_alignment;
}

std::int64_t unit_bytes(const models::SuperResolutionConfig& network) {
    const auto c = network.channels;
    const auto h = network.hidden;
    const auto signs = divide_up(models::convolution_taps * c * c, 8);
    const auto branches = (c * h + h) + (2 * c * h + 2 * c) + (c + 1);
    return signs + 4 * (c + branches);
}

}  // namespace

std::int64_t feature_map_bytes(const SuperResolutionDesign& design, std::int64_t pixels,
                               std::int64_t channels) {
    return pixels * channels * design.recipe.feature_map.bits / 8;
}

SuperResolutionLayout lay_out_super_resolution(const Design& design) {
    const auto& own = *design.super_resolution;
    const auto& network = own.network;
    const auto operands = linear_operands(design);
    SuperResolutionLayout layout;
    MemoryMap memory(design);
    const auto add = [&](std::size_t index, std::int64_t outputs) {
        const auto& layer = operands[index];
        ConvolutionLayer one{index, outputs, LinearEngine::pl, {}, 0};
        if (design.aie_share(layer.name) > 0) one.engine = LinearEngine::aie;
        one.weights = transfer_size(layer.weights, outputs * layer.inputs);
        one.weights.value_bytes += 4 * outputs;
        const auto port = design.weights_port(one.engine);
        one.address = memory.place(port, padded_bytes(design.memory_ports[port], one.weights));
        layout.convolutions.push_back(one);
    };
    add(0, network.channels);
    for (int stage = 0; stage < network.stages(); ++stage) add(1, 4 * network.channels);
    add(2, network.colors);
    layout.unit_bytes = unit_bytes(network);
    layout.unit_stride = aligned(layout.unit_bytes);
    layout.units =
        memory.place(design.port_of(Stream::weights), layout.unit_stride * std::int64_t{network.units()});

    const auto state_port = design.port_of(Stream::state);
    const auto strips = divide_up(own.image.height, own.tile_rows);
    const auto pixels = std::min(own.tile_rows, own.image.height) * own.image.width;
    const auto region = [&](std::int64_t strip_bytes) {
        const auto stride = padded_bytes(design.memory_ports[state_port], {strip_bytes, 0});
        return StripRegion{memory.place(state_port, strips * stride), stride};
    };
    layout.image = region(pixels * network.colors);
    layout.head_map = region(feature_map_bytes(own, pixels, network.channels));
    layout.map = region(feature_map_bytes(own, pixels, network.channels));
    layout.output = region(pixels * network.colors * network.scale * network.scale);
    memory.check_ends();
    return layout;
}

}  // namespace tilewright::accel
