// SPDX-License-Identifier: Apache-2.0
// What the layouts of all transformers share: sizes of transfers, the weights of the linear layers, groups of
// heads.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/design/transformer_formats.hpp"
#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/memory_layout.hpp"

namespace tilewright::accel {

// Indices into the arrays below and into linear_operands().
enum TransformerLinear : std::size_t { qkv_linear, proj_linear, fc1_linear, fc2_linear };
inline constexpr std::size_t transformer_linear_count = 4;

// The linear layers' weights, in bytes in the space of the port that carries them, by LinearEngine: of the
// first block, and from block to block.
struct LinearLayout {
    std::array<std::array<std::int64_t, transformer_linear_count>, linear_engine_count> linear{};
    std::array<std::int64_t, linear_engine_count> linear_stride{};
};
LinearLayout lay_out_linears(const Design& design, MemoryMap& memory);

// The classes of linear layers as operators of one row: what their weights are cut into.
std::vector<models::Operator> transformer_linear_operators(const Design& design);

// Heads whose queries a tile of qkv makes, and how many such groups there are.
std::int64_t heads_per_tile(const Design& design);
std::int64_t head_groups(const Design& design);

// The tiles of qkv in the order in which they are made: of VAR queries, keys and values of one group of heads
// behind the other; where all queries share keys and values, these first.
std::vector<OutputTile> qkv_tiles(const Design& design);

}  // namespace tilewright::accel
