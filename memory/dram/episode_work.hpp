// SPDX-License-Identifier: Apache-2.0
// Working out an episode of a DRAM channel that is not known yet, as time goes on: what joins it is taken up
// on the way.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "memory/dram/burst_queue.hpp"
#include "memory/dram/episode_store.hpp"

namespace tilewright::memory {

class DramEpisodeWork {
  public:
    // `channel` rests up to `begin`, at which these bursts are there or later.
    void begin(const DramBurstQueue& channel, MemoryClock begin,
               const std::vector<DramBurstQueue::Burst>& bursts);
    // Not sooner than the clock up to which it went.
    void join(DramBurstQueue::Burst burst);
    // All commands of the clocks before `until`. True if nothing is left to be served.
    bool advance(MemoryClock until);

    // So far; `burst` is an id.
    const std::vector<DramEpisode::News>& news() const { return news_; }
    // When the queue has taken over all of a burst; nothing if it has not yet.
    std::optional<MemoryClock> entered(std::int64_t id) const;
    MemoryClock now() const { return channel_->now(); }
    std::optional<MemoryClock> next_event() const { return channel_->next_event(); }

    // Goes on to the next rest. `bursts`: in the order in which the episode counts them. Without its banks.
    DramEpisode finish(const std::vector<DramBurstQueue::Burst>& bursts);
    // The channel as finish() leaves it.
    const DramCommandScheduler& scheduler() const { return channel_->scheduler(); }

  private:
    void collect();
    MemoryClock latency(std::int64_t id) const;

    std::optional<DramBurstQueue> channel_;
    MemoryClock begin_ = 0;
    std::vector<std::int64_t> written_;  // ids
    std::vector<DramEpisode::News> news_;
    std::vector<std::pair<std::int64_t, MemoryClock>> entered_;
    // Kept for their memory.
    std::vector<DramBurstQueue::Served> served_;
    std::vector<DramBurstQueue::Accepted> accepted_;
    std::vector<DramCommandScheduler::Busy> busy_;
};

}  // namespace tilewright::memory
