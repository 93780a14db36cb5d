// SPDX-License-Identifier: Apache-2.0
// Where a super-resolution network's weights and pixels lie in memory, and how large they are.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/schedule/memory_layout.hpp"

namespace tilewright::accel {

// A convolution of more than one bit: head, every stage of the upsampler, tail.
struct ConvolutionLayer {
    std::size_t operands = 0;  // index into linear_operands()
    std::int64_t outputs = 0;
    LinearEngine engine = LinearEngine::pl;
    TransferSize weights;  // biases in binary32 among the values
    std::int64_t address = 0;
};

struct SuperResolutionLayout {
    std::vector<ConvolutionLayer> convolutions;  // in the order of the network
    // A unit's signs and the scales of its outputs in binary32, and its branches in fp16.
    std::int64_t unit_bytes = 0;
    std::int64_t unit_stride = 0;
    std::int64_t units = 0;
    std::int64_t image = 0;     // eight bits a color
    std::int64_t head_map = 0;  // what the head makes, which is added behind the body
    std::int64_t map = 0;       // pixels between units; used where they lie in memory
    std::int64_t output = 0;    // eight bits a color
};

// Bytes of `pixels` pixels between the layers, with so many channels.
std::int64_t feature_map_bytes(const SuperResolutionDesign& design, std::int64_t pixels,
                               std::int64_t channels);

// Throws MappingError when a port does not reach as far.
SuperResolutionLayout lay_out_super_resolution(const Design& design);

}  // namespace tilewright::accel
