// SPDX-License-Identifier: Apache-2.0
// Where the weights of a VAR transformer come from.
#pragma once

#include <vector>

#include "models/networks/var.hpp"
#include "models/weights/var_weights.hpp"

namespace tilewright::models {

// Everything but the blocks; C is the width, V the codebook, Z its width.
struct VarEndWeights {
    std::vector<float> classes;    // [classes + 1, C]; the last stands for no class
    std::vector<float> start;      // [tokens of the first scale, C]
    std::vector<float> positions;  // [tokens, C]
    std::vector<float> levels;     // [scales, C]
    std::vector<float> word;       // [C, Z]
    std::vector<float> word_bias;
    std::vector<float> head_adaln;  // [2 C, C]: scale, shift
    std::vector<float> head_adaln_bias;
    std::vector<float> head;  // [V, C]
    std::vector<float> head_bias;
};

class VarModel {
  public:
    virtual ~VarModel() = default;
    virtual const VarConfig& config() const = 0;
    virtual VarEndWeights ends() const = 0;
    virtual VarBlockWeights block(int layer) const = 0;
};

}  // namespace tilewright::models
