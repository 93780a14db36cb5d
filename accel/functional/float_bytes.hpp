// SPDX-License-Identifier: Apache-2.0
// Numbers of binary32 as they lie in memory, and as kernels take them.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace tilewright::accel {

inline std::vector<std::byte> bytes_of(std::span<const float> numbers) {
    std::vector<std::byte> bytes(numbers.size_bytes());
    if (!bytes.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
    return bytes;
}

// Whole numbers of them.
inline std::vector<float> floats_of(std::span<const std::byte> bytes) {
    std::vector<float> numbers(bytes.size() / sizeof(float));
    if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
    return numbers;
}

inline std::vector<float> floats(std::span<const double> numbers) {
    std::vector<float> result;
    result.reserve(numbers.size());
    for (const auto number : numbers) result.push_back(static_cast<float>(number));
    return result;
}

inline std::vector<double> doubles(std::span<const float> numbers) {
    return {numbers.begin(), numbers.end()};
}

}  // namespace tilewright::accel
