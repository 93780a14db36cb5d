// SPDX-License-Identifier: Apache-2.0
// The weights of one VAR block, as the authors' checkpoints hold them; C is the width, H the hidden width.
#pragma once

#include <vector>

namespace tilewright::models {

struct VarBlockWeights {
    std::vector<float> qkv;  // [3 C, C]: queries, keys, values, each head by head
    std::vector<float> q_bias;
    std::vector<float> v_bias;     // [C]; keys have no bias
    std::vector<float> scale_mul;  // [heads]: logarithm of the factor of normalised queries
    std::vector<float> proj;       // [C, C]
    std::vector<float> proj_bias;
    std::vector<float> fc1;  // [H, C]
    std::vector<float> fc1_bias;
    std::vector<float> fc2;  // [C, H]
    std::vector<float> fc2_bias;
    std::vector<float> adaln;  // [6 C, C]: gamma 1 and 2, scale 1 and 2, shift 1 and 2
    std::vector<float> adaln_bias;
};

}  // namespace tilewright::models
