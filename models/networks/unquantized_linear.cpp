// SPDX-License-Identifier: Apache-2.0
#include "models/networks/unquantized_linear.hpp"

#include "models/formats/codec.hpp"

namespace tilewright::models {

Quantization unquantized_format() {
    return {number_format("fp16"), 0, ScaleKind::none, 0, 0};
}

QuantizedMatrix unquantized_matrix(std::span<const float> weights, std::int64_t outputs,
                                   std::int64_t inputs) {
    return quantize_matrix(weights, outputs, inputs, unquantized_format(), TieRule::to_even);
}

std::vector<float> unquantized_numbers(std::span<const std::uint16_t> codes) {
    static const auto table = decode_table(unquantized_format().format);
    std::vector<float> numbers;
    numbers.reserve(codes.size());
    for (const auto code : codes) numbers.push_back(static_cast<float>(table[code]));
    return numbers;
}

std::vector<float> unquantized_rounded(std::span<const float> weights) {
    return unquantized_numbers(
        unquantized_matrix(weights, 1, static_cast<std::int64_t>(weights.size())).codes);
}

}  // namespace tilewright::models
