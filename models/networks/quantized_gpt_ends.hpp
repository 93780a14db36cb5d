// SPDX-License-Identifier: Apache-2.0
// The ends of GPT-BigCode as the hardware has them: rows of embedding and positions in binary32, the head's
// weights in fp16, everything computed in binary32, every operation rounded where it is written:
//
//   x = fl(embedding + position)
//   logits = W norm(x)             gpt_norm(), then linear_float() without a bias
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/quantized_matrix.hpp"
#include "models/weights/gpt_model.hpp"

namespace tilewright::models {

struct QuantizedGptEnds {
    std::vector<float> embedding;  // [vocabulary, width]
    std::vector<float> positions;  // [positions, width]
    std::vector<float> norm;
    std::vector<float> norm_bias;
    QuantizedMatrix head;  // fp16, [vocabulary, width]
};

QuantizedGptEnds prepare_gpt_ends(const GptConfig& config, const GptEndWeights& weights);

// Of one token; `weights` are rows of the head, as unquantized_numbers() has them.
std::vector<float> gpt_logits(std::span<const float> weights, std::span<const float> normed);

}  // namespace tilewright::models
