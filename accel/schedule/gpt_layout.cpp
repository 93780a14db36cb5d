// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/gpt_layout.hpp"

#include <algorithm>

#include "accel/schedule/weight_stream.hpp"

namespace tilewright::accel {

std::int64_t gpt_block_vector_elements(const TransformerBlock& block) {
    return 4 * block.width + block.qkv_outputs() + block.width + block.hidden + block.width;
}

TransferSize gpt_cache_size(const GptDesign& gpt, std::int64_t tokens) {
    return transfer_size(kv_format(gpt), tokens * gpt.block.kv_width());
}

GptLayout lay_out_gpt(const Design& design) {
    const auto& gpt = *design.gpt;
    const auto& block = gpt.block;
    GptLayout layout;
    MemoryMap memory(design);
    static_cast<LinearLayout&>(layout) = lay_out_linears(design, memory);
    const auto weights_port = design.port_of(Stream::weights);
    layout.lm_head =
        memory.place(weights_port, stream_bytes(design.memory_ports[weights_port], unquantized_weights(),
                                                gpt.network.vocabulary * block.width));

    const auto state_port = design.port_of(Stream::state);
    const auto place_state = [&](std::int64_t bytes) { return memory.place(state_port, bytes); };
    Allocator in_cache(Allocator::piece_alignment);
    const auto piece = [&](std::int64_t tokens) {
        const auto bytes = padded_bytes(design.memory_ports[state_port], gpt_cache_size(gpt, tokens));
        const auto keys = in_cache.place(bytes);
        return GptLayout::Piece{keys, in_cache.place(bytes), tokens};
    };
    const auto& work = gpt.work;
    for (std::int64_t begin = 0; begin < work.prompt; begin += work.slice) {
        layout.prompt.push_back(piece(std::min(work.slice, work.prompt - begin)));
    }
    if (work.decode) {
        layout.generated = piece(work.beams * work.generated);
        layout.made = piece(work.beams);
    }
    layout.cache_stride = in_cache.end();
    const auto cache = place_state(layout.cache_stride * block.blocks);
    const auto move = [&](GptLayout::Piece& one) {
        one.keys += cache;
        one.values += cache;
    };
    for (auto& one : layout.prompt) move(one);
    move(layout.generated);
    move(layout.made);
    Allocator in_block(Allocator::piece_alignment);
    in_block.place(4 * gpt_block_vector_elements(block));
    layout.vectors_stride = in_block.end();
    layout.vectors = place_state(layout.vectors_stride * block.blocks);
    layout.final_norm = place_state(4 * 2 * block.width);
    std::int64_t rows = 0;
    for (const auto& step : gpt.work.steps()) rows = std::max(rows, step.rows());
    // With the ends here both tables are in memory, of which a step reads rows.
    const auto tables = gpt.ends ? gpt.network.vocabulary + gpt.network.positions : 0;
    layout.embedding = place_state(4 * std::max(2 * rows, tables) * block.width);
    layout.outputs = place_state(4 * rows * std::max(block.width, gpt.network.vocabulary));
    memory.check_ends();
    return layout;
}

}  // namespace tilewright::accel
