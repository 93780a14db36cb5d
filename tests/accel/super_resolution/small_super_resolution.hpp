// SPDX-License-Identifier: Apache-2.0
// Designs for binary super-resolution, small enough to simulate in no time.
#pragma once

#include "../small_design.hpp"

namespace tilewright::test {

// Three blocks of 10 channels with 3 hidden ones, twice 7 x 5 pixels: sizes that no beat, word or tile
// divides.
inline accel::DesignDocument small_super_resolution_document(const Settings& settings = {}) {
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
