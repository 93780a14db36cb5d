// SPDX-License-Identifier: Apache-2.0
// GPT-BigCode, the decoder of SantaCoder, StarCoder (Li et al., arXiv 2305.06161) and CodeS (Li et al., arXiv
// 2402.16347), as an operator graph: LayerNorm with bias, multi-query attention (one head of keys and values
// for all queries), learned positions, GELU with tanh, an lm_head tied to the embedding. Tensor names are
// those of the authors' checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/graph/operator_graph.hpp"

namespace tilewright::models {

struct GptConfig {
    std::string name;
    int layers = 0;
    std::int64_t width = 0;   // channels of the residual stream
    std::int64_t heads = 0;   // of queries
    std::int64_t hidden = 0;  // of the feed-forward layers
    std::int64_t positions = 8192;
    std::int64_t vocabulary = 49152;

    std::int64_t head_dim() const { return width / heads; }
    std::int64_t kv_width() const { return head_dim(); }  // one head
    std::int64_t qkv_outputs() const { return width + 2 * kv_width(); }
};

// Tokens that go through all blocks together.
struct GptStep {
    std::int64_t sequences = 1;       // that are read or written side by side
    std::int64_t tokens = 1;          // of each
    std::int64_t shared_context = 0;  // earlier tokens that all sequences have in common
    std::int64_t own_context = 0;     // earlier tokens of each sequence alone, behind those
    bool head = true;                 // the logits of every sequence's last token are wanted

    std::int64_t rows() const { return sequences * tokens; }
    std::int64_t keys() const { return shared_context + own_context + tokens; }
};

// A prompt that is read (in slices, one behind the other), or one step of beam search behind a prompt.
struct GptWork {
    bool decode = false;
    std::int64_t prompt = 1;          // tokens
    std::int64_t slice = 1;           // of a prompt that is read: tokens of a step
    std::int64_t beams = 1;           // of a decode step
    std::int64_t generated = 0;       // tokens that each beam has already
    std::int64_t attention_rows = 1;  // tokens whose queries meet the same keys, up to the last of them

    std::vector<GptStep> steps() const;
    // What one run brings further: tokens of the prompt, or the next token of the answer.
    std::int64_t tokens() const { return decode ? 1 : prompt; }
};

// Tokens [begin, begin + size) of every sequence of a step, or, in a decode step, of sequences; and the keys
// that their queries are multiplied by.
struct AttentionBlock {
    std::int64_t begin = 0;
    std::int64_t size = 0;
    std::int64_t keys = 0;
};
std::vector<AttentionBlock> attention_blocks(const GptStep& step, std::int64_t attention_rows);

// Operators of a step are named "step.S.blocks.I.attn.mat_qkv" and so on; attention has its three operators
// for each of its blocks, "attn.scores.0", "attn.softmax.0", "attn.values.0". Throws std::invalid_argument
// when sizes contradict each other.
OperatorGraph build_gpt_graph(const GptConfig& config, const GptWork& work);

struct GptTotals {
    std::int64_t block_linear_macs = 0;  // qkv, proj, fc1, fc2
    std::int64_t attention_macs = 0;  // q k^T and the weighted sum of v, as the blocks of attention make them
    std::int64_t head_macs = 0;
    std::int64_t parameters = 0;  // the tied lm_head once
    std::int64_t block_linear_weights = 0;
};
GptTotals gpt_totals(const OperatorGraph& graph);

}  // namespace tilewright::models
