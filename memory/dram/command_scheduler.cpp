// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/command_scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace tilewright::memory {

namespace {

bool is_read(DramCommandKind kind) {
    return kind == DramCommandKind::read || kind == DramCommandKind::read_precharge;
}
bool is_write(DramCommandKind kind) {
    return kind == DramCommandKind::write || kind == DramCommandKind::write_precharge;
}
bool is_column(DramCommandKind kind) {
    return is_read(kind) || is_write(kind);
}
bool closes(DramCommandKind kind) {  // the row of one bank
    return kind == DramCommandKind::precharge || kind == DramCommandKind::read_precharge ||
           kind == DramCommandKind::write_precharge;
}

}  // namespace

DramCommandScheduler::DramCommandScheduler(const DramSpecification& specification,
                                           const DramControllerPolicy& policy)
    : specification_(specification),
      policy_(policy),
      timer_(specification, policy.page),
      turns_{specification.organization.bank_groups, specification.organization.banks_per_group},
      column_to_precharge_all_{distance(specification.timing, ConstraintScope::rank, DramCommandKind::read,
                                        DramCommandKind::precharge_all),
                               distance(specification.timing, ConstraintScope::rank, DramCommandKind::write,
                                        DramCommandKind::precharge_all)},
      postponed_(MemoryClock{policy.refreshes_postponed} * specification.timing.refi),
      drain_above_(static_cast<std::int64_t>(std::floor(policy.write_high_watermark * policy.write_queue))),
      drained_below_(static_cast<std::int64_t>(std::ceil(policy.write_low_watermark * policy.write_queue))),
      reads_(turns_),
      writes_(turns_),
      opened_(turns_),
      banks_(static_cast<std::size_t>(specification.organization.ranks *
                                      specification.organization.banks_per_rank())),
      open_banks_(static_cast<std::size_t>(specification.organization.ranks), 0),
      claims_(static_cast<std::size_t>(specification.organization.ranks), 0),
      next_refresh_(static_cast<std::size_t>(specification.organization.ranks), specification.timing.refi),
      refresh_end_(static_cast<std::size_t>(specification.organization.ranks), 0) {
    const auto& timing = specification.timing;
    const MemoryClock data_end = std::max(timing.cl, timing.cwl) + timing.data_clocks() + 1;
    for (std::size_t i = 0; i < bound_.size(); ++i) {
        const auto kind = static_cast<DramCommandKind>(i);
        bound_[i] = timer_.longest(kind) + timing.data_clocks();
        if (is_column(kind)) bound_[i] = std::max(bound_[i], data_end);
    }
}

void DramCommandScheduler::advance(MemoryClock until) {
    while (now_ < until) step(until);
}

MemoryClock DramCommandScheduler::advance_until_accepts(bool write) {
    while (!accepts(write)) step(never);
    return now_;
}

void DramCommandScheduler::drain() {
    while (!idle()) step(never);
}

void DramCommandScheduler::take_completions(std::vector<Completion>& taken) {
    taken.clear();
    taken.swap(completions_);
}

std::int64_t DramCommandScheduler::unserved(bool write) const {
    const auto& opened = opened_.leaders();  // one of each of their rows
    const auto of_kind = std::count_if(opened.begin(), opened.end(),
                                       [write](const auto& access) { return access.write == write; });
    return of_kind + static_cast<std::int64_t>((write ? writes_ : reads_).size());
}

void DramCommandScheduler::take_busy(std::vector<Busy>& taken) {
    const auto end = idle() ? statistics_.last_data : now_;
    if (started_ && end > busy_from_) {
        busy_.push_back({busy_from_, end});
        busy_from_ = end;
    }
    taken.clear();
    taken.swap(busy_);
}

DramCommandStatistics DramCommandScheduler::statistics() const {
    auto result = statistics_;
    const auto tail = result.last_data - slot_free_;
    if (tail > 0) result.losses[static_cast<std::size_t>(DramLoss::column_latency)] += tail;
    return result;
}

// The clocks up to `until` in which the pins are not spoken for are lost.
void DramCommandScheduler::lose(MemoryClock until, DramLoss loss) {
    if (until <= slot_free_) return;
    statistics_.losses[static_cast<std::size_t>(loss)] += until - slot_free_;
    slot_free_ = until;
}

// Which queue commands are given for.
DramAccessQueue& DramCommandScheduler::served_queue() {
    const auto filled = static_cast<std::int64_t>(writes_.size());
    if (draining_writes_) {
        if (!reads_.empty() && filled < drained_below_) draining_writes_ = false;
    } else {
        draining_writes_ = filled > drain_above_ || reads_.empty();
    }
    const bool stuck = writes_.waiting() == writes_.size();
    return draining_writes_ && !(stuck && !reads_.empty()) ? writes_ : reads_;
}

bool DramCommandScheduler::reads_go_first() const {
    const auto filled = static_cast<std::int64_t>(writes_.size());
    const auto opened_write = [](const auto& access) { return access.write; };
    const auto& opened = opened_.leaders();
    return !reads_.empty() && filled <= drain_above_ && (!draining_writes_ || filled < drained_below_) &&
           std::none_of(opened.begin(), opened.end(), opened_write);
}

DramCommandKind DramCommandScheduler::next_command(std::int64_t open_row, std::int64_t row,
                                                   bool write) const {
    if (open_row < 0) return DramCommandKind::activate;
    if (open_row != row) return DramCommandKind::precharge;
    if (policy_.page == PagePolicy::closed) {
        return write ? DramCommandKind::write_precharge : DramCommandKind::read_precharge;
    }
    return write ? DramCommandKind::write : DramCommandKind::read;
}

// A refresh of the rank is due, and the command would put it off.
bool DramCommandScheduler::delays_refresh(int rank, DramCommandKind kind, MemoryClock clock) const {
    if (refresh_aside_ || now_ < refresh_forced(rank)) return false;
    if (kind != DramCommandKind::read && kind != DramCommandKind::write) return true;
    const auto close = timer_.earliest(DramCommandKind::precharge_all, rank).clock;
    return clock + column_to_precharge_all_[is_write(kind) ? 1 : 0] > close;
}

// The access whose command may be given soonest, the oldest of several, if it may be given before a clock.
DramCommandScheduler::Choice DramCommandScheduler::soonest(DramAccessQueue& queue, MemoryClock before) const {
    const bool claimed = &queue == &opened_;
    Choice choice;
    choice.ready = before;
    // The first 64 banks in which an access to a row that is not open has been looked at: younger ones have
    // no better chance.
    std::uint64_t looked_at = 0;
    const auto& leaders = queue.leaders();
    for (std::size_t i = 0; i < leaders.size(); ++i) {
        const auto& access = leaders[i];
        const auto& bank = banks_[static_cast<std::size_t>(access.bank)];
        if (access.bank < 64 && bank.open_row != access.row) {
            const auto bit = std::uint64_t{1} << static_cast<unsigned>(access.bank);
            if ((looked_at & bit) != 0) continue;
            looked_at |= bit;
        }
        const auto kind = next_command(bank.open_row, access.row, access.write);
        if (!claimed && bank.claimed && closes(kind)) continue;
        if (choice.ready <= timer_.earliest(kind, access.rank).clock) continue;
        auto earliest = timer_.earliest(kind, access.rank, access.group, access.bank);
        const bool expired = earliest.clock < now_;
        earliest.clock = std::max(earliest.clock, now_);
        if (choice.ready <= earliest.clock) continue;
        if (!claimed && delays_refresh(access.rank, kind, earliest.clock)) continue;
        if (expired || earliest.loss == DramLoss::row_miss || earliest.loss == DramLoss::idle) {
            const bool conflict = bank.conflict || kind == DramCommandKind::precharge;
            earliest.loss = is_column(kind) && !expired ? bank.opening
                            : conflict                  ? DramLoss::row_conflict
                                                        : DramLoss::row_miss;
        }
        choice = {&queue, i, earliest.clock, earliest.loss, is_column(kind)};
        if (choice.ready == now_) break;  // none can be sooner
    }
    return choice;
}

// Gives a command of a refresh that is due. False if there is none for this clock; `horizon` is then at most
// the clock at which there may be one.
bool DramCommandScheduler::refresh_step(MemoryClock& horizon) {
    for (int rank = 0; rank < specification_.organization.ranks; ++rank) {
        auto& due = next_refresh_[static_cast<std::size_t>(rank)];
        const auto begin = idle() ? due : refresh_forced(rank);
        if (now_ < begin) {
            horizon = std::min(horizon, begin);
            continue;
        }
        if (claims_[static_cast<std::size_t>(rank)] > 0) continue;  // they go first, nothing else starts
        const bool open = open_banks_[static_cast<std::size_t>(rank)] > 0;
        const auto kind = open ? DramCommandKind::precharge_all : DramCommandKind::refresh;
        const auto ready = timer_.earliest(kind, rank).clock;
        if (ready > now_) {
            horizon = std::min(horizon, ready);
            continue;
        }
        issue(kind, rank, rank * specification_.organization.bank_groups,
              rank * specification_.organization.banks_per_rank(), 0);
        if (!open) {
            due += specification_.timing.refi;
            ++statistics_.refreshes;
        }
        return true;
    }
    return false;
}

// An idle channel whose rows are all closed repeats itself every REFI: a long pause is left out but for its
// last two refreshes. Not while commands are recorded.
bool DramCommandScheduler::skip_refreshes(MemoryClock until) {
    const MemoryClock refi = specification_.timing.refi;
    if (log_ != nullptr || until - now_ < 4 * refi) return false;
    if (std::any_of(open_banks_.begin(), open_banks_.end(), [](int open) { return open > 0; })) return false;
    if (std::any_of(next_refresh_.begin(), next_refresh_.end(), [this](auto due) { return due < now_; })) {
        return false;
    }
    const auto left_out = (until - now_) / refi - 2;
    now_ += left_out * refi;
    for (auto& due : next_refresh_) due += left_out * refi;
    statistics_.refreshes += left_out * specification_.organization.ranks;
    return true;
}

// One clock with a command, or the time up to the next clock that may have one.
void DramCommandScheduler::step(MemoryClock until) {
    const bool waiting = !idle();
    if (!waiting && until <= *std::min_element(next_refresh_.begin(), next_refresh_.end())) {
        now_ = until;
        return;
    }
    if (!waiting && skip_refreshes(until)) return;
    auto horizon = until;
    if (waiting && now_ == next_refresh_.front()) note_refresh_due(until);
    if (refresh_step(horizon)) {
        ++now_;
        if (waiting) lose(now_, DramLoss::refresh);
        return;
    }
    if (!waiting) {  // counted when the next access arrives
        now_ = horizon;
        return;
    }
    // What was opened goes first; the queues have their turn in a clock that it leaves free.
    auto next = soonest(opened_);
    auto binding = next;  // the column that could use the pins soonest
    if (next.ready > now_) {
        const auto queued = soonest(served_queue(), next.ready);
        if (queued.ready < next.ready && (queued.column || next.queue == nullptr)) binding = queued;
        if (queued.ready < next.ready) next = queued;
    }
    const auto loss = binding.queue == nullptr ? DramLoss::refresh : binding.loss;
    // Up to there nothing changes, and the pins wait for what `binding` waits for.
    const bool given = next.ready == now_ || next.ready < horizon;
    now_ = std::min(next.ready, horizon);
    if (given) {
        lose(now_, loss);
        issue_for(*next.queue, next.leader);
        ++now_;
    }
    lose(now_, loss);
}

void DramCommandScheduler::issue(DramCommandKind kind, int rank, int group, int bank, std::int64_t row) {
    timer_.issue(kind, now_, rank, group, bank);
    last_command_ = now_;
    if (rest_.refresh_due) rest_.refresh_due->until = std::min(rest_.refresh_due->until, now_);
    if (kind == DramCommandKind::refresh) {
        refresh_end_[static_cast<std::size_t>(rank)] = now_ + specification_.timing.rfc;
    } else {
        bind(kind, now_);
    }
    const auto& organization = specification_.organization;
    auto& open_banks = open_banks_[static_cast<std::size_t>(rank)];
    auto& state = banks_[static_cast<std::size_t>(bank)];
    if (closes(kind)) {
        state = {};
        state.conflict = kind == DramCommandKind::precharge;
        --open_banks;
    } else if (kind == DramCommandKind::activate) {
        state.open_row = row;
        ++open_banks;
        ++statistics_.activates;
    } else if (kind == DramCommandKind::precharge_all) {
        std::fill_n(banks_.begin() + bank, organization.banks_per_rank(),
                    DramBankState{});  // none has a claimant
        open_banks = 0;
    }
    if (log_ != nullptr) {
        log_->push_back(
            {now_, kind, rank, group % organization.bank_groups, bank % organization.banks_per_group, row});
    }
}

// Commands that come soon behind this one have to wait for it, or might be said to have done so.
void DramCommandScheduler::bind(DramCommandKind kind, MemoryClock clock) {
    quiet_ = std::max(quiet_, clock + bound_[static_cast<std::size_t>(kind)]);
}

void DramCommandScheduler::issue_for(DramAccessQueue& queue, std::size_t leader) {
    auto& access = queue.access(leader);
    auto& bank = banks_[static_cast<std::size_t>(access.bank)];
    const auto kind = next_command(bank.open_row, access.row, access.write);
    if (!access.classified) {
        access.classified = true;
        ++(is_column(kind)                     ? statistics_.row_hits
           : kind == DramCommandKind::activate ? statistics_.row_misses
                                               : statistics_.row_conflicts);
    }
    if (kind == DramCommandKind::activate) {
        const auto earliest = timer_.earliest(kind, access.rank, access.group, access.bank);
        // Given as soon as a rule of the rank allowed, but for the columns that went first.
        const bool held_up = now_ - earliest.clock < specification_.timing.data_clocks() &&
                             earliest.loss != DramLoss::row_miss && earliest.loss != DramLoss::idle;
        bank.opening = held_up ? earliest.loss : bank.conflict ? DramLoss::row_conflict : DramLoss::row_miss;
    }
    issue(kind, access.rank, access.group, access.bank, access.row);
    if (kind == DramCommandKind::activate) {
        bank.claimed = true;
        ++claims_[static_cast<std::size_t>(access.rank)];
        opened_.push_back(queue.take(leader));
    } else if (is_column(kind)) {
        complete(queue, leader);
    }
}

void DramCommandScheduler::complete(DramAccessQueue& queue, std::size_t leader) {
    const auto access = queue.take(leader);
    if (&queue == &opened_) {
        banks_[static_cast<std::size_t>(access.bank)].claimed = false;
        --claims_[static_cast<std::size_t>(access.rank)];
    }
    const auto& timing = specification_.timing;
    const auto end = now_ + timing.column_to_data_end(access.write);
    completions_.push_back({access.id, end, end});
    if (statistics_.reads + statistics_.writes > 0 && access.write != last_was_write_) {
        ++statistics_.turnarounds;
    }
    last_was_write_ = access.write;
    ++(access.write ? statistics_.writes : statistics_.reads);
    statistics_.last_data = std::max(statistics_.last_data, end);
    const auto slot_end = now_ + timing.data_clocks();
    statistics_.data += slot_end - std::max(now_, slot_free_);
    slot_free_ = pins_taken_ = slot_end;
    if (access.write || writes_.waiting() == 0) return;
    for (std::size_t i = 0; i < writes_.size(); ++i) {
        const auto& write = writes_[i];
        if (write.waits_for_read && same_place(write, access) && !is_queued(false, write)) writes_.release(i);
    }
}

}  // namespace tilewright::memory
