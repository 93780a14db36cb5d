// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/command_scheduler.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tilewright::memory {

namespace {

bool same_line(const DramAddress& a, const DramAddress& b) {
    return a.column == b.column && a.row == b.row && a.bank == b.bank && a.bank_group == b.bank_group &&
           a.rank == b.rank;
}

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
      timer_(specification),
      column_to_precharge_all_{distance(specification.timing, ConstraintScope::rank, DramCommandKind::read,
                                        DramCommandKind::precharge_all),
                               distance(specification.timing, ConstraintScope::rank, DramCommandKind::write,
                                        DramCommandKind::precharge_all)},
      banks_(static_cast<std::size_t>(specification.organization.ranks *
                                      specification.organization.banks_per_rank())),
      open_banks_(static_cast<std::size_t>(specification.organization.ranks), 0),
      claims_(static_cast<std::size_t>(specification.organization.ranks), 0),
      next_refresh_(static_cast<std::size_t>(specification.organization.ranks), specification.timing.refi),
      refresh_end_(static_cast<std::size_t>(specification.organization.ranks), 0) {
    reads_.reserve(static_cast<std::size_t>(policy.read_queue));
    writes_.reserve(static_cast<std::size_t>(policy.write_queue));
}

void DramCommandScheduler::enqueue(MemoryClock clock, std::int64_t id, bool write,
                                   const DramAddress& address) {
    if (now_ < clock) advance(clock);
    if (!started_) {
        started_ = true;
        statistics_.refreshes = 0;  // those of the time that is counted
        statistics_.first_arrival = slot_free_ = busy_from_ = statistics_.last_data = clock;
    }
    if (idle()) {
        lose(clock, DramLoss::idle);
        if (clock > statistics_.last_data) {  // a pause behind the data of what came before
            if (statistics_.last_data > busy_from_) busy_.push_back({busy_from_, statistics_.last_data});
            busy_from_ = clock;
        }
    }
    if (!write && is_queued(true, address)) {
        ++statistics_.forwarded_reads;
        completions_.push_back({id, now_ + 1, now_ + 1});
        return;
    }
    last_enqueued_ = clock;
    Access access;
    access.id = id;
    access.address = address;
    access.write = write;
    const auto& organization = specification_.organization;
    access.group = address.rank * organization.bank_groups + address.bank_group;
    access.bank = access.group * organization.banks_per_group + address.bank;
    access.waits_for_read = write && is_queued(false, address);
    (write ? writes_ : reads_).push_back(access);
}

// Whether an access to the same place waits.
bool DramCommandScheduler::is_queued(bool write, const DramAddress& address) const {
    const auto same = [&](const Access& other) {
        return other.write == write && same_line(other.address, address);
    };
    const auto& queue = write ? writes_ : reads_;
    if (queue.empty() && opened_.empty()) return false;
    return std::any_of(queue.begin(), queue.end(), same) || std::any_of(opened_.begin(), opened_.end(), same);
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
    const auto opened = std::count_if(opened_.begin(), opened_.end(),
                                      [write](const Access& access) { return access.write == write; });
    return opened + static_cast<std::int64_t>((write ? writes_ : reads_).size());
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
std::vector<DramCommandScheduler::Access>& DramCommandScheduler::served_queue() {
    const auto filled = static_cast<double>(writes_.size());
    if (draining_writes_) {
        if (!reads_.empty() && filled < policy_.write_low_watermark * policy_.write_queue) {
            draining_writes_ = false;
        }
    } else {
        draining_writes_ = filled > policy_.write_high_watermark * policy_.write_queue || reads_.empty();
    }
    const auto waits = [](const Access& access) { return access.waits_for_read; };
    const bool stuck = std::all_of(writes_.begin(), writes_.end(), waits);
    return draining_writes_ && !(stuck && !reads_.empty()) ? writes_ : reads_;
}

DramCommandKind DramCommandScheduler::next_command(const Access& access) const {
    const auto open_row = banks_[static_cast<std::size_t>(access.bank)].open_row;
    if (open_row < 0) return DramCommandKind::activate;
    if (open_row != access.address.row) return DramCommandKind::precharge;
    if (policy_.page == PagePolicy::closed) {
        return access.write ? DramCommandKind::write_precharge : DramCommandKind::read_precharge;
    }
    return access.write ? DramCommandKind::write : DramCommandKind::read;
}

// A refresh of the access's rank is due, and the command would put it off.
bool DramCommandScheduler::delays_refresh(const Access& access, DramCommandKind kind,
                                          MemoryClock clock) const {
    const int rank = access.address.rank;
    if (refresh_aside_ || now_ < refresh_forced(rank)) return false;
    if (kind != DramCommandKind::read && kind != DramCommandKind::write) return true;
    const auto close = timer_.earliest(DramCommandKind::precharge_all, rank).clock;
    return clock + column_to_precharge_all_[access.write ? 1 : 0] > close;
}

// The access whose command may be given soonest, the oldest of several.
DramCommandScheduler::Choice DramCommandScheduler::soonest(std::vector<Access>& queue) const {
    const bool claimed = &queue == &opened_;
    Choice choice;
    // The first 32 banks that have been looked at for an access to their row, and for one to another row:
    // younger ones have no better chance.
    std::uint32_t looked_at[2] = {0, 0};
    for (std::size_t i = 0; i < queue.size(); ++i) {
        const auto& access = queue[i];
        const auto& bank = banks_[static_cast<std::size_t>(access.bank)];
        if (access.waits_for_read) continue;
        if (access.bank < 32) {
            auto& banks = looked_at[bank.open_row == access.address.row ? 1 : 0];
            const auto bit = std::uint32_t{1} << static_cast<unsigned>(access.bank);
            if ((banks & bit) != 0) continue;
            banks |= bit;
        }
        const auto kind = next_command(access);
        if (!claimed && bank.claimed && closes(kind)) continue;
        if (choice.ready <= timer_.earliest(kind, access.address.rank).clock) continue;
        auto earliest = timer_.earliest(kind, access.address.rank, access.group, access.bank);
        const bool expired = earliest.clock < now_;
        earliest.clock = std::max(earliest.clock, now_);
        if (!claimed && delays_refresh(access, kind, earliest.clock)) continue;
        if (choice.ready <= earliest.clock) continue;
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
        const auto queued = soonest(served_queue());
        if (queued.ready < next.ready && (queued.column || next.queue == nullptr)) binding = queued;
        if (queued.ready < next.ready) next = queued;
    }
    const auto loss = binding.queue == nullptr ? DramLoss::refresh : binding.loss;
    // Up to a column the pins wait for what it waits for; up to another command that may change.
    const bool given = next.ready == now_ || (next.column && next.ready < horizon);
    now_ = std::min(next.ready, horizon);
    if (given) {
        lose(now_, loss);
        issue_for(*next.queue, next.index);
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
    const auto& timing = specification_.timing;
    const MemoryClock data_end =
        is_column(kind) ? std::max(timing.cl, timing.cwl) + timing.data_clocks() + 1 : 0;
    const auto bound = timer_.longest(kind) + timing.data_clocks();
    quiet_ = std::max(quiet_, clock + std::max(bound, data_end));
}

void DramCommandScheduler::issue_for(std::vector<Access>& queue, std::size_t index) {
    auto& access = queue[index];
    const auto kind = next_command(access);
    if (!access.classified) {
        access.classified = true;
        ++(is_column(kind)                     ? statistics_.row_hits
           : kind == DramCommandKind::activate ? statistics_.row_misses
                                               : statistics_.row_conflicts);
    }
    if (kind == DramCommandKind::activate) {
        auto& bank = banks_[static_cast<std::size_t>(access.bank)];
        const auto earliest = timer_.earliest(kind, access.address.rank, access.group, access.bank);
        // Given as soon as a rule of the rank allowed, but for the columns that went first.
        const bool held_up = now_ - earliest.clock < specification_.timing.data_clocks() &&
                             earliest.loss != DramLoss::row_miss && earliest.loss != DramLoss::idle;
        bank.opening = held_up ? earliest.loss : bank.conflict ? DramLoss::row_conflict : DramLoss::row_miss;
    }
    issue(kind, access.address.rank, access.group, access.bank, access.address.row);
    if (kind == DramCommandKind::activate) {
        banks_[static_cast<std::size_t>(access.bank)].claimed = true;
        ++claims_[static_cast<std::size_t>(access.address.rank)];
        opened_.push_back(access);
        queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(index));
    } else if (is_column(kind)) {
        complete(queue, index);
    }
}

void DramCommandScheduler::complete(std::vector<Access>& queue, std::size_t index) {
    const auto access = queue[index];
    if (&queue == &opened_) {
        banks_[static_cast<std::size_t>(access.bank)].claimed = false;
        --claims_[static_cast<std::size_t>(access.address.rank)];
    }
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(index));
    const auto& timing = specification_.timing;
    const auto end = now_ + (access.write ? timing.cwl : timing.cl) + timing.data_clocks();
    completions_.push_back({access.id, end, end});
    if (statistics_.reads + statistics_.writes > 0 && access.write != last_was_write_) {
        ++statistics_.turnarounds;
    }
    last_was_write_ = access.write;
    ++(access.write ? statistics_.writes : statistics_.reads);
    statistics_.last_data = std::max(statistics_.last_data, end);
    const auto slot_end = now_ + timing.data_clocks();
    statistics_.data += slot_end - std::max(now_, slot_free_);
    slot_free_ = slot_end;
    if (access.write) return;
    for (auto& write : writes_) {
        if (write.waits_for_read && same_line(write.address, access.address)) {
            write.waits_for_read = is_queued(false, write.address);
        }
    }
}

}  // namespace tilewright::memory
