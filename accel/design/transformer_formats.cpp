// SPDX-License-Identifier: Apache-2.0
#include "accel/design/transformer_formats.hpp"

#include "models/networks/unquantized_linear.hpp"

namespace tilewright::accel {

models::Quantization unquantized_weights() {
    return models::unquantized_format();
}

models::Quantization unquantized_activations() {
    return {models::number_format("fp32"), 0, models::ScaleKind::none, 0, 0};
}

models::Quantization kv_format(const TransformerDesign& design) {
    if (!design.recipe.kv_cache) return unquantized_activations();
    return models::row_quantization(*design.recipe.kv_cache, design.block.head_dim);
}

}  // namespace tilewright::accel
