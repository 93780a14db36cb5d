// SPDX-License-Identifier: Apache-2.0
// VAR, visual autoregressive image generation by prediction of the next scale (Tian et al., arXiv
// 2404.02905), as an operator graph. Sizes and tensor names follow the authors' public code: depth d gives a
// width of 64 d and d heads of 64 channels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/graph/operator_graph.hpp"

namespace tilewright::models {

struct VarConfig {
    std::string name;
    int depth = 0;           // blocks
    std::int64_t width = 0;  // channels of the residual stream
    std::int64_t heads = 0;
    std::int64_t mlp_ratio = 4;
    std::vector<std::int64_t> scales;  // side of the token map of every scale, in order
    std::int64_t codebook = 4096;      // entries, the outputs of the head
    std::int64_t codebook_width = 32;  // channels of an entry, the inputs of the word embedding
    std::int64_t classes = 1000;
    bool shared_adaln = false;  // one AdaLN layer for all blocks and an offset in each (512 x 512)

    std::int64_t head_dim() const { return width / heads; }
    std::int64_t hidden() const { return mlp_ratio * width; }
    std::int64_t scale_tokens(std::size_t scale) const { return scales[scale] * scales[scale]; }
    std::int64_t tokens_until(std::size_t scale) const;  // of all scales before this one
    std::int64_t tokens() const { return tokens_until(scales.size()); }
};

// The published sizes: depths 16, 20, 24 and 30 at 256 x 256 pixels (680 tokens), depth 36 at 512 x 512 (2240
// tokens). Throws std::invalid_argument for other depths.
VarConfig var_config(int depth);

struct VarStep {
    bool guidance = true;  // classifier-free guidance: every image also runs without its class
    std::int64_t images = 1;

    std::int64_t batch() const { return guidance ? 2 * images : images; }
};

// Builds the graph of whole images: all scales, each through all blocks, with a key/value cache that grows.
// AdaLN depends on the class alone and is computed once. The sampler, the path from codes to the next scale's
// input (one `embedding` operator stands for it) and the VQVAE decoder are not part of the transformer.
// Throws std::invalid_argument when sizes contradict each other.
OperatorGraph build_var_graph(const VarConfig& config, const VarStep& step = {});

// Totals over a VAR graph.
struct VarTotals {
    std::int64_t block_linear_macs = 0;  // qkv, proj, fc1, fc2: what recipes quantize
    std::int64_t attention_macs = 0;     // q k^T and the weighted sum of v
    std::int64_t adaln_macs = 0;         // of the blocks and the head
    std::int64_t end_macs = 0;           // word embedding and head
    std::int64_t parameters = 0;
    std::int64_t block_linear_weights = 0;  // elements; every scale reads them once
    std::int64_t kv_cache_elements = 0;     // at the end of the image

    std::int64_t block_macs() const { return block_linear_macs + attention_macs; }
};
VarTotals var_totals(const OperatorGraph& graph);

}  // namespace tilewright::models
