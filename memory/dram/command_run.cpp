// SPDX-License-Identifier: Apache-2.0
// Runs of accesses in closed form: while every access in sight finds its row open and the bank groups take
// turns, one column command follows the other at the pace of the pins and nothing else is given.
#include <algorithm>
#include <cmath>

#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

bool DramCommandScheduler::may_run() const {
    const bool write = runs_would_write();
    const auto& queue = write ? writes_ : reads_;
    const auto& timing = specification_.timing;
    const auto groups = static_cast<std::size_t>(specification_.organization.bank_groups);
    if (!opened_.empty() || last_was_write_ != write || queue.size() < groups || !queue.in_turn() ||
        queue.waiting() > 0) {
        return false;
    }
    if (policy_.page != PagePolicy::open || log_ != nullptr) return false;
    const auto spacing = timing.column_spacing();
    return spacing == timing.data_clocks() && timing.ccd_l <= static_cast<int>(groups) * spacing;
}

bool DramCommandScheduler::runs_before(MemoryClock until) const {
    const bool write = runs_would_write();
    const auto& queue = write ? writes_ : reads_;
    const auto kind = write ? DramCommandKind::write : DramCommandKind::read;
    const auto spacing = MemoryClock{specification_.timing.column_spacing()};
    const auto groups = MemoryClock{specification_.organization.bank_groups};
    const auto begin = run_begin(write);
    // One for every group is in time, and the pins are not left free up to the first of them.
    return begin == slot_free_ && until - begin > (groups - 1) * spacing && runs_on(queue, kind, begin);
}

// The first column of a run.
MemoryClock DramCommandScheduler::run_begin(bool write) const {
    const auto& queue = write ? writes_ : reads_;
    const auto kind = write ? DramCommandKind::write : DramCommandKind::read;
    return std::max(now_, timer_.earliest(kind, queue.front().rank).clock);
}

// Every access of a queue that is in turn may be given its column at the pace of the pins from `begin` on,
// and none wants a row that is not open.
bool DramCommandScheduler::runs_on(const DramAccessQueue& queue, DramCommandKind kind,
                                   MemoryClock begin) const {
    const auto spacing = MemoryClock{specification_.timing.column_spacing()};
    const auto runs = [&](const DramAccessQueue::Leader& access) {
        const auto at = begin + static_cast<MemoryClock>(queue.place(access)) * spacing;
        return banks_[static_cast<std::size_t>(access.bank)].open_row == access.row &&
               timer_.earliest(kind, access.rank, access.group, access.bank).clock <= at;
    };
    return std::all_of(queue.leaders().begin(), queue.leaders().end(), runs);
}

// How many accesses of a run the controller gives before it turns to the other queue, where none waits for
// one of them or is answered from it: at most `accesses`.
std::int64_t DramCommandScheduler::before_turn(bool write, std::int64_t accesses,
                                               std::int64_t following) const {
    const auto& other = write ? reads_ : writes_;
    if (other.empty()) return accesses;
    if (write != draining_writes_ || other.waiting() > 0) return 0;
    if (!write && static_cast<std::int64_t>(writes_.size()) > drain_above_) return 0;
    const auto& youngest = (write ? writes_ : reads_).back();
    const auto last_column = youngest.column + following / turns_.groups + 1;
    if (other.holds_between(youngest, last_column, !write)) return 0;
    if (!write) return accesses;
    // Those that follow keep the queue filled; behind them it empties down to the low watermark.
    const auto filled = static_cast<double>(writes_.size());
    const auto above = std::floor(filled - policy_.write_low_watermark * policy_.write_queue);
    return above < 0 ? 0 : std::min(accesses, following + static_cast<std::int64_t>(above) + 1);
}

// Accesses of one request, one behind the other.
void DramCommandScheduler::complete(std::int64_t id, MemoryClock first, MemoryClock last,
                                    std::int64_t accesses) {
    if (completions_.empty() || completions_.back().id != id) {
        completions_.push_back({id, first, last, accesses});
        return;
    }
    completions_.back().last = std::max(completions_.back().last, last);
    completions_.back().accesses += accesses;
}

// The timer hears of the last column of every bank; those before it bind nothing that it does not.
void DramCommandScheduler::issue_run(const DramAccessQueue& queue, DramCommandKind kind, MemoryClock begin,
                                     std::int64_t accesses) {
    const auto groups = static_cast<std::int64_t>(specification_.organization.bank_groups);
    const auto queued = static_cast<std::int64_t>(queue.size());
    const auto nth = [&](std::int64_t i) -> const DramAccess& {
        return queue[static_cast<std::size_t>(i < queued ? i : queued - groups + (i - queued) % groups)];
    };
    const auto spacing = MemoryClock{specification_.timing.column_spacing()};
    const auto issue = [&](std::int64_t i) {
        const auto& access = nth(i);
        timer_.issue_in_group(kind, begin + i * spacing, access.group, access.bank);
    };
    // Where every group has one row, none goes from one bank to another.
    if (queue.leaders().size() > static_cast<std::size_t>(groups)) {
        for (std::int64_t i = 0; i < std::min(queued, accesses) - groups; ++i) {
            if (nth(i + groups).bank != nth(i).bank) issue(i);
        }
    }
    for (auto i = std::max(std::int64_t{0}, accesses - groups); i + 1 < accesses; ++i) issue(i);
    last_command_ = begin + (accesses - 1) * spacing;
    const auto& last = nth(accesses - 1);
    timer_.issue(kind, last_command_, last.rank, last.group, last.bank);
    bind(kind, last_command_);
}

DramCommandScheduler::Run DramCommandScheduler::serve_run(MemoryClock until, std::int64_t id,
                                                          std::int64_t following, bool more) {
    const bool write = runs_would_write();
    auto& queue = write ? writes_ : reads_;
    const auto& timing = specification_.timing;
    const auto groups = static_cast<std::int64_t>(specification_.organization.bank_groups);
    const auto spacing = static_cast<MemoryClock>(timing.column_spacing());
    const auto queued = static_cast<std::int64_t>(queue.size());
    const auto kind = write ? DramCommandKind::write : DramCommandKind::read;
    const auto begin = run_begin(write);
    auto end = until;
    for (int rank = 0; rank < specification_.organization.ranks; ++rank) {
        end = std::min(end, refresh_forced(rank));
    }
    // Others that wait come into the queue behind the last of `following`, and may want other rows.
    const auto in_sight = more ? following : queued + following;
    const auto in_time = std::min(in_sight, (end - begin + spacing - 1) / spacing);
    const auto turn_behind = before_turn(write, in_sight, following);
    const auto accesses = std::min(in_time, turn_behind);
    if (accesses < groups) return {};
    for (auto i = queued - groups; following > 0 && i < queued; ++i) {
        if (!turns_.same_row(queue[static_cast<std::size_t>(i)], queue.back())) return {};
    }

    issue_run(queue, kind, begin, accesses);
    const auto latency = timing.column_to_data_end(write);
    const auto from_queue = std::min(queued, accesses);
    std::int64_t hits = accesses;
    std::int64_t told = 0;
    for (std::int64_t i = 0; i < from_queue; ++i) {
        const auto& access = queue[static_cast<std::size_t>(i)];
        if (access.classified) --hits;
        const auto next = i + 1;
        if (next < from_queue && queue[static_cast<std::size_t>(next)].id == access.id) continue;
        complete(access.id, begin + told * spacing + latency, begin + i * spacing + latency, next - told);
        told = next;
    }
    statistics_.row_hits += hits;
    const auto last = begin + (accesses - 1) * spacing;
    if (accesses > queued) {
        complete(id, begin + queued * spacing + latency, last + latency, accesses - queued);
    }
    queue.take_front(static_cast<std::size_t>(from_queue));
    (write ? statistics_.writes : statistics_.reads) += accesses;
    statistics_.data += accesses * timing.data_clocks();
    statistics_.last_data = std::max(statistics_.last_data, last + latency);
    slot_free_ = pins_taken_ = last + timing.data_clocks();
    // Only the next one of the run could be given before the end, and has its place behind it.
    const bool goes_on = accesses < in_sight && turn_behind > accesses;
    now_ = goes_on ? std::max(last + 1, end) : last + 1;
    if (write || policy_.write_low_watermark * policy_.write_queue > 0) draining_writes_ = write;
    return {accesses, queued, begin};
}

}  // namespace tilewright::memory
