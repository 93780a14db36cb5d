// SPDX-License-Identifier: Apache-2.0
// Formats of what a transformer's recipe leaves unquantized or may.
#pragma once

#include "accel/design/transformer_design.hpp"

namespace tilewright::accel {

// Formats of what recipes leave unquantized.
models::Quantization unquantized_weights();
models::Quantization unquantized_activations();

// Format of the key/value cache: the recipe's, or binary32. Rows are a head's vectors.
models::Quantization kv_format(const TransformerDesign& design);

}  // namespace tilewright::accel
