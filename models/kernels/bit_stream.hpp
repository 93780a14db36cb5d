// SPDX-License-Identifier: Apache-2.0
// Fields of a few bits in bytes, from the lowest bit of the first byte up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tilewright::models {

// Writes the lowest `bits` (1 to 32) of `field` at bit `position`. The bytes must be zero there before.
inline void put_bits(std::span<std::byte> bytes, std::size_t position, int bits, std::uint32_t field) {
    std::uint64_t rest = std::uint64_t{field} << (position % 8);
    auto at = position / 8;
    for (auto left = bits + static_cast<int>(position % 8); left > 0; left -= 8, rest >>= 8, ++at) {
        bytes[at] |= static_cast<std::byte>(rest & 0xffU);
    }
}

// The field of `bits` (1 to 32) at bit `position`.
inline std::uint32_t get_bits(std::span<const std::byte> bytes, std::size_t position, int bits) {
    std::uint64_t value = 0;
    const auto first = position / 8;
    const auto last = (position + static_cast<std::size_t>(bits) - 1) / 8;
    for (auto at = first; at <= last; ++at) {
        value |= std::to_integer<std::uint64_t>(bytes[at]) << (8 * (at - first));
    }
    return static_cast<std::uint32_t>(value >> (position % 8) & ((std::uint64_t{1} << bits) - 1));
}

}  // namespace tilewright::models
