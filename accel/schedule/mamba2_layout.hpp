// SPDX-License-Identifier: Apache-2.0
// Where the data of a Mamba2 step lie in memory.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/tile_program.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

// Weights of a block that an engine reads one behind the other in every pass over tokens, in the order in
// which they lie in memory and a repetition takes them first.
enum WeightPiece : std::size_t {
    in_proj_ahead,   // before what is left of the pass before
    out_proj_piece,  // for that
    in_proj_rest,
};
inline constexpr std::size_t weight_piece_count = 3;

// Where things lie in memory, in bytes in the space of the port that moves them.
struct Mamba2BlockLayout {
    // By LinearEngine: pieces of the first block, how many weights each has, and from block to block. Pieces
    // begin with a burst; where passes follow each other the weights of both layers are one piece.
    struct Piece {
        std::int64_t begin = 0;
        std::int64_t weights = 0;
    };
    std::array<std::array<Piece, weight_piece_count>, linear_engine_count> weights{};
    std::array<std::int64_t, linear_engine_count> weights_stride{};
    std::int64_t convolution_weights = 0;
    std::int64_t convolution_weights_stride = 0;
    std::int64_t convolution_state = 0;
    std::int64_t convolution_state_stride = 0;
    std::int64_t ssm_state = 0;
    std::int64_t ssm_state_stride = 0;
    // Where the residual stream is in memory: of the first token, and from token to token. The same for all
    // blocks.
    std::int64_t residual = 0;
    std::int64_t residual_stride = 0;
};

struct Mamba2Layout {
    Mamba2BlockLayout block;
    std::int64_t embedding = 0;  // rows, for look-ups: token_pieces() one behind the other
    // By LinearEngine: the same matrix, in the order of the weight tiles.
    std::array<std::int64_t, linear_engine_count> lm_head{};
};

// Throws MappingError where a port does not reach all of it.
Mamba2Layout lay_out_mamba2(const Design& design, const models::OperatorGraph& graph);

// What an engine multiplies by.
struct LinearWeights {
    std::array<std::int64_t, weight_piece_count> block{};
    std::int64_t head = 0;
    std::int64_t largest_tile = 0;
};

// `operators`: those of a block, of the head, or of a whole network; all blocks count as one.
std::array<LinearWeights, linear_engine_count> linear_weights(const Design& design,
                                                              const std::vector<models::Operator>& operators);

// State of the channels that one SSM instruction takes: as stored, and from one such group to the next in
// memory.
std::int64_t state_group_bytes(const Design& design);
std::int64_t state_group_stride(const Design& design);
// Weights, or state, of the convolution.
std::int64_t convolution_elements(const Design& design);
std::int64_t convolution_bytes(const Design& design);
// The residual stream as numbers without scales, and the bytes of some tokens.
models::Quantization residual_format(const Design& design);
std::int64_t residual_bytes(const Design& design, std::int64_t tokens);
// The transfer of some tokens' (token_pieces()), to memory or from it.
Instruction residual_transfer(const Design& design, const Mamba2BlockLayout& block, Opcode opcode,
                              const TokenRange& tokens);
// Rows of the embedding in the pieces in which they are looked up, from an address on.
struct EmbeddingPiece {
    TokenRange tokens;
    std::int64_t address = 0;
};
std::vector<EmbeddingPiece> embedding_pieces(const Design& design, std::int64_t address);

}  // namespace tilewright::accel
