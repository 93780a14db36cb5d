// SPDX-License-Identifier: Apache-2.0
// Where a VAR step's data lie in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/schedule/transformer_layout.hpp"

namespace tilewright::accel {

// Bytes in the space of the port that carries them: weights, or everything else ("state"). What repeats
// with every block has a stride.
struct VarLayout : LinearLayout {
    std::int64_t adaln = 0;  // weights of the first block
    std::int64_t adaln_stride = 0;
    std::int64_t head_adaln = 0;
    std::int64_t word_embedding = 0;
    std::int64_t head = 0;

    // The cache is written in pieces: of each block and scale, of each group of heads, the keys and values of
    // all images.
    std::vector<std::int64_t> cache_piece;  // by scale and head group: scale * head_groups + group
    std::int64_t cache_stride = 0;
    std::int64_t modulation = 0;  // of the first block: its six vectors for every image
    std::int64_t modulation_stride = 0;
    std::int64_t vectors = 0;  // of the first block: biases and query factors
    std::int64_t vectors_stride = 0;
    std::int64_t adaln_bias = 0;  // of the first block; behind the last one, of what all blocks share
    std::int64_t adaln_bias_stride = 0;
    std::int64_t head_adaln_bias = 0;
    std::int64_t word_bias = 0;
    std::int64_t head_bias = 0;
    std::int64_t classes = 0;             // embeddings of every image's class
    std::int64_t start = 0;               // of the tokens of the first scale
    std::vector<std::int64_t> positions;  // by scale: position and level embeddings of its tokens
    std::int64_t inputs = 0;              // of a scale: token maps, or the residual stream
    std::int64_t outputs = 0;             // of a scale: logits, or the residual stream
};

// Throws MappingError where a port does not reach all of it.
VarLayout lay_out_var(const Design& design);

// Biases of qkv, proj, fc1 and fc2, and a factor for every head.
std::int64_t block_vector_elements(const models::VarConfig& network);

// Elements of one piece of the cache: keys and values of `heads` heads for all images and tokens of a scale.
std::int64_t cache_piece_elements(const VarDesign& var, std::size_t scale, std::int64_t heads);

}  // namespace tilewright::accel
