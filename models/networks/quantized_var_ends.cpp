// SPDX-License-Identifier: Apache-2.0
#include "models/networks/quantized_var_ends.hpp"

#include "models/index.hpp"
#include "models/networks/transformer_operators.hpp"
#include "models/networks/unquantized_linear.hpp"

namespace tilewright::models {

VarEndWeights prepare_var_ends(VarEndWeights ends) {
    for (auto* matrix : {&ends.word, &ends.head_adaln, &ends.head}) *matrix = unquantized_rounded(*matrix);
    return ends;
}

std::vector<float> var_places(const VarConfig& config, const VarEndWeights& ends) {
    const auto width = index(config.width);
    auto places = ends.positions;
    std::size_t at = 0;
    for (std::size_t scale = 0; scale < config.scales.size(); ++scale) {
        const auto level = std::span(ends.levels).subspan(scale * width, width);
        const auto end = index(config.tokens_until(scale + 1)) * width;
        for (; at < end; ++at) places[at] = level[at % width] + places[at];
    }
    return places;
}

std::vector<float> var_start(const VarEndWeights& ends, std::span<const float> condition, std::int64_t token,
                             std::span<const float> place) {
    const auto width = condition.size();
    const auto start = std::span(ends.start).subspan(index(token) * width, width);
    return add_float(add_float(condition, start), place);
}

std::vector<float> var_embedding(const VarEndWeights& ends, std::span<const float> map,
                                 std::span<const float> place) {
    return add_float(linear_float(ends.word, ends.word_bias, map), place);
}

std::vector<float> activated_condition(std::span<const float> condition) {
    std::vector<float> activated;
    activated.reserve(condition.size());
    for (const auto value : condition) activated.push_back(silu_float(value));
    return activated;
}

std::vector<float> var_head_modulation(const VarEndWeights& ends, std::span<const float> condition) {
    return linear_float(ends.head_adaln, ends.head_adaln_bias, activated_condition(condition));
}

std::vector<float> var_head_norm(std::span<const float> head_modulation, std::span<const float> x) {
    return modulated_layer_norm(x, head_modulation.first(x.size()),
                                head_modulation.subspan(x.size(), x.size()));
}

std::vector<float> var_logits(const VarEndWeights& ends, std::span<const float> head_modulation,
                              std::span<const float> x) {
    return linear_float(ends.head, ends.head_bias, var_head_norm(head_modulation, x));
}

}  // namespace tilewright::models
