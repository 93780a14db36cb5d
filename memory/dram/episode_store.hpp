// SPDX-License-Identifier: Apache-2.0
// Episodes of DRAM channels that have been worked out, by what they depend on (see episode.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

// Clocks from the episode's begin.
struct DramEpisode {
    struct News {
        MemoryClock known = 0;   // commands before this clock and this one have decided it
        std::int64_t burst = 0;  // counted from the first one
        bool accepted = false;   // written, and in the queue; otherwise served
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

    // For so many channels. Holds at most so many episodes, of about 1 KB each.
    explicit DramEpisodeStore(int channels = 1, std::size_t most_episodes = 100000)
        : shared_(channels > 1), most_episodes_(most_episodes) {}

    // What one channel works out may be of use to another one at once.
    bool shared() const { return shared_; }

    // Of a key and the clock at which a refresh comes due. Null if there is none.
    const DramEpisode* find(const Key& key, MemoryClock due) const;
    // The same for all clocks of a window, which holds one that it does not have of this key. Stays where it
    // is; null if there are too many.
    const DramEpisode* add(const Key& key, MemoryClock due, DramCommandScheduler::ClockWindow window,
                           const DramEpisode& episode);
    std::size_t size() const { return size_; }

    // Whether an episode that is not known was begun before. One that others join every time is never done by
    // itself, and would be worked out anew every time up to there.
    bool begun_again(const Key& key, MemoryClock due);

  private:
    struct Hash {
        std::size_t operator()(const Key& key) const;
    };

    struct Entry {
        DramCommandScheduler::ClockWindow due;
        std::unique_ptr<const DramEpisode> episode;
    };
    using Entries = std::vector<Entry>;  // in order and disjoint
    static bool sooner(const Entry& entry, MemoryClock clock) { return entry.due.until < clock; }

    bool shared_;
    std::size_t most_episodes_;
    std::size_t size_ = 0;
    std::unordered_map<Key, Entries, Hash> episodes_;
    std::unordered_set<std::uint64_t> begun_;  // hashes: two of one value cost nothing but work
};

}  // namespace tilewright::memory
