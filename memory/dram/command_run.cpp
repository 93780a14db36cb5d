// SPDX-License-Identifier: Apache-2.0
// Runs of accesses in closed form: while every access in sight finds its row open and the bank groups take
// turns, one column command follows the other at the pace of the pins and nothing else is given.
#include <algorithm>
#include <cmath>

#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

// Every access of the queue, in its order, may be given its column at the pace of the pins from `begin` on,
// and none wants a row that is not open.
bool DramCommandScheduler::runs_on(const std::vector<Access>& queue, DramCommandKind kind,
                                   MemoryClock begin) const {
    const auto& organization = specification_.organization;
    const auto& first = queue.front();
    auto at = begin;
    auto group = first.group;
    const auto rank_begin = first.address.rank * organization.bank_groups;
    for (const auto& access : queue) {
        if (access.address.rank != first.address.rank || access.group != group || access.waits_for_read ||
            banks_[static_cast<std::size_t>(access.bank)].open_row != access.address.row ||
            timer_.earliest(kind, access.address.rank, access.group, access.bank).clock > at) {
            return false;
        }
        at += specification_.timing.column_spacing();
        group = rank_begin + (group - rank_begin + 1) % organization.bank_groups;
    }
    return true;
}

// How many accesses of a run the controller gives before it turns to the other queue, where none waits for
// one of them or is answered from it: at most `accesses`.
std::int64_t DramCommandScheduler::before_turn(bool write, std::int64_t accesses,
                                               std::int64_t following) const {
    const auto& other = write ? reads_ : writes_;
    if (other.empty()) return accesses;
    const auto filled = static_cast<double>(writes_.size());
    if (write != draining_writes_) return 0;
    if (!write && filled > policy_.write_high_watermark * policy_.write_queue) return 0;
    const auto& youngest = (write ? writes_ : reads_).back().address;
    const auto last_column = youngest.column + following / specification_.organization.bank_groups + 1;
    const auto involved = [&](const Access& access) {
        const auto& address = access.address;
        return access.waits_for_read || (address.rank == youngest.rank && address.bank == youngest.bank &&
                                         address.row == youngest.row && address.column >= youngest.column &&
                                         address.column <= last_column);
    };
    if (std::any_of(other.begin(), other.end(), involved)) return 0;
    if (!write) return accesses;
    // Those that follow keep the queue filled; behind them it empties down to the low watermark.
    const auto above = std::floor(filled - policy_.write_low_watermark * policy_.write_queue);
    return above < 0 ? 0 : std::min(accesses, following + static_cast<std::int64_t>(above) + 1);
}

void DramCommandScheduler::complete_one(std::int64_t id, MemoryClock end) {
    if (completions_.empty() || completions_.back().id != id) {
        completions_.push_back({id, end, end});
        return;
    }
    completions_.back().last = std::max(completions_.back().last, end);
    ++completions_.back().accesses;
}

// The timer hears of the last column of every bank; those before it bind nothing that it does not.
void DramCommandScheduler::issue_run(std::vector<Access>& queue, DramCommandKind kind, MemoryClock begin,
                                     std::int64_t accesses) {
    const auto groups = static_cast<std::int64_t>(specification_.organization.bank_groups);
    const auto queued = static_cast<std::int64_t>(queue.size());
    const auto nth = [&](std::int64_t i) -> const Access& {
        return queue[static_cast<std::size_t>(i < queued ? i : queued - groups + (i - queued) % groups)];
    };
    const auto issue = [&](std::int64_t i) {
        const auto& access = nth(i);
        timer_.issue(kind, begin + i * specification_.timing.column_spacing(), access.address.rank,
                     access.group, access.bank);
    };
    for (std::int64_t i = 0; i < std::min(queued, accesses - groups); ++i) {
        if (nth(i + groups).bank != nth(i).bank) issue(i);
    }
    for (auto i = std::max(std::int64_t{0}, accesses - groups); i < accesses; ++i) issue(i);
    last_command_ = begin + (accesses - 1) * specification_.timing.column_spacing();
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
    if (policy_.page != PagePolicy::open || log_ != nullptr || !opened_.empty() || queued < groups ||
        last_was_write_ != write) {
        return {};
    }
    if (spacing != timing.data_clocks() || timing.ccd_l > groups * spacing) return {};
    const auto kind = write ? DramCommandKind::write : DramCommandKind::read;
    const auto begin = std::max(now_, timer_.earliest(kind, queue.front().address.rank).clock);
    // The pins are not left free up to the first of them.
    if (begin != slot_free_) return {};
    auto end = until;
    for (int rank = 0; rank < specification_.organization.ranks; ++rank) {
        end = std::min(end, refresh_forced(rank));
    }
    // Others that wait come into the queue behind the last of `following`, and may want other rows.
    const auto in_time =
        std::min(more ? following : queued + following, (end - begin + spacing - 1) / spacing);
    const auto accesses = before_turn(write, in_time, following);
    if (accesses < groups || !runs_on(queue, kind, begin)) return {};
    const auto& youngest = queue.back().address;
    const auto elsewhere = [&](const Access& access) {
        return access.address.row != youngest.row || access.address.bank != youngest.bank;
    };
    if (following > 0 && std::any_of(queue.end() - groups, queue.end(), elsewhere)) return {};

    issue_run(queue, kind, begin, accesses);
    const auto latency = (write ? timing.cwl : timing.cl) + timing.data_clocks();
    const auto from_queue = std::min(queued, accesses);
    for (std::int64_t i = 0; i < from_queue; ++i) {
        const auto& access = queue[static_cast<std::size_t>(i)];
        if (!access.classified) ++statistics_.row_hits;
        complete_one(access.id, begin + i * spacing + latency);
    }
    const auto last = begin + (accesses - 1) * spacing;
    if (accesses > queued) {
        complete_one(id, begin + queued * spacing + latency);
        completions_.back().last = last + latency;
        completions_.back().accesses += accesses - queued - 1;
        statistics_.row_hits += accesses - queued;
    }
    queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(from_queue));
    (write ? statistics_.writes : statistics_.reads) += accesses;
    statistics_.data += accesses * timing.data_clocks();
    statistics_.last_data = std::max(statistics_.last_data, last + latency);
    slot_free_ = last + timing.data_clocks();
    now_ = last + 1;
    if (write || policy_.write_low_watermark * policy_.write_queue > 0) draining_writes_ = write;
    return {accesses, queued, begin};
}

}  // namespace tilewright::memory
