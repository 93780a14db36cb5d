// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/episode_work.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace tilewright::memory {

void DramEpisodeWork::begin(const DramBurstQueue& channel, MemoryClock begin,
                            const std::vector<DramBurstQueue::Burst>& bursts) {
    begin_ = begin;
    channel_ = channel;
    channel_->scheduler().rest(begin_);
    channel_->take_busy(busy_);
    written_.clear();
    news_.clear();
    entered_.clear();
    for (const auto& burst : bursts) join(burst);
    channel_->watch_idle();
}

void DramEpisodeWork::join(DramBurstQueue::Burst burst) {
    burst.arrival = std::max(burst.arrival, begin_);
    if (burst.write) written_.push_back(burst.id);
    channel_->add(burst);
}

bool DramEpisodeWork::advance(MemoryClock until) {
    channel_->advance_served(until);
    collect();
    return channel_->empty();
}

// From the command that moves the last data to their end.
MemoryClock DramEpisodeWork::latency(std::int64_t id) const {
    const bool write = std::find(written_.begin(), written_.end(), id) != written_.end();
    return channel_->latency(write);
}

void DramEpisodeWork::collect() {
    const auto before = static_cast<std::ptrdiff_t>(news_.size());
    channel_->take_accepted(accepted_);
    for (const auto& accepted : accepted_) {
        const auto clock = accepted.clock - begin_;
        entered_.emplace_back(accepted.id, accepted.clock);
        if (accepted.write) news_.push_back({clock, accepted.id, true, 0, clock});
    }
    channel_->take_served(served_);
    for (const auto& served : served_) {
        const auto last = served.last_data - begin_;
        news_.push_back({last - latency(served.id), served.id, false, served.first_data - begin_, last});
    }
    std::stable_sort(news_.begin() + before, news_.end(),
                     [](const auto& a, const auto& b) { return a.known < b.known; });
}

std::optional<MemoryClock> DramEpisodeWork::entered(std::int64_t id) const {
    const auto at =
        std::find_if(entered_.begin(), entered_.end(), [id](const auto& one) { return one.first == id; });
    if (at == entered_.end()) return {};
    return at->second;
}

DramEpisode DramEpisodeWork::finish(const std::vector<DramBurstQueue::Burst>& bursts) {
    DramEpisode episode;
    episode.first_idle = channel_->advance_to_rest() - begin_;
    collect();
    for (const auto& burst : bursts) episode.entered.push_back(entered(burst.id).value_or(begin_) - begin_);
    episode.news = news_;
    auto soonest = std::numeric_limits<MemoryClock>::max();
    for (auto news = episode.news.rbegin(); news != episode.news.rend(); ++news) {
        news->soonest = soonest = std::min(soonest, news->last_data);
        const auto same = [&](const DramBurstQueue::Burst& burst) { return burst.id == news->burst; };
        news->burst = std::find_if(bursts.begin(), bursts.end(), same) - bursts.begin();
    }
    episode.course = channel_->scheduler().course();
    return episode;
}

}  // namespace tilewright::memory
