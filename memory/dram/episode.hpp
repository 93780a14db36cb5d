// SPDX-License-Identifier: Apache-2.0
// Episodes of a DRAM channel: what it does from the moment in which bursts find it at rest until it rests
// again.
//
// An episode depends on little: when its bursts arrive, which bank groups and rows their accesses take their
// turns over, how those rows stand, and where a refresh comes in between. Clocks count from its begin, banks
// and rows by the order in which they are met, bank groups from the first one on: to the rules of the command
// bus they are all alike. Two episodes that agree in that are the same command for command. The first one is
// worked out (DramEpisodeWork), and the others follow it in closed form, which is therefore exact.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory/dram/address_mapping.hpp"
#include "memory/dram/burst_queue.hpp"
#include "memory/dram/command_scheduler.hpp"
#include "memory/dram/episode_store.hpp"
#include "memory/dram/episode_work.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::memory {

class DramEpisodes {
  public:
    // `store` is for channels of this specification, policy and mapping.
    DramEpisodes(const DramSpecification& specification, const DramControllerPolicy& policy,
                 const AddressMapping& mapping, std::shared_ptr<DramEpisodeStore> store);

    // The episode of these bursts, by arrival, which find `channel` at rest at the first one's; null if it is
    // not known. Valid up to the next call.
    const DramEpisode* find(const DramBurstQueue& channel, const std::vector<DramBurstQueue::Burst>& bursts);
    // Whether it can be known at all.
    bool comparable() const { return comparable_; }
    // Whether the one that was looked for and is not known is likely to be met again, whatever joins it this
    // time: by another channel, or because it has been begun before.
    bool worth_finishing() { return store_->shared() || store_->begun_again(key_, refresh_due_); }
    // From now on it is: what `work` has done of the bursts that were looked for last. Valid as long.
    const DramEpisode* add(const DramBurstQueue& channel, const std::vector<DramBurstQueue::Burst>& bursts,
                           DramEpisodeWork& work);
    // Its begin: the first arrival, or later, if nothing can be done before.
    MemoryClock begin() const { return begin_; }
    // Lets the channel pass through the episode that was found last, whose first burst came at `arrival`.
    void follow(DramBurstQueue& channel, const DramEpisode& episode, MemoryClock arrival) const;

  private:
    // The same bank of every group.
    struct BankSet {
        static constexpr int most_rows = 15;
        int rank = 0;
        int bank = 0;  // within its group
        int count = 0;
        std::array<std::int64_t, most_rows> rows{};  // in the order in which they are met

        // Its number; most_rows if there are too many.
        int row(std::int64_t row) {
            for (int i = 0; i < count; ++i) {
                if (rows[static_cast<std::size_t>(i)] == row) return i;
            }
            if (count < most_rows) rows[static_cast<std::size_t>(count++)] = row;
            return count < most_rows ? count - 1 : most_rows;
        }
    };

    MemoryClock begin_of(const DramCommandScheduler& scheduler,
                         const std::vector<DramBurstQueue::Burst>& bursts) const;
    bool describe(const DramBurstQueue& channel, const std::vector<DramBurstQueue::Burst>& bursts);
    bool describe(const DramCommandScheduler& scheduler, const DramBurstQueue::Burst& burst);
    std::size_t meet(const DramCommandScheduler& scheduler, const DramAddress& address);
    static bool any_meet(const DramBurstQueue& channel, const std::vector<DramBurstQueue::Burst>& bursts);
    bool refreshed_within(const DramCommandScheduler& scheduler, MemoryClock rest) const;
    const DramEpisode* known(const DramCommandScheduler& scheduler);
    bool waits_for_idle(const DramEpisode& episode) const;
    bool open_elsewhere(const DramCommandScheduler& scheduler, int rank) const;
    void key_with_refresh(const DramCommandScheduler& scheduler, bool waits);
    void add_banks(const DramCommandScheduler& before, const DramCommandScheduler& behind,
                   DramEpisode& episode);
    int bank_index(const BankSet& set, int group) const;

    DramOrganization organization_;
    DramTiming timing_;
    AddressMapping mapping_;
    bool postpones_;
    Divisor access_bytes_;
    bool comparable_mapping_;
    Divisor block_accesses_;  // over which only group and column change
    std::shared_ptr<DramEpisodeStore> store_;
    DramEpisode not_stored_;

    // Of the bursts that were described last.
    DramEpisodeStore::Key key_;
    std::size_t bursts_key_ = 0;  // words of it that do without refreshes
    MemoryClock begin_ = 0;
    MemoryClock refresh_due_ = 0;  // of rank 0, from the begin on
    int first_group_ = 0;
    std::size_t sets_ = 0;
    std::vector<BankSet> bank_sets_;
    bool comparable_ = false;
};

}  // namespace tilewright::memory
