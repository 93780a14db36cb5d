// SPDX-License-Identifier: Apache-2.0
// The ends of VAR as the hardware has them: embeddings and biases in binary32, matrices in fp16, everything
// computed in binary32, every operation rounded where it is written:
//
//   x of the first scale   fl(fl(class + start) + place)      place = fl(level + position), prepared
//   x of the others        fl(word_embed(map) + place)
//   logits                 head(modulated_layer_norm(x)), modulated by linear(silu(class))
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/networks/var.hpp"
#include "models/weights/var_model.hpp"

namespace tilewright::models {

// Matrices as fp16 has them.
VarEndWeights prepare_var_ends(VarEndWeights ends);
// Level and position of every token, [tokens, C].
std::vector<float> var_places(const VarConfig& config, const VarEndWeights& ends);

// What follows is of prepared ends, of one image or one token.
// Rows of the residual stream in front of the first block, of the first scale and of the others; `place`: the
// token's of var_places().
std::vector<float> var_start(const VarEndWeights& ends, std::span<const float> condition, std::int64_t token,
                             std::span<const float> place);
std::vector<float> var_embedding(const VarEndWeights& ends, std::span<const float> map,
                                 std::span<const float> place);
// silu_float() of a condition: what AdaLN's linear layers take.
std::vector<float> activated_condition(std::span<const float> condition);
// Scale and shift of the head, [2, C].
std::vector<float> var_head_modulation(const VarEndWeights& ends, std::span<const float> condition);
// A token behind the last block, as the head takes it.
std::vector<float> var_head_norm(std::span<const float> head_modulation, std::span<const float> x);
std::vector<float> var_logits(const VarEndWeights& ends, std::span<const float> head_modulation,
                              std::span<const float> x);

}  // namespace tilewright::models
