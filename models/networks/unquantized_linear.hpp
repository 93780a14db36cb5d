// SPDX-License-Identifier: Apache-2.0
// Linear layers that a recipe leaves unquantized, those around a transformer's blocks: weights in fp16,
// everything else in binary32 (linear_float()).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels/quantized_matrix.hpp"

namespace tilewright::models {

// Of their weights.
Quantization unquantized_format();
// [outputs, inputs], rounded with ties to even.
QuantizedMatrix unquantized_matrix(std::span<const float> weights, std::int64_t outputs, std::int64_t inputs);
// The numbers that codes stand for.
std::vector<float> unquantized_numbers(std::span<const std::uint16_t> codes);
// Weights as fp16 has them.
std::vector<float> unquantized_rounded(std::span<const float> weights);

}  // namespace tilewright::models
