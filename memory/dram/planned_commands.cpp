// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/planned_commands.hpp"

#include <algorithm>

#include "memory/dram/timing_constraints.hpp"

namespace tilewright::memory {

PlannedColumns::PlannedColumns(const DramTiming& timing, std::int64_t groups)
    : frame_(timing.column_spacing()),
      groups_(static_cast<std::size_t>(groups)),
      last_in_group_(groups_, {long_ago, long_ago}) {
    constexpr std::array<DramCommandKind, 2> kinds{DramCommandKind::read, DramCommandKind::write};
    for (std::size_t from = 0; from < kinds.size(); ++from) {
        for (std::size_t to = 0; to < kinds.size(); ++to) {
            auto& apart = apart_[from][to];
            apart.any = distance(timing, ConstraintScope::rank, kinds[from], kinds[to]);
            apart.group =
                std::max(apart.any, distance(timing, ConstraintScope::bank_group, kinds[from], kinds[to]));
            reach_ = std::max(reach_, apart.group);
        }
    }
}

// Far enough before the first columns of a row; the others are further away.
bool PlannedColumns::goes_before(MemoryClock clock, bool write, std::size_t group, const Row& later) const {
    const auto& distance = apart(write, later.write);
    if (later.begin - clock < distance.any) return false;
    const auto first = static_cast<std::int64_t>((group - later.group) & (groups_ - 1));
    return first >= later.count || later.begin + first * frame_.value() - clock >= distance.group;
}

bool PlannedColumns::goes_behind(MemoryClock clock, bool write, std::size_t group, const Row& earlier) const {
    const auto& distance = apart(earlier.write, write);
    const auto last = end(earlier) - frame_.value();
    if (clock - last < distance.any) return false;
    const auto back =
        static_cast<std::int64_t>((group_of(earlier, earlier.count - 1) - group) & (groups_ - 1));
    return back >= earlier.count || clock - (last - back * frame_.value()) >= distance.group;
}

// Row `next` is the first one behind it.
bool PlannedColumns::fits(MemoryClock clock, bool write, std::size_t group, std::size_t next) const {
    for (auto i = next; i < rows_.size() && rows_[i].begin - clock < reach_; ++i) {
        if (!goes_before(clock, write, group, rows_[i])) return false;
    }
    for (auto i = next; i-- > 0 && clock - end(rows_[i]) < reach_;) {
        if (!goes_behind(clock, write, group, rows_[i])) return false;
    }
    return true;
}

MemoryClock PlannedColumns::search(MemoryClock first, bool write, std::size_t group) const {
    auto clock = first;
    auto next = rows_.size();
    while (next > 0 && end(rows_[next - 1]) > clock) --next;
    for (; next < rows_.size(); ++next) {
        for (; clock < rows_[next].begin; clock += frame_.value()) {
            if (fits(clock, write, group, next)) return clock;
        }
        clock = std::max(clock, end(rows_[next]));
    }
    return none;
}

int PlannedColumns::insert(MemoryClock clock, bool write, std::size_t group) {
    bind(clock, write, group, 1);
    const auto behind = [](MemoryClock at, const Row& row) { return at < row.begin; };
    const auto next = std::upper_bound(rows_.begin(), rows_.end(), clock, behind);
    const Row alone{clock, 1, write, group};
    int turns = next->write != write ? 1 : 0;
    if (next != rows_.begin()) {
        const auto previous = next - 1;
        turns += (previous->write != write ? 1 : 0) - (previous->write != next->write ? 1 : 0);
        if (continues(*previous, clock, write, group)) {
            ++previous->count;
            if (continues(*previous, next->begin, next->write, next->group)) {
                previous->count += next->count;
                rows_.erase(next);
            }
            return turns;
        }
    }
    if (continues(alone, next->begin, next->write, next->group)) {
        next->begin = clock;
        next->group = group;
        ++next->count;
    } else {
        rows_.insert(next, alone);
    }
    return turns;
}

void PlannedColumns::drop(MemoryClock clock, std::int64_t count) {
    std::int64_t kept = 0;
    auto first = rows_.end();
    while (first != rows_.begin() && (kept < count || end(*(first - 1)) + reach_ > clock)) {
        --first;
        kept += first->count;
    }
    rows_.erase(rows_.begin(), first);
}

PlannedActivates::PlannedActivates(const DramTiming& timing, std::int64_t groups, MemoryClock place)
    : frame_(timing.column_spacing()),
      place_(place),
      rrd_s_(timing.rrd_s),
      rrd_l_(timing.rrd_l),
      faw_(timing.faw),
      in_group_(static_cast<std::size_t>(groups), 0) {}

// With one at `clock`, in front of `next`, there would be five in a window of FAW.
bool PlannedActivates::fills_window(MemoryClock clock, std::size_t next) const {
    // Of the order with it, where it is number `next`.
    const auto at = [&](std::size_t i) { return i == next ? clock : activates_[i < next ? i : i - 1].clock; };
    for (auto i = next < window ? 0 : next - window; i <= next && i + window <= activates_.size(); ++i) {
        if (at(i + window) - at(i) < faw_) return true;
    }
    return false;
}

MemoryClock PlannedActivates::search(MemoryClock first, std::size_t group) const {
    auto clock = first;
    auto next = activates_.size();
    while (next > 0 && activates_[next - 1].clock > clock) --next;
    for (;;) {
        while (next < activates_.size() && activates_[next].clock <= clock) ++next;
        MemoryClock behind = 0;  // those that are too near
        const auto look = [&](const Activate& other) {
            const auto apart = other.group == group ? rrd_l_ : rrd_s_;
            if (clock < other.clock + apart && other.clock < clock + apart) {
                behind = std::max(behind, other.clock + apart);
            }
        };
        const auto reach = std::max(rrd_s_, rrd_l_);
        for (auto i = next; i < activates_.size() && activates_[i].clock - clock < reach; ++i) {
            look(activates_[i]);
        }
        for (auto i = next; i-- > 0 && clock - activates_[i].clock < reach;) look(activates_[i]);
        if (behind == 0 && !fills_window(clock, next)) return clock;
        clock = place(std::max(behind, clock + 1));
    }
}

void PlannedActivates::insert(Activate activate) {
    const auto later = [](MemoryClock at, const Activate& other) { return at < other.clock; };
    activates_.insert(std::upper_bound(activates_.begin(), activates_.end(), activate.clock, later),
                      activate);
}

void PlannedActivates::drop(MemoryClock clock) {
    const auto reach = std::max({rrd_s_, rrd_l_, faw_});
    auto kept = activates_.begin();
    while (static_cast<std::size_t>(activates_.end() - kept) > window && kept->clock + reach <= clock) ++kept;
    activates_.erase(activates_.begin(), kept);
}

}  // namespace tilewright::memory
