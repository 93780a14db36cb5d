// SPDX-License-Identifier: Apache-2.0
// What a design has for VAR, visual autoregressive image generation, beside the parts that all designs share:
// engines for quantization, for products in binary32 and for softmax; two levels of pipelining.
#pragma once

#include <cstdint>
#include <optional>

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

// The operators of the graph that the classes of linear layers are, in the order of linear_operands().
inline constexpr const char* var_linear_names[] = {"attn.mat_qkv", "attn.proj", "ffn.fc1", "ffn.fc2"};

struct VarDesign {
    models::VarConfig network;
    models::TransformerRecipe recipe;
    models::VarStep step;
    // AdaLN, which depends on the class alone, is computed at the start of every image; false: its vectors
    // lie in memory.
    bool adaln = true;
    // Word embedding and head run here; false: the input of every scale comes from memory and the output of
    // its last block goes there.
    bool ends = true;
    QuantizerEngine quantizer;
    AttentionEngine attention;
    SoftmaxEngine softmax;
    PipelineLevels pipeline;
    std::int64_t tile_tokens = 64;  // rows that go through an engine in one instruction
    // Rows that go through fc1 and fc2 together, whole chunks; their weights are read again for the next
    // ones. Absent: all rows of a scale.
    std::optional<std::int64_t> feed_forward_rows;
};

}  // namespace tilewright::accel
