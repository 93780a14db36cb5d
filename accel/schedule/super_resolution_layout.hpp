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

// An image or a feature map, strip by strip. Every strip begins with a whole beat of each channel, so that no
// transfer writes into the next one.
struct StripRegion {
    std::int64_t address = 0;
    std::int64_t stride = 0;

    std::int64_t strip(std::size_t index) const {
        return address + static_cast<std::int64_t>(index) * stride;
    }
};

struct SuperResolutionLayout {
    std::vector<ConvolutionLayer> convolutions;  // in the order of the network
    // A unit: the signs of its weights [outputs, 3, 3, inputs], one bit each, to whole bytes; then in
    // binary32 the scales of its outputs, fc1, its biases, fc2, its biases, the weights of a pixel's factor,
    // its bias.
    std::int64_t unit_bytes = 0;
    std::int64_t unit_stride = 0;
    std::int64_t units = 0;
    StripRegion image;     // eight bits a color
    StripRegion head_map;  // what the head makes, which is added behind the body
    StripRegion map;       // pixels between units; used where they lie in memory
    StripRegion output;    // eight bits a color
};

// Bytes of `pixels` pixels between the layers, with so many channels.
std::int64_t feature_map_bytes(const SuperResolutionDesign& design, std::int64_t pixels,
                               std::int64_t channels);

// Throws MappingError when a port does not reach as far.
SuperResolutionLayout lay_out_super_resolution(const Design& design);

}  // namespace tilewright::accel
