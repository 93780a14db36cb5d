// SPDX-License-Identifier: Apache-2.0
// What a block's operators made, by operator, for comparing two ways of computing it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/kernels/error_measures.hpp"

namespace tilewright::models {

// [tokens, width] by name, tokens appended one by one. Names of a Mamba block, in the order of computation:
// norm, in_proj, conv1d (behind SiLU), dt (behind softplus), scan (y), gate, gated_norm (Mamba2), out_proj,
// block (the residual stream behind it). Of a transformer's: qkv, attention (behind the weighted sum), proj,
// fc1, gelu, fc2; linear layers with their biases.
struct BlockTaps {
    std::map<std::string, std::vector<double>> outputs;

    void add(const std::string& name, std::span<const double> values) {
        auto& all = outputs[name];
        all.insert(all.end(), values.begin(), values.end());
    }
    void add(const std::string& name, std::span<const float> values) {
        auto& all = outputs[name];
        all.insert(all.end(), values.begin(), values.end());
    }
};

struct OperatorError {
    std::string name;
    ErrorMeasures error;
};

// Of those of `names` that both have, in this order.
std::vector<OperatorError> operator_errors(const BlockTaps& reference, const BlockTaps& made,
                                           std::span<const std::string> names);

// Of a transformer's block. Errors add up along it: each operator gets what the ones before it made.
std::vector<OperatorError> transformer_operator_errors(const BlockTaps& reference, const BlockTaps& made);

}  // namespace tilewright::models
