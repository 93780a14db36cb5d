// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/episode_store.hpp"

namespace tilewright::memory {

std::size_t DramEpisodeStore::Hash::operator()(const Key& key) const {
    std::uint64_t hash = key.size();
    for (const auto word : key) {
        hash = (hash ^ static_cast<std::uint64_t>(word)) * 0x9E3779B97F4A7C15U;  // 2^64 over the golden ratio
        hash ^= hash >> 29U;
    }
    return static_cast<std::size_t>(hash);
}

}  // namespace tilewright::memory
