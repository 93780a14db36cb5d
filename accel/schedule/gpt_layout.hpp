// SPDX-License-Identifier: Apache-2.0
// Where the data of a GPT-BigCode run lie in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/schedule/transformer_layout.hpp"

namespace tilewright::accel {

// Bytes in the space of the port that carries them: weights, or everything else ("state"). What repeats
// with every block has a stride.
struct GptLayout : LinearLayout {
    std::int64_t lm_head = 0;

    // The cache is written in pieces of keys and pieces of values. Of the first block: those of every slice
    // of the prompt; in a decode step also those that the beams have made before, and those that they make
    // now.
    struct Piece {
        std::int64_t keys = 0;
        std::int64_t values = 0;
        std::int64_t tokens = 0;
    };
    std::vector<Piece> prompt;
    Piece generated;
    Piece made;
    std::int64_t cache_stride = 0;
    std::int64_t vectors = 0;  // of the first block: norms and biases
    std::int64_t vectors_stride = 0;
    std::int64_t final_norm = 0;
    std::int64_t embedding = 0;  // rows of the tokens of a step, then those of their positions
    std::int64_t outputs = 0;    // logits, or the residual stream
};

// Throws MappingError where a port does not reach all of it.
GptLayout lay_out_gpt(const Design& design);

// Weights and biases of both norms, biases of the four linear layers.
std::int64_t gpt_block_vector_elements(const TransformerBlock& block);

// Keys, or values, of `tokens` tokens.
TransferSize gpt_cache_size(const GptDesign& gpt, std::int64_t tokens);

}  // namespace tilewright::accel
