// SPDX-License-Identifier: Apache-2.0
// The weights of a super-resolution network as they lie in memory: to bytes and back, every bit kept.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "accel/schedule/memory_layout.hpp"
#include "models/kernels/quantized_convolution.hpp"
#include "models/networks/quantized_binary_unit.hpp"
#include "models/networks/super_resolution.hpp"

namespace tilewright::accel {

// Of a convolution of more than one bit: the codes of the matrix row by row, biases in binary32 at the end of
// the values, then the scales. `format` is that of its weights, `size` what the layout has for it.
std::vector<std::byte> pack_convolution(const models::QuantizedConvolution& convolution,
                                        const models::Quantization& format, const TransferSize& size);
// `like` has the formats and sizes.
models::QuantizedConvolution unpack_convolution(const models::QuantizedConvolution& like,
                                                const models::Quantization& format, const TransferSize& size,
                                                std::span<const std::byte> bytes);

// Of a unit, in the order of SuperResolutionLayout.
std::vector<std::byte> pack_unit(const models::QuantizedBinaryUnit& unit);
models::QuantizedBinaryUnit unpack_unit(const models::SuperResolutionConfig& config,
                                        std::span<const std::byte> bytes, bool first_of_block);

}  // namespace tilewright::accel
