// SPDX-License-Identifier: Apache-2.0
// In which order the outputs of a Mamba2 block's linear layers are made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/design/design.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

// Channels of d_inner that one SSM instruction takes, and how many such groups there are.
std::int64_t group_channels(const Design& design);
std::int64_t channel_groups(const Design& design);

// A run of outputs that are made one after the other; offsets count inside the segment, or, where the segment
// has no name, inside the layer.
struct OutputRun {
    std::string segment;
    std::int64_t begin = 0;
    std::int64_t size = 0;
};

// in_proj's: as stored (z, x, B, C, dt); reordered (dt, B, C, then x and z in turns, group by group); or as
// the released hardware does it (B, C, then 8 heads of dt before their x and z tiles).
std::vector<OutputRun> in_proj_order(const Design& design);

// The tokens that a block's weights are applied to at once: all of them, or a tile of them where they are the
// outermost loop.
std::int64_t pass_tokens(const Design& design);

// How many of in_proj's runs a pass over tokens makes before the end of the pass before it; 0 where passes
// follow each other. Throws MappingError for more groups ahead than the design has.
std::size_t runs_ahead(const Design& design);

// out_proj's, in pieces behind each of which its part of the residual addition follows.
std::vector<OutputRun> out_proj_order(const Design& design);

// Tokens that norms and rotations hand on together, at most; all of them where operators follow each other.
std::int64_t tokens_handed_on(const Design& design);

struct TokenRange {
    std::int64_t begin = 0;
    std::int64_t size = 0;
    std::int64_t end() const { return begin + size; }

    friend bool operator==(const TokenRange&, const TokenRange&) = default;
};
// Those of a pass in the pieces in which they are handed on, and those of all passes.
std::vector<TokenRange> token_pieces(const Design& design, const TokenRange& pass);
std::vector<TokenRange> token_pieces(const Design& design);

// The first output of a segment of in_proj.
std::int64_t segment_begin(const models::Operator& in_proj, const std::string& segment);

}  // namespace tilewright::accel
