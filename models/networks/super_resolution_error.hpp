// SPDX-License-Identifier: Apache-2.0
// How far a recipe takes a binary super-resolution network from float64.
#pragma once

#include <cstdint>
#include <vector>

#include "models/networks/block_taps.hpp"
#include "models/networks/super_resolution.hpp"
#include "models/recipes/super_resolution_recipe.hpp"

namespace tilewright::models {

struct SuperResolutionError {
    // Of the head's map ("head"), of what is behind the last unit ("units"), of the image that comes out
    // ("image"); each with all before it.
    std::vector<OperatorError> operators;
    double peak_signal_to_noise_db = 0;  // 10 log10(1 / mean (x - y)^2); infinite for equal images
    // Fractions of the signs that a unit convolves: of all units and of the last one.
    double differing_signs = 0;
    double differing_signs_of_last_unit = 0;
};

// A seeded synthetic network on a seeded synthetic image, against the float64 reference, which is binary too.
// Throws std::invalid_argument for groups that do not fit the network.
SuperResolutionError super_resolution_error(const SuperResolutionConfig& config,
                                            const SuperResolutionRecipe& recipe, const ImageSize& image,
                                            std::uint64_t seed);

}  // namespace tilewright::models
