// SPDX-License-Identifier: Apache-2.0
// Positions in containers from counts, which are signed everywhere in this project.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilewright::models {

// `i` is not negative.
constexpr std::size_t index(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

}  // namespace tilewright::models
