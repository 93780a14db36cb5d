// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/episode.hpp"

#include <algorithm>
#include <utility>

namespace tilewright::memory {

namespace {

// Fields of a word of the key.
constexpr std::int64_t refreshed_flag = 4;
constexpr int row_bits = 4;  // of the order of rows, closed included
constexpr int state_bits = row_bits + 1;
constexpr int most_groups = 63 / state_bits;
constexpr std::size_t most_bank_sets = 200;
constexpr DramCommandScheduler::ClockWindow any_clock = {-1, 0};  // it makes no difference

}  // namespace

DramEpisodes::DramEpisodes(const DramSpecification& specification, const DramControllerPolicy& policy,
                           const AddressMapping& mapping, std::shared_ptr<DramEpisodeStore> store)
    : organization_(specification.organization),
      timing_(specification.timing),
      mapping_(mapping),
      postpones_(policy.refreshes_postponed > 0),
      access_bytes_(specification.access_bytes()),
      comparable_mapping_(organization_.bank_groups <= most_groups && mapping.accesses_over_groups() > 0),
      block_accesses_(std::max(std::int64_t{1}, mapping.accesses_over_groups())),
      store_(std::move(store)) {}

int DramEpisodes::bank_index(const BankSet& set, int group) const {
    const auto absolute = (first_group_ + group) & (organization_.bank_groups - 1);  // a power of two
    return (set.rank * organization_.bank_groups + absolute) * organization_.banks_per_group + set.bank;
}

// The set of banks of an address by its number; the state of a new one becomes part of the key.
std::size_t DramEpisodes::meet(const DramCommandScheduler& scheduler, const DramAddress& address) {
    for (std::size_t i = 0; i < sets_; ++i) {
        if (bank_sets_[i].rank == address.rank && bank_sets_[i].bank == address.bank) return i;
    }
    if (sets_ == bank_sets_.size()) bank_sets_.emplace_back();
    auto& set = bank_sets_[sets_];
    set.rank = address.rank;
    set.bank = address.bank;
    set.count = 0;
    set.row(address.row);
    std::int64_t word = 0;
    for (int group = 0; group < organization_.bank_groups; ++group) {
        const auto& state = scheduler.bank(bank_index(set, group));
        const std::int64_t row = state.open_row < 0 ? 0 : 1 + set.row(state.open_row);
        // How a row that is open came to be so makes no difference any more.
        const bool conflict = state.open_row < 0 && state.conflict;
        word = word << state_bits | row << 1U | static_cast<std::int64_t>(conflict);
    }
    key_.push_back(word);
    return sets_++;
}

// One burst block by block: where it starts among the groups, in which banks and rows, and how far it goes.
bool DramEpisodes::describe(const DramCommandScheduler& scheduler, const DramBurstQueue::Burst& burst) {
    key_.push_back((std::max(burst.arrival, begin_) - begin_) << 1U | static_cast<std::int64_t>(burst.write));
    if (burst.write) key_.push_back(burst.last_arrival - burst.arrival);
    const auto last = access_bytes_.down(burst.address + burst.bytes - 1);
    for (auto access = access_bytes_.down(burst.address); access <= last;) {
        const auto block_end = (block_accesses_.down(access) + 1) * block_accesses_.value();
        const auto count = std::min(last + 1, block_end) - access;
        const auto address = mapping_.decode(access * access_bytes_.value());
        if (sets_ == 0) first_group_ = address.bank_group;
        const auto set = meet(scheduler, address);
        const auto row = bank_sets_[set].row(address.row);
        if (set >= most_bank_sets || bank_sets_[set].count == BankSet::most_rows) return false;
        const auto group = (address.bank_group - first_group_) & (organization_.bank_groups - 1);
        key_.push_back((((count << 8U | address.rank) << 8U | group) << 8U | static_cast<std::int64_t>(set))
                           << 8U |
                       row);
        access += count;
    }
    return true;
}

// Reads that come while a refresh runs wait in the queue for its end: they may as well come just before it.
MemoryClock DramEpisodes::begin_of(const DramCommandScheduler& scheduler,
                                   const std::vector<DramBurstQueue::Burst>& bursts) const {
    const auto arrival = bursts.front().arrival;
    const auto end = scheduler.refresh_end(0) - 1;
    if (organization_.ranks > 1 || end <= arrival) return arrival;
    const bool writes = std::any_of(bursts.begin(), bursts.end(), [end](const DramBurstQueue::Burst& burst) {
        return burst.write && burst.arrival <= end;
    });
    return writes ? arrival : end;
}

bool DramEpisodes::describe(const DramBurstQueue& channel, const std::vector<DramBurstQueue::Burst>& bursts) {
    const auto& scheduler = channel.scheduler();
    begin_ = begin_of(scheduler, bursts);
    refresh_due_ = scheduler.refresh_due(0) - begin_;
    sets_ = 0;
    key_.clear();
    key_.push_back(static_cast<std::int64_t>(bursts.size()) << 3U |
                   static_cast<std::int64_t>(scheduler.draining_writes()) << 1U |
                   static_cast<std::int64_t>(scheduler.last_was_write()));
    for (int rank = 0; rank < organization_.ranks; ++rank) {
        // What is given right behind a refresh is said to have waited for it.
        const auto felt = scheduler.refresh_end(rank) + timing_.data_clocks() - begin_;
        key_.push_back(std::max(MemoryClock{0}, felt));
    }
    for (const auto& burst : bursts) {
        if (!describe(scheduler, burst)) return false;
    }
    return !any_meet(channel, bursts);
}

bool DramEpisodes::any_meet(const DramBurstQueue& channel, const std::vector<DramBurstQueue::Burst>& bursts) {
    for (auto burst = bursts.begin(); burst != bursts.end(); ++burst) {
        for (auto other = bursts.begin(); other != burst; ++other) {
            if (channel.meet(*other, *burst)) return true;
        }
    }
    return false;
}

bool DramEpisodes::refreshed_within(const DramCommandScheduler& scheduler, MemoryClock rest) const {
    for (int rank = 0; rank < organization_.ranks; ++rank) {
        if (scheduler.refresh_due(rank) < begin_ + rest) return true;
    }
    return false;
}

// A refresh comes due before nothing waits any more, and is postponed up to there: the clock makes no
// difference.
bool DramEpisodes::waits_for_idle(const DramEpisode& episode) const {
    return postpones_ && organization_.ranks == 1 && refresh_due_ <= episode.first_idle &&
           refresh_due_ + timing_.refi >= episode.rest();
}

// Whether a row of the rank is open in a bank that no burst goes to: such a one is not closed before a
// refresh, which then has to close it.
bool DramEpisodes::open_elsewhere(const DramCommandScheduler& scheduler, int rank) const {
    auto open = scheduler.open_banks(rank);
    for (std::size_t i = 0; i < sets_; ++i) {
        for (int group = 0; bank_sets_[i].rank == rank && group < organization_.bank_groups; ++group) {
            open -= scheduler.bank(bank_index(bank_sets_[i], group)).open_row < 0 ? 0 : 1;
        }
    }
    return open > 0;
}

void DramEpisodes::key_with_refresh(const DramCommandScheduler& scheduler, bool waits) {
    key_.resize(bursts_key_);
    key_.front() |= refreshed_flag;
    for (int rank = 0; rank < organization_.ranks; ++rank) {
        // That of the first rank may be one of several clocks.
        const auto due = waits || rank == 0 ? 0 : scheduler.refresh_due(rank) - begin_;
        key_.push_back(due * 4 + static_cast<std::int64_t>(waits) * 2 +
                       static_cast<std::int64_t>(open_elsewhere(scheduler, rank)));
    }
}

// Leaves the key of the last one that it looked for.
const DramEpisode* DramEpisodes::known(const DramCommandScheduler& scheduler) {
    const auto* alone = store_->find(key_, any_clock.until);
    if (alone != nullptr && !refreshed_within(scheduler, alone->rest())) return alone;
    if (postpones_) {
        key_with_refresh(scheduler, true);
        const auto* postponed = store_->find(key_, any_clock.until);
        if (postponed != nullptr && waits_for_idle(*postponed)) return postponed;
    }
    key_with_refresh(scheduler, false);
    return store_->find(key_, refresh_due_);
}

const DramEpisode* DramEpisodes::find(const DramBurstQueue& channel,
                                      const std::vector<DramBurstQueue::Burst>& bursts) {
    comparable_ = comparable_mapping_ && describe(channel, bursts);
    if (!comparable_) return nullptr;
    bursts_key_ = key_.size();
    return known(channel.scheduler());
}

// What the work has come to for the banks that were met.
void DramEpisodes::add_banks(const DramCommandScheduler& before, const DramCommandScheduler& behind,
                             DramEpisode& episode) {
    for (std::size_t i = 0; i < sets_; ++i) {
        auto& set = bank_sets_[i];
        for (int group = 0; group < organization_.bank_groups; ++group) {
            DramEpisode::BankChange change;
            change.bank = i;
            change.group = group;
            const auto bank = bank_index(set, group);
            change.state = behind.bank(bank);
            const auto& old = before.bank(bank);
            // A row that stays open need not be opened, and one that is closed not be closed.
            if (change.state.open_row == old.open_row && change.state.conflict == old.conflict &&
                episode.course.refreshes[static_cast<std::size_t>(set.rank)].count == 0) {
                continue;
            }
            if (change.state.open_row >= 0) change.row = set.row(change.state.open_row);
            episode.banks.push_back(change);
        }
    }
}

const DramEpisode* DramEpisodes::add(const DramBurstQueue& channel,
                                     const std::vector<DramBurstQueue::Burst>& bursts,
                                     DramEpisodeWork& work) {
    const auto& scheduler = channel.scheduler();
    not_stored_ = work.finish(bursts);
    add_banks(scheduler, work.scheduler(), not_stored_);
    auto due = refresh_due_;
    auto window = not_stored_.course.refresh_due;
    if (!refreshed_within(scheduler, not_stored_.rest())) {
        key_.resize(bursts_key_);
        key_.front() &= ~refreshed_flag;
        due = any_clock.until;
        window = any_clock;
    } else if (waits_for_idle(not_stored_)) {
        key_with_refresh(scheduler, true);
        due = any_clock.until;
        window = any_clock;
    }
    const auto* stored = store_->add(key_, due, window, not_stored_);
    return stored != nullptr ? stored : &not_stored_;
}

void DramEpisodes::follow(DramBurstQueue& channel, const DramEpisode& episode, MemoryClock arrival) const {
    channel.scheduler().follow(episode.course, arrival, begin_);
    for (const auto& change : episode.banks) {
        const auto& set = bank_sets_[change.bank];
        auto state = change.state;
        state.open_row = change.row < 0 ? -1 : set.rows[static_cast<std::size_t>(change.row)];
        channel.scheduler().set_bank(set.rank, bank_index(set, change.group), state);
    }
}

}  // namespace tilewright::memory
