// SPDX-License-Identifier: Apache-2.0
// Preparation of a linear layer y = W x for low-bit arithmetic: inputs and weights are changed so that the
// product stays and both become easier to round.
//
//   x' = R diag(1 / s) x      at run time, or merged into what makes x
//   W' = W diag(s) R^T        offline
//
// with one positive scale s_k per input channel and a block-diagonal Hadamard rotation R (hadamard.hpp) whose
// blocks share one vector of signs. W' x' = W x exactly, up to rounding of the transform itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tilewright::models {

struct LinearTransform {
    std::vector<double> channel_scales;       // s, one per input channel; empty: all 1
    std::size_t rotation_block = 0;           // points of a Hadamard block; 0: no rotation
    std::vector<std::int8_t> rotation_signs;  // of a block; empty: all +1
};

// [tokens, channels] in place. Throws std::invalid_argument for a matrix that is not whole rows, scales that
// are not one positive number per channel, and blocks or signs that do not fit the channels.
void apply_to_inputs(const LinearTransform& transform, std::span<double> inputs, std::size_t channels);

// [outputs, channels] in place. Throws as above.
void merge_into_weights(const LinearTransform& transform, std::span<double> weights, std::size_t channels);

// A layer and what it was seen to multiply.
struct LinearSample {
    std::span<const double> weights;  // [outputs, channels]
    std::span<const double> inputs;   // [tokens, channels]
    std::size_t channels = 0;

    std::size_t outputs() const { return weights.size() / channels; }
    std::size_t tokens() const { return inputs.size() / channels; }
};

// SmoothQuant (Xiao et al., arXiv 2211.10438, equation 4): s_k = max|X_k|^alpha / max|W_k|^(1 - alpha), so
// that a share alpha of the difficulty moves into the weights. Channels that are all zero keep the scale 1.
double smooth_quant_scale(double largest_input, double largest_weight, double alpha);

// The same for all channels of a layer.
// Throws std::invalid_argument for alpha outside 0 ... 1 and for matrices that are not whole rows.
LinearTransform smooth_quant(const LinearSample& sample, double alpha = 0.5);

// GHT, FPQVAR's group-wise Hadamard transformation (arXiv 2505.16335): blocks of `block` channels and one
// seeded random sign vector for all of them. Throws std::invalid_argument when there is no such transform of
// the channels.
LinearTransform group_hadamard(std::size_t channels, std::size_t block = 128, std::uint64_t seed = 1);

}  // namespace tilewright::models
