// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/episode_store.hpp"

#include <algorithm>
#include <iterator>

namespace tilewright::memory {

namespace {

std::uint64_t mixed(std::uint64_t hash, std::int64_t word) {
    hash = (hash ^ static_cast<std::uint64_t>(word)) * 0x9E3779B97F4A7C15U;  // 2^64 over the golden ratio
    return hash ^ hash >> 29U;
}

}  // namespace

std::size_t DramEpisodeStore::Hash::operator()(const Key& key) const {
    std::uint64_t hash = key.size();
    for (const auto word : key) hash = mixed(hash, word);
    return static_cast<std::size_t>(hash);
}

const DramEpisode* DramEpisodeStore::find(const Key& key, MemoryClock due) const {
    const auto at = episodes_.find(key);
    if (at == episodes_.end()) return nullptr;
    const auto& entries = at->second;
    const auto entry = std::lower_bound(entries.begin(), entries.end(), due, sooner);
    return entry == entries.end() || entry->due.after >= due ? nullptr : entry->episode.get();
}

bool DramEpisodeStore::begun_again(const Key& key, MemoryClock due) {
    if (size_ >= most_episodes_) return false;  // it could not be kept
    if (begun_.size() >= most_episodes_) begun_.clear();
    return !begun_.insert(mixed(Hash()(key), due)).second;
}

const DramEpisode* DramEpisodeStore::add(const Key& key, MemoryClock due,
                                         DramCommandScheduler::ClockWindow window,
                                         const DramEpisode& episode) {
    if (size_ == most_episodes_) return nullptr;
    auto& entries = episodes_[key];
    const auto next = std::lower_bound(entries.begin(), entries.end(), due, sooner);
    if (next != entries.end()) window.until = std::min(window.until, next->due.after);
    if (next != entries.begin()) window.after = std::max(window.after, std::prev(next)->due.until);
    ++size_;
    return entries.insert(next, {window, std::make_unique<const DramEpisode>(episode)})->episode.get();
}

}  // namespace tilewright::memory
