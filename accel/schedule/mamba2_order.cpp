// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/mamba2_order.hpp"

#include <algorithm>
#include <string>

#include "accel/schedule/schedule.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

std::int64_t group_channels(const Design& design) {
    return std::min(design.mapping.tile.channels, design.network.d_inner());
}

std::int64_t channel_groups(const Design& design) {
    return memory::divide_up(design.network.d_inner(), group_channels(design));
}

std::vector<OutputRun> in_proj_order(const Design& design) {
    const auto inner = design.network.d_inner();
    const auto heads = design.network.heads();
    const auto shared = design.network.groups * design.network.d_state;
    const auto group = group_channels(design);
    std::vector<OutputRun> runs;
    const auto x_and_z = [&](std::int64_t begin, std::int64_t end) {
        for (auto channel = begin; channel < end; channel += group) {
            const auto size = std::min(group, end - channel);
            runs.push_back({"x", channel, size});
            runs.push_back({"z", channel, size});
        }
    };
    switch (design.mapping.operator_order) {
        case OperatorOrder::naive:
            runs = {{"z", 0, inner}, {"x", 0, inner}, {"B", 0, shared}, {"C", 0, shared}, {"dt", 0, heads}};
            break;
        case OperatorOrder::reordered:
            runs = {{"dt", 0, heads}, {"B", 0, shared}, {"C", 0, shared}};
            x_and_z(0, inner);
            break;
        case OperatorOrder::released_rtl: {
            std::int64_t heads_at_once = 8;  // one tile of dt in the released hardware
            // Groups that do not divide those heads' channels come after all of dt.
            if (heads_at_once * design.network.head_dim % group != 0) heads_at_once = heads;
            runs = {{"B", 0, shared}, {"C", 0, shared}};
            for (std::int64_t head = 0; head < heads; head += heads_at_once) {
                const auto size = std::min(heads_at_once, heads - head);
                runs.push_back({"dt", head, size});
                x_and_z(head * design.network.head_dim, (head + size) * design.network.head_dim);
            }
            break;
        }
    }
    return runs;
}

std::int64_t pass_tokens(const Design& design) {
    const auto total = design.workload.tokens;
    if (design.mapping.loop_order[0] != 'm') return total;
    return std::min(design.mapping.tile.tokens.value_or(total), total);
}

std::size_t runs_ahead(const Design& design) {
    const auto ahead = design.mapping.groups_ahead;
    if (ahead == 0) return 0;
    const auto most = design.mapping.operator_order == OperatorOrder::naive ? 0 : channel_groups(design) - 1;
    if (ahead > most) {
        throw MappingError("/mapping/groups_ahead",
                           std::to_string(ahead) +
                               " groups of channels are more than the order of operators "
                               "and the tile leave to be ahead of",
                           "0 to " + std::to_string(most));
    }
    if (pass_tokens(design) == design.workload.tokens) return 0;
    const auto runs = in_proj_order(design);
    std::size_t count = 0;
    for (std::int64_t groups = 0; groups < ahead; ++count) {
        if (runs[count].segment == "z") ++groups;
    }
    return count;
}

std::vector<OutputRun> out_proj_order(const Design& design) {
    // One quantization group of the next block's input at a time, so that most of the additions hide behind
    // the tiles that are still to come.
    constexpr std::int64_t residual_piece = 128;
    const auto outputs = design.network.d_model;
    // An array pads what is less than a tile.
    const bool whole_tiles = design.aie_share("out_proj") > 0;
    const auto piece = whole_tiles ? std::max(residual_piece, design.mapping.tile.outputs) : residual_piece;
    std::vector<OutputRun> runs;
    for (std::int64_t n = 0; n < outputs; n += piece) {
        runs.push_back({"", n, std::min(piece, outputs - n)});
    }
    return runs;
}

std::int64_t tokens_handed_on(const Design& design) {
    // Enough to fill the pipeline of a vector unit, few enough to be handed on early.
    constexpr std::int64_t piece = 64;
    const bool in_sequence =
        design.mapping.operator_order == OperatorOrder::naive || design.mapping.unroll == Unroll::none;
    if (in_sequence) return design.workload.tokens;
    // Passes that follow each other are as one; those that overlap wait for their own tokens only.
    return std::min(piece, design.mapping.groups_ahead > 0 ? pass_tokens(design) : design.workload.tokens);
}

std::vector<TokenRange> token_pieces(const Design& design, const TokenRange& pass) {
    const auto size = std::min(tokens_handed_on(design), pass.size);
    std::vector<TokenRange> pieces;
    for (auto begin = pass.begin; begin < pass.end(); begin += size) {
        pieces.push_back({begin, std::min(size, pass.end() - begin)});
    }
    return pieces;
}

std::vector<TokenRange> token_pieces(const Design& design) {
    const auto total = design.workload.tokens;
    const auto size = pass_tokens(design);
    std::vector<TokenRange> pieces;
    for (std::int64_t begin = 0; begin < total; begin += size) {
        const auto of_pass = token_pieces(design, TokenRange{begin, std::min(size, total - begin)});
        pieces.insert(pieces.end(), of_pass.begin(), of_pass.end());
    }
    return pieces;
}

std::int64_t segment_begin(const models::Operator& in_proj, const std::string& segment) {
    const auto found = std::find_if(in_proj.segments.begin(), in_proj.segments.end(),
                                    [&](const auto& entry) { return entry.name == segment; });
    return found == in_proj.segments.end() ? 0 : found->begin;
}

}  // namespace tilewright::accel
