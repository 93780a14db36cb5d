// SPDX-License-Identifier: Apache-2.0
// Binary super-resolution after EBSR (Wei et al., arXiv 2303.12270) as an operator graph.
//
// A residual network of 3x3 convolutions: a head, a body of residual blocks with two binary units each, an
// addition of the head's output, for every doubling of the image a convolution to four times the channels
// with a pixel shuffle, and a tail. Head, upsampler and tail keep more bits; the body's convolutions have one
// for weights and inputs. EBSR-light has the sizes of SRResNet (Ledig et al., CVPR 2017: 16 blocks, 64
// channels), EBSR those of EDSR (Lim et al., CVPRW 2017: 32 blocks, 256 channels), both without batch
// normalisation. A unit keeps what one bit loses by factors that depend on the image, and its input:
//
//   (shift, gain) = fc2(relu(fc1(average of x over all pixels)))   by channel
//   unit(x) = x + conv(sign(x + shift)) * sigmoid(v x + b) * sigmoid(gain)
//
// sigmoid(v x + b) is one factor a pixel. Between the two units of a block stands a leaky ReLU. That shift
// and gain come from one branch with one hidden layer, and the leaky ReLU, are this project's reading.
#pragma once

#include <cstdint>
#include <string>

#include "models/graph/operator_graph.hpp"
#include "models/kernels/feature_map.hpp"

namespace tilewright::models {

struct SuperResolutionConfig {
    std::string name;
    int blocks = 0;
    std::int64_t channels = 0;
    std::int64_t hidden = 0;  // of the branch that makes shifts and gains
    std::int64_t colors = 3;
    int scale = 2;  // a power of two

    int units() const { return 2 * blocks; }
    int stages() const;  // doublings of the image
};

// Throws std::invalid_argument for sizes that make no network.
void check_super_resolution_config(const SuperResolutionConfig& config);

// Operators over m pixels of the image that comes in, in the order of their names: "head.conv"; for every
// unit U "body.U.pool", "channel.fc1", "channel.fc2", "channel.sigmoid", "spatial", "binarize", "conv",
// "rescale", "add" and in every first unit of a block "activation"; "body.add"; "upsample.S.conv" and
// "upsample.S.shuffle"; "tail.conv". A unit is a layer. Throws std::invalid_argument for sizes that make no
// network.
OperatorGraph build_super_resolution_graph(const SuperResolutionConfig& config, const ImageSize& image);

struct SuperResolutionTotals {
    std::int64_t binary_macs = 0;
    std::int64_t convolution_macs = 0;  // of head, upsampler and tail
    std::int64_t branch_macs = 0;       // of the factors
    std::int64_t binary_weights = 0;
    std::int64_t other_parameters = 0;
};
SuperResolutionTotals super_resolution_totals(const OperatorGraph& graph);

}  // namespace tilewright::models
