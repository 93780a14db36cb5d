// SPDX-License-Identifier: Apache-2.0
// What a block's operators made, by operator, for comparing two ways of computing it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

namespace tilewright::models {

// [tokens, width] by name, tokens appended one by one. Names of a Mamba block, in the order of computation:
// norm, in_proj, conv1d (behind SiLU), dt (behind softplus), scan (y), gate, gated_norm (Mamba2), out_proj,
// block (the residual stream behind it).
struct BlockTaps {
    std::map<std::string, std::vector<double>> outputs;

    void add(const std::string& name, std::span<const double> values) {
        auto& all = outputs[name];
        all.insert(all.end(), values.begin(), values.end());
    }
};

}  // namespace tilewright::models
