// SPDX-License-Identifier: Apache-2.0
// Designs for GPT-BigCode, small enough to simulate in no time.
#pragma once

#include "../small_design.hpp"

namespace tilewright::test {

// Two blocks of 256 channels and four heads of 64; the linear layers in the fabric.
inline accel::DesignDocument small_gpt_document(const Settings& settings = {}) {
    auto document = design_document(
        "codes-vck190-w8a8",
        {{"/network/layers", 2},
         {"/network/width", 256},
         {"/network/heads", 4},
         {"/network/hidden", 768},
         {"/network/vocabulary", 500},
         {"/network/positions", 512},
         {"/mapping/linear_engine", "pl"},
         {"/mapping/tile/outputs", 128},
         {"/mapping/tile/tokens", 16},
         {"/mapping/tile/prompt_slice", 40},
         {"/workload", {{"phase", "decode"}, {"prompt", 100}, {"beams", 3}, {"generated", 7}}}});
    for (const auto& [pointer, value] : settings) document.set(pointer, value);
    return document;
}

}  // namespace tilewright::test
