// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/transformer_layout.hpp"

#include <algorithm>
#include <utility>

#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

LinearLayout lay_out_linears(const Design& design, MemoryMap& memory) {
    LinearLayout layout;
    const auto operands = linear_operands(design);
    const auto operators = transformer_linear_operators(design);
    for (std::size_t engine = 0; engine < linear_engine_count; ++engine) {
        const auto kind = static_cast<LinearEngine>(engine);
        const auto port = design.weights_port(kind);
        Allocator in_block(Allocator::piece_alignment);
        for (std::size_t i = 0; i < transformer_linear_count; ++i) {
            const auto outputs = split_of(design, operators[i]).outputs(kind);
            layout.linear[engine][i] = in_block.place(
                stream_bytes(design.memory_ports[port], operands[i].weights, outputs * operands[i].inputs));
        }
        layout.linear_stride[engine] = in_block.end();
        const auto first = memory.place(port, layout.linear_stride[engine] * design.blocks());
        for (auto& address : layout.linear[engine]) address += first;
    }
    return layout;
}

std::vector<models::Operator> transformer_linear_operators(const Design& design) {
    const auto& block = design.transformer()->block;
    const std::array<std::int64_t, transformer_linear_count> outputs = {block.qkv_outputs(), block.width,
                                                                        block.hidden, block.width};
    const auto operands = linear_operands(design);
    std::vector<models::Operator> operators;
    for (std::size_t i = 0; i < transformer_linear_count; ++i) {
        models::Operator op;
        op.name = transformer_linear_names[i];
        op.n = outputs[i];
        op.k = operands[i].inputs;
        operators.push_back(std::move(op));
    }
    return operators;
}

std::int64_t heads_per_tile(const Design& design) {
    const auto& block = design.transformer()->block;
    return std::min(block.heads, design.mapping.tile.outputs / block.head_dim);
}

std::int64_t head_groups(const Design& design) {
    return divide_up(design.transformer()->block.heads, heads_per_tile(design));
}

std::vector<OutputTile> qkv_tiles(const Design& design) {
    const auto& block = design.transformer()->block;
    const auto queries = block.heads * block.head_dim;
    const auto shared = block.kv_heads != block.heads;
    std::vector<OutputTile> tiles;
    if (shared) {
        const auto outputs = design.mapping.tile.outputs;
        for (auto n = queries; n < block.qkv_outputs(); n += outputs) {
            tiles.push_back({n, std::min(outputs, block.qkv_outputs() - n)});
        }
    }
    const auto heads = heads_per_tile(design);
    for (std::int64_t first = 0; first < block.heads; first += heads) {
        const auto size = std::min(heads, block.heads - first) * block.head_dim;
        tiles.push_back({first * block.head_dim, size});
        if (shared) continue;
        for (const auto part : {1, 2}) tiles.push_back({part * queries + first * block.head_dim, size});
    }
    return tiles;
}

}  // namespace tilewright::accel
