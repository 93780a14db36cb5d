// SPDX-License-Identifier: Apache-2.0
// FPQVAR's dual formats (arXiv 2505.16335 and the authors' code) for skewed activations, such as what GELU
// leaves: the sign bit of a code chooses between two formats, each with an absmax scale of its own per group,
// so that a short negative side is not rounded with the steps of a long positive one.
//
//   four bits   negative: e1m2, down to -1.75 scales; positive: e2m1, up to 6 scales
//   six bits    negative: the negative codes of a two's complement int6, -1 ... -32 scales (small ones become
//               the positive zero); positive: e2m3, up to 7.5 scales
//
// Zero is positive. Two scales a group mean two partial sums a group in hardware.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/formats/codec.hpp"

namespace tilewright::models {

// Both of the same width; a code whose top bit is set belongs to `negative`.
struct DualFormat {
    NumberFormat negative;
    NumberFormat positive;
};

DualFormat dual_fp4();  // e1m2, e2m1
DualFormat dual_fp6();  // int6, e2m3

struct DualGroups {
    std::vector<float> negative_scales;
    std::vector<float> positive_scales;
    std::vector<std::uint8_t> codes;
    std::size_t nan_count = 0;  // NaN becomes code 0; infinity saturates
};

// Throws std::invalid_argument for a group of 0 elements, and for formats of different widths or more than 8
// bits. The authors' kernel rounds half up.
DualGroups quantize_dual(std::span<const float> values, std::size_t group, const DualFormat& format,
                         TieRule ties = TieRule::half_up);

std::vector<float> dequantize_dual(const DualGroups& quantized, std::size_t group, const DualFormat& format);

}  // namespace tilewright::models
