// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/var_layout.hpp"

#include <algorithm>
#include <utility>

#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

std::int64_t cache_piece_elements(const VarDesign& var, std::size_t scale, std::int64_t heads) {
    return 2 * var.step.batch() * heads * var.network.scale_tokens(scale) * var.network.head_dim();
}

std::int64_t block_vector_elements(const models::VarConfig& network) {
    return 3 * network.width + network.width + network.hidden() + network.width + network.heads;
}

VarLayout lay_out_var(const Design& design) {
    const auto& var = *design.var;
    const auto& network = var.network;
    const auto c = network.width;
    const auto weights_port = design.port_of(Stream::weights);
    const auto state_port = design.port_of(Stream::state);
    VarLayout layout;

    MemoryMap memory(design);
    static_cast<LinearLayout&>(layout) = lay_out_linears(design, memory);
    const auto place_weights = [&](std::int64_t bytes) { return memory.place(weights_port, bytes); };
    const auto plain = [&](std::int64_t elements) {
        return stream_bytes(design.memory_ports[weights_port], unquantized_weights(), elements);
    };
    layout.adaln_stride =
        divide_up(plain(6 * c * c), Allocator::piece_alignment) * Allocator::piece_alignment;
    layout.adaln = place_weights(layout.adaln_stride * (network.shared_adaln ? 1 : network.depth));
    layout.head_adaln = place_weights(plain(2 * c * c));
    layout.word_embedding = place_weights(plain(c * network.codebook_width));
    layout.head = place_weights(plain(network.codebook * c));

    const auto place_state = [&](std::int64_t bytes) { return memory.place(state_port, bytes); };
    Allocator in_cache(Allocator::piece_alignment);
    const auto format = kv_format(var);
    const auto heads = heads_per_tile(design);
    for (std::size_t scale = 0; scale < network.scales.size(); ++scale) {
        for (std::int64_t group = 0; group < head_groups(design); ++group) {
            const auto present = std::min(heads, network.heads - group * heads);
            const auto size = transfer_size(format, cache_piece_elements(var, scale, present));
            layout.cache_piece.push_back(in_cache.place(padded_bytes(design.memory_ports[state_port], size)));
        }
    }
    layout.cache_stride = in_cache.end();
    const auto cache = place_state(layout.cache_stride * network.depth);
    for (auto& address : layout.cache_piece) address += cache;
    const auto batch = var.step.batch();
    const auto binary32 = [&](std::int64_t elements) { return 4 * elements; };
    const auto stride = [&](std::int64_t elements) {
        return divide_up(binary32(elements), Allocator::piece_alignment) * Allocator::piece_alignment;
    };
    layout.modulation_stride = stride(batch * 6 * c);
    layout.modulation = place_state(layout.modulation_stride * (network.depth + 1));  // and the head's
    layout.vectors_stride = stride(block_vector_elements(network));
    layout.vectors = place_state(layout.vectors_stride * network.depth);
    layout.adaln_bias_stride = stride(6 * c);
    layout.adaln_bias = place_state(layout.adaln_bias_stride * (network.depth + 1));
    layout.head_adaln_bias = place_state(binary32(2 * c));
    layout.word_bias = place_state(binary32(c));
    layout.head_bias = place_state(binary32(network.codebook));
    layout.classes = place_state(binary32(batch * c));
    layout.start = place_state(binary32(network.scale_tokens(0) * c));
    for (std::size_t scale = 0; scale < network.scales.size(); ++scale) {
        layout.positions.push_back(place_state(binary32(network.scale_tokens(scale) * c)));
    }
    const auto rows = batch * network.scale_tokens(network.scales.size() - 1);
    layout.inputs = place_state(binary32(rows * std::max(c, network.codebook_width)));
    layout.outputs = place_state(binary32(rows * std::max(c, network.codebook)));
    memory.check_ends();
    return layout;
}

}  // namespace tilewright::accel
