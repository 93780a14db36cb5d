// SPDX-License-Identifier: Apache-2.0
// Mamba1 and Mamba2 language models as operator graphs.
// Block structure and tensor names follow the public state-spaces checkpoints.
#pragma once

#include <cstdint>
#include <string>

#include "models/graph/operator_graph.hpp"

namespace tilewright::models {

enum class MambaVersion { mamba1, mamba2 };

// Under the root of the norms: of the public reference implementation.
inline constexpr double mamba_norm_epsilon = 1e-5;

struct MambaConfig {
    std::string name;
    MambaVersion version = MambaVersion::mamba2;
    int layers = 0;
    std::int64_t d_model = 0;
    std::int64_t d_state = 128;
    std::int64_t expand = 2;             // d_inner = expand * d_model
    std::int64_t head_dim = 64;          // channels of a head (Mamba2)
    std::int64_t groups = 1;             // heads share B and C within a group (Mamba2)
    std::int64_t convolution_width = 4;  // taps of the causal convolution
    std::int64_t vocabulary = 50288;     // rows of the embedding, padding included

    std::int64_t d_inner() const { return expand * d_model; }
    std::int64_t heads() const { return version == MambaVersion::mamba2 ? d_inner() / head_dim : d_inner(); }
    // Rank of the dt projection of Mamba1: ceil(d_model / 16).
    std::int64_t dt_rank() const { return (d_model + 15) / 16; }
    // Channels that the convolution sees: x, B and C in Mamba2, x alone in Mamba1.
    std::int64_t convolution_channels() const;
    // Outputs of in_proj: z, x, B, C, dt in Mamba2; x, z in Mamba1.
    std::int64_t in_proj_outputs() const;
};

enum class Phase { decode, prefill };

// How a prefill computes the scan over its tokens.
enum class ScanForm {
    recurrent,  // token after token, element-wise
    chunked     // state-space duality: matrix products inside chunks and a scan across them (Mamba2)
};

struct MambaStep {
    Phase phase = Phase::decode;
    std::int64_t tokens = 1;  // 1 for decode, L for prefill; logits are made for the last token alone
    ScanForm scan = ScanForm::recurrent;
    std::int64_t chunk = 256;      // tokens of a chunk in the chunked form
    bool online_hadamard = false;  // a rotation of d_inner points before out_proj
};

// Builds the graph of one step. Throws std::invalid_argument when the sizes contradict each other.
OperatorGraph build_mamba_graph(const MambaConfig& config, const MambaStep& step);

}  // namespace tilewright::models
