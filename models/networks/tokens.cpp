// SPDX-License-Identifier: Apache-2.0
#include "models/networks/tokens.hpp"

#include <stdexcept>
#include <string>

namespace tilewright::models {

void require_token(std::int64_t token, std::int64_t vocabulary, std::size_t position) {
    if (token >= 0 && token < vocabulary) return;
    throw std::out_of_range("token " + std::to_string(token) + " at position " + std::to_string(position) +
                            " is beyond the vocabulary; allowed: 0 to " + std::to_string(vocabulary - 1));
}

}  // namespace tilewright::models
