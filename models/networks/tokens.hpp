// SPDX-License-Identifier: Apache-2.0
// Tokens of texts that networks read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilewright::models {

// Throws std::out_of_range for a token that the vocabulary does not have, with its position.
void require_token(std::int64_t token, std::int64_t vocabulary, std::size_t position);

}  // namespace tilewright::models
