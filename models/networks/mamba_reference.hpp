// SPDX-License-Identifier: Apache-2.0
// The forward pass of Mamba1 and Mamba2 in float64: what every quantized result is measured against.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/networks/block_taps.hpp"
#include "models/networks/mamba.hpp"
#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

// What a network remembers between tokens.
struct MambaState {
    struct Block {
        std::vector<double>
            window;  // [convolution_width - 1, channels]: inputs of the convolution, oldest first
        std::vector<double> hidden;  // [d_inner, d_state]
    };
    std::vector<Block> blocks;
};

struct MambaOutput {
    std::vector<double> logits;               // [tokens, vocabulary]
    std::vector<std::vector<double>> blocks;  // residual stream after every block, [tokens, d_model] each
};

// The activations that a block multiplies by its two large matrices: what calibration looks at.
struct LinearInputs {
    std::vector<double> in_proj;   // [tokens, d_model], normed
    std::vector<double> out_proj;  // [tokens, d_inner], gated, and normed in Mamba2
};

// Keeps references into the weights, which must outlive it. Large matrices are converted row by row as
// they are used; sums run in a fixed order, so results do not depend on the machine's load.
class MambaReference {
  public:
    explicit MambaReference(const MambaWeights& network);

    MambaState initial_state() const;

    // Rows of the embedding, [tokens, d_model]. Throws std::out_of_range for a token beyond the vocabulary.
    std::vector<double> embed(std::span<const std::int64_t> tokens) const;

    // Feeds tokens in order and advances `state`; one token is a decode step. The chunked form (Mamba2)
    // computes the scan by matrix products inside chunks of `chunk` tokens. Throws std::out_of_range for a
    // token beyond the vocabulary. `keep_blocks` asks for MambaOutput::blocks.
    MambaOutput run(std::span<const std::int64_t> tokens, MambaState& state,
                    ScanForm scan = ScanForm::recurrent, std::int64_t chunk = 256,
                    bool keep_blocks = false) const;

    // The blocks alone: `residual` [tokens, d_model] goes through all of them and advances `state`. Returns
    // what every block fed its linear layers. Throws std::invalid_argument for a residual that is not whole
    // tokens. `taps`, if given, gets what the operators of every block made.
    std::vector<LinearInputs> run_blocks(std::vector<double>& residual, MambaState& state,
                                         ScanForm scan = ScanForm::recurrent, std::int64_t chunk = 256,
                                         std::vector<BlockTaps>* taps = nullptr) const;

    const MambaConfig& config() const { return config_; }

  private:
    struct Block {
        std::vector<double> norm;
        const TensorView* in_proj = nullptr;
        std::vector<double> convolution_weight;  // [channels, width]
        std::vector<double> convolution_bias;
        const TensorView* x_proj = nullptr;  // Mamba1
        const TensorView* dt_proj = nullptr;
        std::vector<double> dt_bias;
        std::vector<double> a;  // -exp(A_log): [heads], or [d_inner, d_state] in Mamba1
        std::vector<double> d;
        std::vector<double> gated_norm;  // Mamba2
        const TensorView* out_proj = nullptr;
    };
    // Everything the scan needs for all tokens of a run.
    struct ScanInput {
        std::vector<double> x;   // [tokens, d_inner]
        std::vector<double> b;   // [tokens, groups, d_state]
        std::vector<double> c;   // [tokens, groups, d_state]
        std::vector<double> dt;  // [tokens, heads], or [tokens, d_inner] in Mamba1
    };

    LinearInputs block(const Block& weights, std::vector<double>& residual, std::int64_t tokens,
                       MambaState::Block& state, ScanForm scan, std::int64_t chunk,
                       BlockTaps* taps = nullptr) const;
    std::vector<double> convolve(const Block& weights, const std::vector<double>& input, std::int64_t tokens,
                                 MambaState::Block& state) const;
    std::vector<double> scan_recurrent(const Block& weights, const ScanInput& input, std::int64_t tokens,
                                       std::vector<double>& hidden) const;
    std::vector<double> scan_chunked(const Block& weights, const ScanInput& input, std::int64_t tokens,
                                     std::int64_t chunk, std::vector<double>& hidden) const;

    MambaConfig config_;
    const TensorView* embedding_ = nullptr;
    std::vector<double> final_norm_;
    std::vector<Block> blocks_;
};

}  // namespace tilewright::models
