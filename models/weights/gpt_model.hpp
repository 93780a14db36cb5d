// SPDX-License-Identifier: Apache-2.0
// Where the weights of a GPT-BigCode network come from.
#pragma once

#include <vector>

#include "models/networks/gpt_reference.hpp"

namespace tilewright::models {

// Everything but the blocks; C is the width, V the vocabulary.
struct GptEndWeights {
    std::vector<float> embedding;  // [V, C]
    std::vector<float> positions;  // [positions, C]
    std::vector<float> norm;       // [C]
    std::vector<float> norm_bias;
    std::vector<float> own_head;  // [V, C]; empty: the embedding is the head

    const std::vector<float>& head() const { return own_head.empty() ? embedding : own_head; }
};

class GptModel {
  public:
    virtual ~GptModel() = default;
    virtual const GptConfig& config() const = 0;
    virtual GptEndWeights ends() const = 0;
    virtual GptBlockWeights block(int layer) const = 0;
};

}  // namespace tilewright::models
