// SPDX-License-Identifier: Apache-2.0
// DramBurstQueue at the speed of a closed form: bursts that find the channel at rest go through episodes
// (DramEpisodes), and only what is not such an episode command by command. The same to the clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "memory/dram/burst_queue.hpp"
#include "memory/dram/episode.hpp"

namespace tilewright::memory {

// Members as those of DramBurstQueue.
class DramEpisodeQueue {
  public:
    using Burst = DramBurstQueue::Burst;
    using Served = DramBurstQueue::Served;
    using Accepted = DramBurstQueue::Accepted;

    // `store` is for channels of this specification, policy and mapping.
    DramEpisodeQueue(const DramSpecification& specification, const DramControllerPolicy& policy,
                     const AddressMapping& mapping,
                     std::shared_ptr<DramEpisodeStore> store = std::make_shared<DramEpisodeStore>());

    void add(Burst burst);
    void advance(MemoryClock until);
    void take_served(std::vector<Served>& taken);
    void take_accepted(std::vector<Accepted>& taken);
    bool has_news() const { return !served_.empty() || !accepted_.empty(); }
    bool has_room();
    std::optional<MemoryClock> next_event() const;
    std::optional<MemoryClock> next_room();
    void take_busy(std::vector<DramCommandScheduler::Busy>& taken);
    MemoryClock now() const { return now_; }
    DramCommandStatistics statistics() const;

  private:
    bool joins(MemoryClock until) const;
    void begin();
    void find_episode();
    void work(MemoryClock until);
    void finish_work();
    const std::vector<DramEpisode::News>& news() const { return works_ ? work_.news() : episode_->news; }
    MemoryClock outside_until(std::size_t burst) const;
    void settle(std::size_t first, bool writes);
    void tell(MemoryClock until);
    void end();
    void go_by_command();
    void collect();

    DramBurstQueue channel_;  // at the begin of the episode, if there is one
    DramEpisodes episodes_;
    bool by_command_ = false;  // the bursts are in channel_'s hands
    MemoryClock now_ = 0;
    std::vector<Burst> coming_;             // by arrival
    std::vector<Burst> bursts_;             // of the episode, by arrival
    std::vector<Burst> settled_;            // the same as the episode was looked for
    std::vector<Burst> joined_;             // those that came last
    const DramEpisode* episode_ = nullptr;  // if it is known
    DramEpisodeWork work_;                  // it is being worked out
    bool works_ = false;
    std::size_t told_ = 0;  // of its news
    MemoryClock busy_told_ = 0;
    std::array<std::vector<std::int64_t>, 2>
        told_bursts_;  // served, accepted: ids; by command they come out again
    std::vector<Served> served_;
    std::vector<Accepted> accepted_;
    // Kept for their memory.
    std::vector<Served> served_by_command_;
    std::vector<Accepted> accepted_by_command_;
    std::vector<DramCommandScheduler::Busy> pieces_;
};

}  // namespace tilewright::memory
