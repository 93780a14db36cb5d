// SPDX-License-Identifier: Apache-2.0
// Episodes of DRAM channels that have been worked out, by what they depend on (see episode.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

// Clocks from the episode's begin.
struct DramEpisode {
    struct News {
        MemoryClock known = 0;  // commands before this clock and this one have decided it
        std::size_t burst = 0;  // counted from the first one
        bool accepted = false;  // written, and in the queue; otherwise served
        MemoryClock first_data = 0;
        MemoryClock last_data = 0;  // or the clock at which it was accepted
        MemoryClock soonest = 0;    // last_data of this one or of one behind it
    };
    struct BankChange {
        std::size_t bank = 0;  // by the order in which the banks were met
        int group = 0;         // from the first one on
        int row = -1;          // by the order in which they were met; -1: closed
        DramBankState state;
    };
    std::vector<News> news;  // by `known`
    DramCommandScheduler::Course course;
    std::vector<BankChange> banks;
    std::vector<MemoryClock> entered;  // by burst: the queue has taken over all of it
    MemoryClock first_idle = 0;        // nothing waits for the first time; -1: nothing does at the begin

    // From here on it binds nothing. Bursts that arrive sooner belong to it.
    MemoryClock rest() const { return course.rest; }
};

class DramEpisodeStore {
  public:
    using Key = std::vector<std::int64_t>;

    // Holds at most so many episodes, of about 1 KB each.
    explicit DramEpisodeStore(std::size_t most_episodes = 100000) : most_episodes_(most_episodes) {}

    // Null if there is none.
    const DramEpisode* find(const Key& key) const;
    // Of a key that it does not have. Stays where it is; null if there are too many.
    const DramEpisode* add(const Key& key, const DramEpisode& episode);
    std::size_t size() const { return episodes_.size(); }

  private:
    // Every burst of a simulation looks for its episode: the slots are a table with linear probing, so that
    // a look costs one place in memory more than the key and the episode themselves.
    struct Slot {
        std::uint64_t hash = 0;
        std::uint32_t number = 0;  // of its episode, from 1 on; 0: free
    };
    struct Stored {
        std::size_t key = 0;  // where it begins in keys_
        std::size_t words = 0;
        DramEpisode episode;
    };

    bool is_key(const Stored& stored, const Key& key) const;
    std::size_t free_slot(std::uint64_t hash) const;

    std::size_t most_episodes_;
    std::vector<Slot> slots_{1024};  // a power of two, at most half of them in use
    std::deque<Stored> episodes_;
    std::vector<std::int64_t> keys_;
};

}  // namespace tilewright::memory
