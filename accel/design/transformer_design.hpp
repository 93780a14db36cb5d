// SPDX-License-Identifier: Apache-2.0
// What a design has for a transformer beside the parts that all designs share: engines for quantization, for
// products in binary32 and for softmax; two levels of pipelining. And what it has for VAR, visual
// autoregressive image generation, and for GPT-BigCode.
#pragma once

#include <cstdint>
#include <optional>

#include "accel/aie/array_timing.hpp"
#include "models/networks/gpt_bigcode.hpp"
#include "models/networks/var.hpp"
#include "models/recipes/transformer_recipe.hpp"

namespace tilewright::accel {

// Rounds `lanes` elements a cycle to a format: the largest magnitude of a group is found while the group
// before it is scaled, compared with the format's thresholds and encoded.
struct QuantizerEngine {
    int lanes = 1;
    int pipeline_cycles = 0;
};

// Products in binary32 of what recipes leave unquantized: attention scores and sums, AdaLN, word embedding
// and head. Every cycle multiplies `inputs` elements of a row by `inputs` x `outputs` elements.
struct AttentionEngine {
    int inputs = 1;
    int outputs = 1;
    int pipeline_cycles = 0;

    std::int64_t macs_per_cycle() const { return static_cast<std::int64_t>(inputs) * outputs; }
};

// Exponentials and their sums, `lanes` a cycle, in two passes: the largest score of a row, then e^x and the
// division. The passes of successive rows overlap.
struct SoftmaxEngine {
    int lanes = 1;
    int pipeline_cycles = 0;
};

// What runs side by side. Each level can be switched off on its own.
struct PipelineLevels {
    // Between the operators of a block: a tile goes on to the next operator as soon as it is made. Off: an
    // operator begins when the one before it is complete.
    bool operators = true;
    // Inside the matrix unit: rotate, quantize, multiply, accumulate and rescale work on successive groups
    // and tiles. Off: they follow each other, for the whole operand before the product and tile by tile
    // behind it.
    bool matrix = true;
};

// The classes of linear layers, in the order of linear_operands(), and the operators of the graph that they
// are.
inline constexpr const char* transformer_layer_names[] = {"qkv", "proj", "fc1", "fc2"};
inline constexpr const char* transformer_linear_names[] = {"attn.mat_qkv", "attn.proj", "ffn.fc1", "ffn.fc2"};

// Sizes of a block: queries of `heads` heads, keys and values of `kv_heads`, which all queries share or have
// one each of.
struct TransformerBlock {
    int blocks = 0;
    std::int64_t width = 0;  // of the residual stream
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    std::int64_t hidden = 0;  // of the feed-forward layers

    std::int64_t kv_width() const { return kv_heads * head_dim; }
    std::int64_t qkv_outputs() const { return heads * head_dim + 2 * kv_width(); }
};

inline TransformerBlock block_of(const models::VarConfig& network) {
    return {network.depth, network.width, network.heads, network.heads, network.head_dim(), network.hidden()};
}
inline TransformerBlock block_of(const models::GptConfig& network) {
    return {network.layers, network.width, network.heads, 1, network.head_dim(), network.hidden};
}

// What designs for all transformers have.
struct TransformerDesign {
    TransformerBlock block;
    models::TransformerRecipe recipe;
    QuantizerEngine quantizer;
    AttentionEngine attention;
    // In the attention unit's place, in fp32, if it is there.
    std::optional<AieMapping> aie_attention;
    SoftmaxEngine softmax;
    PipelineLevels pipeline;
    std::int64_t tile_tokens = 64;  // rows that go through an engine in one instruction
    // Rows that go through fc1 and fc2 together, whole chunks; their weights are read again for the next
    // ones. Absent: all rows of a step.
    std::optional<std::int64_t> feed_forward_rows;
    // The network's ends run here: word embedding and head. False: the input of every step comes from memory
    // and the output of its last block goes there.
    bool ends = true;
};

struct VarDesign : TransformerDesign {
    models::VarConfig network;
    models::VarStep step;
    // AdaLN, which depends on the class alone, is computed at the start of every image; false: its vectors
    // lie in memory.
    bool adaln = true;
};

// GPT-BigCode, a decoder of text with one head of keys and values.
struct GptDesign : TransformerDesign {
    models::GptConfig network;
    models::GptWork work;
};

}  // namespace tilewright::accel
