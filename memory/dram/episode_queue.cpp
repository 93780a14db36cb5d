// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/episode_queue.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tilewright::memory {

namespace {

constexpr std::size_t most_bursts = 16;                                   // of an episode
constexpr MemoryClock no_read = std::numeric_limits<MemoryClock>::min();  // none is outside
constexpr MemoryClock never = std::numeric_limits<MemoryClock>::max();

// By arrival, behind those of the same clock.
template <typename Bursts>
void insert(Bursts& bursts, const DramBurstQueue::Burst& burst) {
    if (bursts.empty() || bursts.back().arrival <= burst.arrival) {
        bursts.push_back(burst);
        return;
    }
    const auto later = [](MemoryClock arrival, const auto& other) { return arrival < other.arrival; };
    bursts.insert(std::upper_bound(bursts.begin(), bursts.end(), burst.arrival, later), burst);
}

}  // namespace

DramEpisodeQueue::DramEpisodeQueue(const DramSpecification& specification, const DramControllerPolicy& policy,
                                   const AddressMapping& mapping, std::shared_ptr<DramEpisodeStore> store)
    : channel_(specification, policy, mapping), episodes_(specification, policy, mapping, std::move(store)) {}

void DramEpisodeQueue::add(Burst burst) {
    if (by_command_ && channel_.empty()) by_command_ = false;
    if (by_command_) {
        channel_.add(burst);
        return;
    }
    burst.last_arrival = burst.write ? std::max(burst.arrival, burst.last_arrival) : burst.arrival;
    insert(coming_, burst);
}

// Whether the next burst that comes before `until` does so before the episode's end.
bool DramEpisodeQueue::joins(MemoryClock until) const {
    return !coming_.empty() &&
           coming_.front().arrival < std::min(until, episodes_.begin() + episode_->rest());
}

void DramEpisodeQueue::begin() {
    const auto arrival = coming_.front().arrival;
    channel_.advance(arrival);
    if (!channel_.scheduler().rests(arrival)) {
        go_by_command();
        return;
    }
    find_episode();
}

// With what comes next, and before all data of that have come.
void DramEpisodeQueue::find_episode() {
    const auto known = bursts_.size();
    joined_.clear();
    auto last = coming_.front().arrival;
    for (const auto& burst : bursts_) last = std::max(last, burst.last_arrival);
    bool in_order = true;
    bool writes = false;
    auto come = coming_.begin();
    for (; come != coming_.end() && come->arrival <= last; ++come) {
        const auto& burst = *come;
        last = std::max(last, burst.last_arrival);
        in_order = in_order && (bursts_.empty() || burst.arrival >= bursts_.back().arrival);
        writes = writes || burst.write;
        insert(bursts_, burst);
        joined_.push_back(burst);
    }
    coming_.erase(coming_.begin(), come);
    if (in_order) {
        settle(known, writes);
    } else {
        settled_ = bursts_;
    }
    const auto begin = episodes_.begin();
    episode_ = bursts_.size() > most_bursts ? nullptr : episodes_.find(channel_, settled_);
    if (bursts_.size() > most_bursts || !episodes_.comparable()) {
        go_by_command();
    } else if (episode_ != nullptr) {
        works_ = false;
    } else if (works_ && episodes_.begin() == begin) {
        for (const auto& burst : joined_) work_.join(burst);
    } else {
        works_ = true;
        work_.begin(channel_, episodes_.begin(), bursts_);
        if (episodes_.worth_finishing()) finish_work();
    }
}

// Goes on with what is not known yet.
void DramEpisodeQueue::work(MemoryClock until) {
    if (work_.advance(until)) finish_work();
    tell(until);
}

void DramEpisodeQueue::finish_work() {
    episode_ = episodes_.add(channel_, settled_, work_);
    works_ = false;
}

// Up to here, as far as is known, the queue has not taken over all of a burst.
MemoryClock DramEpisodeQueue::outside_until(std::size_t burst) const {
    if (works_) return work_.entered(settled_[burst].id).value_or(work_.now());
    return episodes_.begin() + episode_->entered[burst];
}

// Bursts from `first` on have come behind the others. A read that comes while an earlier one still waits
// outside the queue may as well have come with it.
void DramEpisodeQueue::settle(std::size_t first, bool writes) {
    auto waits_until = no_read;
    MemoryClock waits_since = 0;
    // Writes that come at the same time may change when that is in the queue; and what was there when the
    // episode began has been in it for longer.
    for (std::size_t i = 0; !writes && i < settled_.size(); ++i) {
        if (settled_[i].write) continue;
        const auto clock = outside_until(i);
        waits_until = clock > episodes_.begin() ? clock : no_read;
        waits_since = settled_[i].arrival;
    }
    for (auto i = first; i < bursts_.size(); ++i) {
        auto burst = bursts_[i];
        if (!burst.write && burst.arrival <= waits_until) burst.arrival = waits_since;
        insert(settled_, burst);
    }
}

// What commands of the clocks before `until` have decided.
void DramEpisodeQueue::tell(MemoryClock until) {
    const auto begin = episodes_.begin();
    for (; told_ < news().size() && begin + news()[told_].known < until; ++told_) {
        const auto& news = this->news()[told_];
        const auto id = works_ ? news.burst : settled_[static_cast<std::size_t>(news.burst)].id;
        told_bursts_[news.accepted ? 1 : 0].push_back(id);
        if (news.accepted) {
            accepted_.push_back({id, begin + news.last_data, true});
        } else {
            served_.push_back({id, begin + news.first_data, begin + news.last_data});
        }
    }
}

void DramEpisodeQueue::end() {
    episodes_.follow(channel_, *episode_, bursts_.front().arrival);
    episode_ = nullptr;
    told_ = 0;
    for (auto& ids : told_bursts_) ids.clear();
    bursts_.clear();
    settled_.clear();
}

// From the episode's begin on; what has been told of it comes out again.
void DramEpisodeQueue::go_by_command() {
    by_command_ = true;
    for (const auto& burst : bursts_) channel_.add(burst);
    for (const auto& burst : coming_) channel_.add(burst);
    episode_ = nullptr;
    works_ = false;
    told_ = 0;
    bursts_.clear();
    settled_.clear();
    coming_.clear();
}

void DramEpisodeQueue::collect() {
    const auto told = [&](std::size_t kind, std::int64_t id) {
        auto& ids = told_bursts_[kind];
        const auto at = std::find(ids.begin(), ids.end(), id);
        if (at == ids.end()) return false;
        ids.erase(at);
        return true;
    };
    channel_.take_served(served_by_command_);
    for (const auto& one : served_by_command_) {
        if (!told(0, one.id)) served_.push_back(one);
    }
    channel_.take_accepted(accepted_by_command_);
    for (const auto& one : accepted_by_command_) {
        if (one.write && !told(1, one.id)) accepted_.push_back(one);
    }
}

void DramEpisodeQueue::advance(MemoryClock until) {
    if (until <= now_) return;
    now_ = until;
    while (!by_command_) {
        if (works_) {
            // What comes by then joins it, if it has not rested by then.
            const auto next = coming_.empty() ? until : std::min(until, coming_.front().arrival);
            work(next);
            if (works_ && next == until) return;
            if (works_) find_episode();
        } else if (episode_ == nullptr) {
            if (coming_.empty() || coming_.front().arrival >= until) return;
            begin();
        } else if (joins(until)) {
            tell(coming_.front().arrival);
            find_episode();
        } else {
            tell(until);
            if (until < episodes_.begin() + episode_->rest()) return;
            end();
        }
    }
    channel_.advance(until);
    collect();
}

void DramEpisodeQueue::take_served(std::vector<Served>& taken) {
    taken.clear();
    taken.swap(served_);
}

void DramEpisodeQueue::take_accepted(std::vector<Accepted>& taken) {
    taken.clear();
    taken.swap(accepted_);
}

bool DramEpisodeQueue::has_room() {
    if (!by_command_) {
        if (bursts_.empty() && coming_.empty()) return true;
        go_by_command();
        channel_.advance(now_);
        collect();
    }
    return channel_.has_room();
}

std::optional<MemoryClock> DramEpisodeQueue::next_room() {
    if (has_room()) return {};
    return channel_.next_room();
}

std::optional<MemoryClock> DramEpisodeQueue::next_event() const {
    if (by_command_) return channel_.next_event();
    auto soonest = never;
    if (works_) {
        for (auto i = told_; i < news().size(); ++i) {
            soonest = std::min(soonest, episodes_.begin() + news()[i].last_data);
        }
        soonest = std::min(soonest, work_.next_event().value_or(never));
    } else if (episode_ != nullptr && told_ < news().size()) {
        soonest = episodes_.begin() + news()[told_].soonest;
    }
    if (!coming_.empty()) {
        // What has not come yet may turn the order from its arrival on.
        if (soonest < never) soonest = std::min(soonest, coming_.front().arrival + 1);
        const auto writes = [](const Burst& burst) { return burst.write; };
        const bool written = std::any_of(bursts_.begin(), bursts_.end(), writes) ||
                             std::any_of(coming_.begin(), coming_.end(), writes);
        for (const auto& burst : coming_) {
            const auto meets = [&](const Burst& other) { return channel_.meet(burst, other); };
            const bool forwards = written && (std::any_of(bursts_.begin(), bursts_.end(), meets) ||
                                              std::any_of(coming_.begin(), coming_.end(), meets));
            soonest = std::min(soonest, channel_.earliest_news(burst, forwards));
        }
    }
    if (soonest == never) return {};
    return soonest;
}

void DramEpisodeQueue::take_busy(std::vector<DramCommandScheduler::Busy>& taken) {
    taken.clear();
    // What has not been told of yet.
    const auto add = [&](MemoryClock begin, MemoryClock end) {
        begin = std::max(begin, busy_told_);
        if (begin >= end) return;
        busy_told_ = end;
        taken.push_back({begin, end});
    };
    channel_.take_busy(pieces_);
    for (const auto& piece : pieces_) add(piece.begin, piece.end);
    // Nothing that still may come changes an episode whose bursts have all been told of.
    if (episode_ == nullptr || told_ < episode_->news.size()) return;
    const auto begin = episodes_.begin();
    add(bursts_.front().arrival, begin);
    for (const auto& piece : episode_->course.busy) add(begin + piece.begin, begin + piece.end);
}

DramCommandStatistics DramEpisodeQueue::statistics() const {
    auto channel = channel_;
    if (episode_ != nullptr && now_ >= episodes_.begin() + episode_->rest()) {
        episodes_.follow(channel, *episode_, bursts_.front().arrival);
    } else {
        for (const auto& burst : bursts_) channel.add(burst);
    }
    channel.advance(now_);
    return channel.statistics();
}

}  // namespace tilewright::memory
