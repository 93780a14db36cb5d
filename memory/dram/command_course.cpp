// SPDX-License-Identifier: Apache-2.0
// From one rest of a channel to the next: what has come of it, and the same again without its commands.
#include <algorithm>

#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

void DramCommandStatistics::add(const DramCommandStatistics& part, std::int64_t times) {
    reads += times * part.reads;
    writes += times * part.writes;
    forwarded_reads += times * part.forwarded_reads;
    row_hits += times * part.row_hits;
    row_misses += times * part.row_misses;
    row_conflicts += times * part.row_conflicts;
    activates += times * part.activates;
    refreshes += times * part.refreshes;
    turnarounds += times * part.turnarounds;
    data += times * part.data;
    for (std::size_t i = 0; i < losses.size(); ++i) losses[i] += times * part.losses[i];
}

bool DramCommandScheduler::rests(MemoryClock clock) const {
    const auto pending = [clock](MemoryClock due) { return due < clock; };
    return idle() && statistics_.reads + statistics_.writes > 0 && quiet_ <= clock &&
           std::none_of(next_refresh_.begin(), next_refresh_.end(), pending);
}

void DramCommandScheduler::end_work(MemoryClock clock) {
    lose(clock, DramLoss::idle);
    if (statistics_.last_data > busy_from_) busy_.push_back({busy_from_, statistics_.last_data});
    busy_from_ = statistics_.last_data;
}

void DramCommandScheduler::rest(MemoryClock clock) {
    end_work(clock);
    now_ = clock;
    rest_ = {clock, statistics_, next_refresh_, {}};
    last_command_ = clock - 1;
}

// The one refresh comes due while accesses wait, none of whose commands can be given now. Had it been any
// clock since the last command, or any up to the next one, whether that goes before the refresh or would go
// if there were none, the same commands would follow. And while the pins move data, no time is lost that
// would count for the refresh from when it comes due. Nothing comes into the queues before `until`.
void DramCommandScheduler::note_refresh_due(MemoryClock until) {
    const auto due = now_;
    if (next_refresh_.size() > 1 || policy_.refreshes_postponed > 0 || due > pins_taken_ ||
        rest_.next_refresh.empty() || rest_.next_refresh.front() != due) {
        return;
    }
    ClockWindow window{std::max(last_command_, last_enqueued_ - 1), std::min(until, pins_taken_)};
    const bool draining = draining_writes_;
    refresh_aside_ = true;
    window.until = std::min({window.until, soonest(opened_).ready, soonest(served_queue()).ready});
    refresh_aside_ = false;
    draining_writes_ = draining;
    const auto first = open_banks_.front() > 0 ? DramCommandKind::precharge_all : DramCommandKind::refresh;
    if (claims_.front() == 0 && timer_.earliest(first, 0).clock < due) window.after = due - 1;
    rest_.refresh_due = window;
}

DramCommandScheduler::Course DramCommandScheduler::course() {
    Course course;
    course.rest = now_ - rest_.begin;
    course.slot_free = slot_free_ - rest_.begin;
    course.statistics = statistics_;
    course.statistics.add(rest_.statistics, -1);
    course.statistics.last_data -= rest_.begin;
    course.draining_writes = draining_writes_;
    course.last_was_write = last_was_write_;
    take_busy(course.busy);
    for (auto& piece : course.busy) {
        piece.begin -= rest_.begin;
        piece.end -= rest_.begin;
    }
    course.refreshes.resize(next_refresh_.size());
    for (std::size_t rank = 0; rank < next_refresh_.size(); ++rank) {
        course.refreshes[rank] = {
            (next_refresh_[rank] - rest_.next_refresh[rank]) / specification_.timing.refi,
            refresh_end_[rank] - rest_.begin};
    }
    const auto due = rest_.next_refresh.front();
    course.refresh_due = {due - 1, due};
    if (rest_.refresh_due && course.refreshes.front().count == 1) {
        // Nor does the next one come due.
        course.refresh_due = {std::max(rest_.refresh_due->after, now_ - specification_.timing.refi - 1),
                              rest_.refresh_due->until};
    }
    course.refresh_due.after -= rest_.begin;
    course.refresh_due.until -= rest_.begin;
    return course;
}

void DramCommandScheduler::follow(const Course& course, MemoryClock arrival, MemoryClock begin) {
    end_work(arrival);
    lose(begin, DramLoss::refresh);
    statistics_.add(course.statistics);
    statistics_.last_data = begin + course.statistics.last_data;
    slot_free_ = begin + course.slot_free;
    draining_writes_ = course.draining_writes;
    last_was_write_ = course.last_was_write;
    for (const auto& piece : course.busy) busy_.push_back({begin + piece.begin, begin + piece.end});
    if (arrival < begin && !course.busy.empty()) {
        busy_[busy_.size() - course.busy.size()].begin = arrival;
    }
    busy_from_ = statistics_.last_data;
    const auto& organization = specification_.organization;
    for (int rank = 0; rank < organization.ranks; ++rank) {
        const auto r = static_cast<std::size_t>(rank);
        const auto& refreshes = course.refreshes[r];
        if (refreshes.count == 0) continue;
        const auto first = rank * organization.banks_per_rank();
        refresh_end_[r] = begin + refreshes.end;
        next_refresh_[r] += refreshes.count * specification_.timing.refi;
        timer_.issue(DramCommandKind::refresh, refresh_end_[r] - specification_.timing.rfc, rank,
                     rank * organization.bank_groups, first);
        std::fill_n(banks_.begin() + first, organization.banks_per_rank(), DramBankState{});
        open_banks_[r] = 0;
    }
    now_ = begin + course.rest;
}

void DramCommandScheduler::set_bank(int rank, int bank, const DramBankState& state) {
    auto& old = banks_[static_cast<std::size_t>(bank)];
    auto& open = open_banks_[static_cast<std::size_t>(rank)];
    open += static_cast<int>(state.open_row >= 0) - static_cast<int>(old.open_row >= 0);
    old = state;
}

}  // namespace tilewright::memory
