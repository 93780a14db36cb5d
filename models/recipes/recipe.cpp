// SPDX-License-Identifier: Apache-2.0
#include "models/recipes/recipe.hpp"

namespace tilewright::models {

namespace {
std::int64_t bytes_of_bits(std::int64_t bits) {
    return (bits + 7) / 8;
}
}  // namespace

std::int64_t value_bits(const Quantization& quantization, std::int64_t elements) {
    return elements * quantization.format.bits;
}

std::int64_t scale_bits(const Quantization& quantization, std::int64_t elements) {
    if (quantization.group_size == 0) return 0;
    const auto groups = (elements + quantization.group_size - 1) / quantization.group_size;
    return groups * quantization.scale_bits;
}

std::int64_t stored_bytes(const Quantization& quantization, std::int64_t elements) {
    return bytes_of_bits(value_bits(quantization, elements)) +
           bytes_of_bits(scale_bits(quantization, elements));
}

}  // namespace tilewright::models
