// SPDX-License-Identifier: Apache-2.0
// What a design has for binary super-resolution beside the parts that all designs share.
#pragma once

#include <bit>
#include <cstdint>

#include "accel/design/transformer_design.hpp"
#include "models/networks/super_resolution.hpp"
#include "models/recipes/super_resolution_recipe.hpp"

namespace tilewright::accel {

// XNOR gates and counters of ones. Every cycle compares `inputs` signs of a pixel's neighbourhood with those
// of `outputs` rows of weights; taps beyond the border are masked.
struct BinaryEngine {
    int inputs = 1;
    int outputs = 1;
    int pipeline_cycles = 0;

    std::int64_t macs_per_cycle() const { return static_cast<std::int64_t>(inputs) * outputs; }
};

// Where the pixels between two units lie: every unit needs the average of all pixels before it can begin.
enum class FeatureMaps {
    on_chip,  // in the buffer of activations
    memory    // each unit reads them from memory and writes them back
};

// The convolutions of more than one bit, by the names under which a mapping sends them to an engine; the
// stages of the upsampler are alike.
inline constexpr const char* convolution_layer_names[] = {"head", "upsample", "tail"};

struct SuperResolutionDesign {
    models::SuperResolutionConfig network;
    models::SuperResolutionRecipe recipe;
    models::ImageSize image;  // that comes in
    BinaryEngine binary;
    QuantizerEngine quantizer;
    std::int64_t tile_rows = 1;  // rows of the image, and what becomes of them, in one instruction
    FeatureMaps feature_maps = FeatureMaps::on_chip;

    // Of a count of 9 C signs that agree, less those that do not.
    int count_bits() const {
        return 1 + std::bit_width(static_cast<std::uint64_t>(models::convolution_taps * network.channels));
    }
};

}  // namespace tilewright::accel
