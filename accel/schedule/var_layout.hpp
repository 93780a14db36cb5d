// SPDX-License-Identifier: Apache-2.0
// Where a VAR step's data lie in memory.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// Indices into the arrays below and into linear_operands().
enum VarLinear : std::size_t { qkv_linear, proj_linear, fc1_linear, fc2_linear };
inline constexpr std::size_t var_linear_count = 4;

// Formats of what recipes leave unquantized.
models::Quantization unquantized_weights();
models::Quantization unquantized_activations();

// Format of the key/value cache: the recipe's, or binary32. Rows are a head's vectors.
models::Quantization kv_format(const VarDesign& var);

// Sizes of a transfer: its values and its scales.
struct TransferSize {
    std::int64_t value_bytes = 0;
    std::int64_t scale_bytes = 0;
};
TransferSize transfer_size(const models::Quantization& format, std::int64_t elements);

// Bytes from the start of the port that carries them: weights, or everything else ("state"). What repeats
// with every block has a stride.
struct VarLayout {
    // Linear layers by LinearEngine: of the first block, and from block to block.
    std::array<std::array<std::int64_t, var_linear_count>, linear_engine_count> linear{};
    std::array<std::int64_t, linear_engine_count> linear_stride{};
    std::int64_t adaln = 0;  // weights of the first block
    std::int64_t adaln_stride = 0;
    std::int64_t head_adaln = 0;
    std::int64_t word_embedding = 0;
    std::int64_t head = 0;
    std::int64_t weights_end = 0;

    // The cache is written in pieces: of each block and scale, of each group of heads, the keys and values of
    // all images.
    std::vector<std::int64_t> cache_piece;  // by scale and head group: scale * head_groups + group
    std::int64_t cache_stride = 0;
    std::int64_t modulation = 0;  // of the first block: its six vectors for every image
    std::int64_t modulation_stride = 0;
    std::int64_t vectors = 0;  // of the first block: biases and query factors
    std::int64_t vectors_stride = 0;
    std::int64_t positions = 0;  // position and level embeddings of all tokens
    std::int64_t inputs = 0;     // of a scale: token maps, or the residual stream
    std::int64_t outputs = 0;    // of a scale: logits, or the residual stream
    std::int64_t state_end = 0;
};

VarLayout lay_out_var(const Design& design);

// The classes of linear layers as operators of one row: what their weights are cut into.
std::vector<models::Operator> var_linear_operators(const Design& design);

// Heads whose queries, keys and values a tile of qkv makes, and how many such groups there are.
std::int64_t heads_per_tile(const Design& design);
std::int64_t head_groups(const Design& design);

// Biases of qkv, proj, fc1 and fc2, and a factor for every head.
std::int64_t block_vector_elements(const models::VarConfig& network);

// Elements of one piece of the cache: keys and values of `heads` heads for all images and tokens of a scale.
std::int64_t cache_piece_elements(const VarDesign& var, std::size_t scale, std::int64_t heads);

}  // namespace tilewright::accel
