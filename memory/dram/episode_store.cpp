// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/episode_store.hpp"

#include <algorithm>

namespace tilewright::memory {

namespace {

std::uint64_t hash_of(const DramEpisodeStore::Key& key) {
    std::uint64_t hash = key.size();
    for (const auto word : key) {
        hash = (hash ^ static_cast<std::uint64_t>(word)) * 0x9E3779B97F4A7C15U;  // 2^64 over the golden ratio
        hash ^= hash >> 29U;
    }
    return hash;
}

}  // namespace

bool DramEpisodeStore::is_key(const Stored& stored, const Key& key) const {
    return stored.words == key.size() &&
           std::equal(key.begin(), key.end(), keys_.begin() + static_cast<std::ptrdiff_t>(stored.key));
}

const DramEpisode* DramEpisodeStore::find(const Key& key) const {
    const auto hash = hash_of(key);
    const auto mask = slots_.size() - 1;
    for (auto i = hash & mask; slots_[i].number != 0; i = (i + 1) & mask) {
        if (slots_[i].hash != hash) continue;
        const auto& stored = episodes_[slots_[i].number - 1];
        if (is_key(stored, key)) return &stored.episode;
    }
    return nullptr;
}

std::size_t DramEpisodeStore::free_slot(std::uint64_t hash) const {
    const auto mask = slots_.size() - 1;
    auto i = hash & mask;
    while (slots_[i].number != 0) i = (i + 1) & mask;
    return i;
}

const DramEpisode* DramEpisodeStore::add(const Key& key, const DramEpisode& episode) {
    if (episodes_.size() >= most_episodes_) return nullptr;
    if (2 * (episodes_.size() + 1) > slots_.size()) {
        std::vector<Slot> old(2 * slots_.size());
        old.swap(slots_);
        for (const auto& slot : old) {
            if (slot.number != 0) slots_[free_slot(slot.hash)] = slot;
        }
    }
    episodes_.push_back({keys_.size(), key.size(), episode});
    keys_.insert(keys_.end(), key.begin(), key.end());
    const auto hash = hash_of(key);
    slots_[free_slot(hash)] = {hash, static_cast<std::uint32_t>(episodes_.size())};
    return &episodes_.back().episode;
}

}  // namespace tilewright::memory
