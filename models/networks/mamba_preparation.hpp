// SPDX-License-Identifier: Apache-2.0
// What happens to a Mamba network's weights before they reach an accelerator: norms, rotations and channel
// scales are merged into the linear layers, and every tensor is rounded to its format.
//
// With Q the orthonormal Hadamard matrix of d_model points and H that of d_inner points, a rotated residual
// stream r' = Q r needs (LightMamba, arXiv 2502.15260, section on rotation)
//
//   embedding' = embedding Q^T        lm_head' = lm_head diag(norm_f) Q^T
//   in_proj'   = in_proj diag(norm) Q^T          out_proj' = Q out_proj H^T
//
// The gated norm's scale is applied at run time: merging it in would raise the error.
#pragma once

#include <cstdint>
#include <vector>

#include "models/kernels/quantized_matrix.hpp"
#include "models/networks/mamba_reference.hpp"
#include "models/recipes/recipe.hpp"
#include "models/weights/mamba_weights.hpp"

namespace tilewright::models {

struct QuantizedMambaBlock {
    std::vector<double> norm;  // [d_model]; empty when merged
    QuantizedMatrix in_proj;
    std::vector<double> taps;  // [channels, width], elements
    std::vector<double> convolution_bias;
    QuantizedMatrix x_proj;   // Mamba1
    QuantizedMatrix dt_proj;  // Mamba1
    std::vector<double> dt_bias;
    std::vector<double> a;  // exp(A_log), positive: [heads], or [d_inner, d_state] in Mamba1
    std::vector<double> d;
    std::vector<double> gated_norm;  // Mamba2
    QuantizedMatrix out_proj;
};

// Vectors (norms, biases, D, dt_bias) are kept in fp16, A in fp32. `calibration` is needed for smoothing
// only; without it a recipe with smoothing throws std::invalid_argument.
QuantizedMambaBlock prepare_block(const MambaWeights& weights, const Recipe& recipe, int layer,
                                  const LinearInputs* calibration = nullptr);

// Embedding, last norm and lm_head.
struct QuantizedMambaEnds {
    QuantizedMatrix embedding;       // [vocabulary, d_model]
    std::vector<double> final_norm;  // empty when merged
    QuantizedMatrix lm_head;         // [vocabulary, d_model]
};
QuantizedMambaEnds prepare_ends(const MambaWeights& weights, const Recipe& recipe);

// Quantization of a linear layer whose inputs the recipe's groups do not divide (dt_proj of Mamba1): one
// group a row.
Quantization for_inputs(const Quantization& quantization, std::int64_t inputs);

}  // namespace tilewright::models
