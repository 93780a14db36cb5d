// SPDX-License-Identifier: Apache-2.0
// What has to be computed for one step of a network: operators, tensors and shapes, without any hardware in
// mind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "models/recipes/recipe.hpp"

namespace tilewright::models {

enum class OperatorKind {
    embedding,       // table look-up
    rms_norm,        // x / rms(x) * weight
    linear,          // [m, k] x [k, n]
    matrix_product,  // activation x activation, [m, k] x [k, n]
    convolution,     // depthwise causal, k taps over n channels
    silu,            // x * sigmoid(x)
    softplus,        // log(1 + exp(x + bias))
    discretize,      // exp(A dt) and dt B, n heads x k states
    outer_product,   // (dt B) x, n channels x k states
    decay_state,     // exp(A dt) h, n channels x k states
    update_state,    // sum of the two above (no multiplications)
    contract_state,  // h C, n channels x k states
    skip,            // + D x
    gate,            // y * silu(z)
    hadamard,        // orthonormal rotation of n points
    residual_add,
    layer_norm,          // (x - mean) / deviation over n channels, without affine
    modulate,            // x (1 + scale) + shift over n channels
    l2_norm,             // x / |x| over n channels, times a factor
    softmax,             // over n
    gelu,                // tanh form
    channel_scale,       // x times a factor per channel
    quantize,            // rounding to a recipe's format
    convolution_2d,      // over pixels, k taps and channels
    binary_convolution,  // the same with signs
    binarize,            // sign(x + shift)
    average_pool,        // of n channels over m pixels
    pixel_factor,        // sigmoid of a sum of n weighted channels
    sigmoid,
    leaky_relu,
    pixel_shuffle,  // four channels of a pixel become four pixels
};
const char* to_string(OperatorKind kind);

enum class TensorRole { weight, activation, state };

// What decides a tensor's format in a recipe.
enum class TensorClass {
    linear_weight,
    vector_weight,
    convolution_weight,
    activation,
    residual,
    convolution_state,
    ssm_state,
    ssm_intermediate,
    unquantized_weight,  // matrices that recipes leave in high precision
    kv_cache,
    binary_weight
};

struct Tensor {
    std::string name;  // weights carry the name they have in public checkpoints
    TensorRole role = TensorRole::activation;
    TensorClass tensor_class = TensorClass::activation;
    std::vector<std::int64_t> shape;

    std::int64_t elements() const;
};

// A named range of an operator's n axis, for example the x part of in_proj's outputs.
struct OutputSegment {
    std::string name;
    std::int64_t begin = 0;
    std::int64_t size = 0;
};

using TensorIndex = std::size_t;

// The iteration space of every operator is m x n x k: m tokens, n outputs or channels, k summed or state
// elements.
struct Operator {
    std::string name;
    OperatorKind kind = OperatorKind::linear;
    int layer = -1;  // -1 outside the repeated blocks
    std::int64_t m = 1;
    std::int64_t n = 1;
    std::int64_t k = 1;
    std::int64_t count = 1;  // equal, independent copies (heads x chunks of a matrix product)
    std::vector<TensorIndex> inputs;
    std::vector<TensorIndex> outputs;
    std::vector<OutputSegment> segments;  // empty: the output is one piece

    // Multiplications with or without accumulation. Norms, SiLU, softplus, softmax, GELU, gates and adders
    // count none: they are element-wise work (`elements`), not MACs.
    std::int64_t macs() const;
    std::int64_t elements() const { return count * m * n * k; }
};

struct OperatorGraph {
    std::string name;
    std::int64_t tokens = 1;  // tokens that one run of the graph consumes
    int layers = 0;
    std::vector<Tensor> tensors;
    std::vector<Operator> operators;  // in an order in which they can be executed

    TensorIndex add_tensor(Tensor tensor);
    std::size_t add_operator(Operator op);
};

// Totals over a graph. Bytes follow the recipe; element counts do not depend on it.
struct GraphTotals {
    std::int64_t linear_macs = 0;
    std::int64_t product_macs = 0;  // activation x activation products
    std::int64_t convolution_macs = 0;
    std::int64_t ssm_macs = 0;
    std::int64_t macs = 0;
    std::int64_t parameters = 0;  // tied tensors counted once
    std::int64_t linear_weight_elements = 0;
    std::int64_t linear_weight_bytes = 0;
    std::int64_t convolution_weight_bytes = 0;
    std::int64_t ssm_state_bytes = 0;
    std::int64_t convolution_state_bytes = 0;
};

GraphTotals totals(const OperatorGraph& graph, const Recipe& recipe);

}  // namespace tilewright::models
