// SPDX-License-Identifier: Apache-2.0
// Designs for binary super-resolution, small enough to simulate in no time.
#pragma once

#include "../small_design.hpp"

namespace tilewright::test {

// Three blocks of twelve channels on an image of seven rows of five pixels, in strips of two rows.
inline accel::DesignDocument small_super_resolution_document(const Settings& settings = {}) {
    auto document = design_document("ebsr-vck190-light-x4", {{"/network/blocks", 3},
                                                             {"/network/channels", 12},
                                                             {"/network/hidden", 5},
                                                             {"/workload/height", 7},
                                                             {"/workload/width", 5},
                                                             {"/mapping/tile/rows", 2},
                                                             {"/engines/matrix/inputs", 12},
                                                             {"/engines/matrix/outputs", 8},
                                                             {"/engines/binary/inputs", 54},
                                                             {"/engines/binary/outputs", 4},
                                                             {"/engines/quantizer/lanes", 8},
                                                             {"/engines/vector/lanes", 8}});
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

// Three blocks of 10 channels with 3 hidden ones, twice 7 x 5 pixels, on engines of the shipped size: sizes
// that no beat, word or tile divides.
inline accel::DesignDocument odd_super_resolution_document(const Settings& settings = {}) {
    auto document = design_document("ebsr-vck190-light-x4", {{"/network/blocks", 3},
                                                             {"/network/channels", 10},
                                                             {"/network/hidden", 3},
                                                             {"/network/scale", 2},
                                                             {"/workload/height", 7},
                                                             {"/workload/width", 5}});
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

}  // namespace tilewright::test
