// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/planning_scheduler.hpp"

#include <algorithm>
#include <limits>

#include "memory/dram/timing_constraints.hpp"

namespace tilewright::memory {

DramPlanningScheduler::DramPlanningScheduler(const DramSpecification& specification,
                                             const DramControllerPolicy& policy)
    : timing_(specification.timing),
      queue_(policy.read_queue),
      period_(period_fs(timing_.clock_hz)),
      frame_(timing_.column_spacing()),
      access_bytes_(specification.access_bytes()),
      groups_(specification.organization.bank_groups),
      row_set_accesses_(
          access_bytes_.down(specification.organization.row_bytes * specification.organization.bank_groups)),
      bank_sets_(specification.organization.banks_per_group),
      precharge_place_(2 % frame_.value()),
      column_to_precharge_{
          distance(timing_, ConstraintScope::bank, DramCommandKind::read, DramCommandKind::precharge),
          distance(timing_, ConstraintScope::bank, DramCommandKind::write, DramCommandKind::precharge)},
      keeps_pace_(place(timing_.ccd_l, 0) <= groups_.value() * frame_.value()),
      banks_(static_cast<std::size_t>(specification.organization.banks_per_rank())),
      columns_(timing_, groups_.value()),
      activates_(timing_, groups_.value(), 1 % frame_.value()),
      next_refresh_(timing_.refi) {}

// The first clock from `clock` on that is `in_frame` clocks behind the begin of a frame.
MemoryClock DramPlanningScheduler::place(MemoryClock clock, MemoryClock in_frame) const {
    return frame_.up(clock - in_frame) * frame_.value() + in_frame;
}

// The next access enters the queue when it has arrived, behind those before it, and when one leaves it.
void DramPlanningScheduler::enter(MemoryClock arrival) {
    entry_ = std::max(entry_, arrival);
    if (accesses_ >= queue_) entry_ = std::max(entry_, columns_.last_but(queue_) + 1);
}

MemoryClock DramPlanningScheduler::free_precharge(MemoryClock from) const {
    auto clock = place(from, precharge_place_);
    if (clock >= precharge_from_) return clock;
    while (std::find(precharges_.begin(), precharges_.end(), clock) != precharges_.end()) {
        clock += frame_.value();
    }
    return clock;
}

DramPlanningScheduler::Plan DramPlanningScheduler::plan(const Access& access) const {
    const auto& bank = banks_[access.bank];
    Plan plan;
    auto from = std::max(entry_, bank.column_from);
    if (bank.open_row != access.row) {
        plan.closed = std::max(entry_, bank.activate_from);
        if (bank.open_row >= 0) {
            plan.precharge = free_precharge(std::max(entry_, bank.precharge_from));
            plan.closed = std::max(plan.closed, plan.precharge + timing_.rp);
        }
        plan.activate = activates_.earliest(std::max(plan.closed, refresh_end_), access.group);
        from = plan.activate + timing_.rcd;
    }
    plan.column = columns_.earliest(from, access.write, access.group);
    plan.passes = plan.column < columns_.end();
    return plan;
}

void DramPlanningScheduler::give_rows(const Access& access, const Plan& plan) {
    if (plan.activate == long_ago) {
        ++statistics_.row_hits;
        return;
    }
    ++statistics_.row_misses;
    ++statistics_.row_activations;
    if (plan.precharge != long_ago) {
        const auto past = [this](MemoryClock clock) { return clock < entry_; };
        if (precharges_.size() >= few) std::erase_if(precharges_, past);
        precharges_.push_back(plan.precharge);
        precharge_from_ = std::max(precharge_from_, plan.precharge + 1);
        refresh_from_ = std::max(refresh_from_, plan.precharge + timing_.rp);
    }
    auto& bank = banks_[access.bank];
    bank.open_row = access.row;
    bank.column_from = plan.activate + timing_.rcd;
    bank.precharge_from = plan.activate + timing_.ras;
    bank.activate_from = plan.activate + timing_.rc;
    activates_.forget(entry_);
    activates_.add(plan.activate, access.group);
    precharge_all_from_ = std::max(precharge_all_from_, bank.precharge_from);
    refresh_from_ = std::max(refresh_from_, bank.activate_from);
    any_open_ = true;
}

// Its bank must not be precharged sooner.
void DramPlanningScheduler::keep_open(const Access& access, MemoryClock column) {
    const auto until = column + column_to_precharge_[access.write ? 1 : 0];
    auto& closes = banks_[access.bank].precharge_from;
    closes = std::max(closes, until);
    precharge_all_from_ = std::max(precharge_all_from_, closes);
}

void DramPlanningScheduler::refresh() {
    auto from = std::max({next_refresh_, refresh_from_, refresh_end_});
    if (any_open_) {
        const auto closed =
            place(std::max({next_refresh_, precharge_all_from_, precharge_from_}), precharge_place_);
        from = std::max(from, closed + timing_.rp_all);
    }
    refresh_end_ = place(from, precharge_place_) + timing_.rfc;
    next_refresh_ += timing_.refi;
    std::fill(banks_.begin(), banks_.end(), Bank{});
    any_open_ = false;
    ++statistics_.refreshes;
}

void DramPlanningScheduler::stall(const Access& access, MemoryClock begin, MemoryClock end,
                                  TimeFs DramStatistics::*cause) {
    if (begin >= end) return;
    statistics_.*cause += time(end - begin);
    const auto past = [this](const Stall& one) { return one.end <= entry_; };
    if (stalls_.size() >= few) std::erase_if(stalls_, past);
    stalls_.push_back({begin, end, cause, access.row, end});
    stalled_until_ = std::max(stalled_until_, end);
}

// The first access of a burst is in the queue while older ones wait.
void DramPlanningScheduler::contest_stalls(const Access& first) {
    const auto there = entry_ + latency(first.write);
    if (there >= stalled_until_) return;
    for (auto& lost : stalls_) {
        const bool by_order = lost.cause == &DramStatistics::row_stall ||
                              lost.cause == &DramStatistics::conflict_stall ||
                              lost.cause == &DramStatistics::turnaround_stall ||
                              lost.cause == &DramStatistics::bank_group_stall;
        const auto from = std::max(lost.begin, there);
        if (!by_order || lost.row == first.row || from >= lost.contested) continue;
        statistics_.contested_stall += time(lost.contested - from);
        lost.contested = from;
    }
}

// An access that passes others has its data in time that was said to be lost.
void DramPlanningScheduler::use_stall(MemoryClock begin, MemoryClock end) {
    for (std::size_t i = 0; i < stalls_.size(); ++i) {
        auto& lost = stalls_[i];
        const auto from = std::max(begin, lost.begin);
        const auto to = std::min(end, lost.end);
        if (from >= to) continue;
        statistics_.*lost.cause -= time(to - from);
        statistics_.contested_stall -= time(std::max(MemoryClock{0}, to - std::max(from, lost.contested)));
        const Stall rest{to, lost.end, lost.cause, lost.row, std::max(to, lost.contested)};
        lost.end = from;
        lost.contested = std::min(from, lost.contested);
        if (rest.begin < rest.end) stalls_.push_back(rest);
    }
}

// From `from` on the pins wait for the data of an access, which begin at `begin`. Each rule is said to lose
// what it puts off the column by, beyond those before it.
void DramPlanningScheduler::count_stall(const Access& access, const Plan& plan, MemoryClock from,
                                        MemoryClock begin) {
    auto lost = from;
    const auto put_off = [&](MemoryClock column, TimeFs DramStatistics::*cause) {
        const auto until = std::clamp(place(column, 0) + latency(access.write), lost, begin);
        stall(access, lost, until, cause);
        lost = until;
    };
    put_off(entry_, &DramStatistics::column_stall);
    if (!columns_.empty() && access.write == columns_.last_writes())
        put_off(columns_.end(), &DramStatistics::spacing_stall);
    if (plan.activate == long_ago) {
        put_off(banks_[access.bank].column_from, &DramStatistics::row_stall);
    } else {
        const auto refreshed = std::max(plan.closed, refresh_end_);
        put_off(activates_.place(plan.closed) + timing_.rcd,
                plan.precharge == long_ago ? &DramStatistics::row_stall : &DramStatistics::conflict_stall);
        put_off(activates_.place(refreshed) + timing_.rcd, &DramStatistics::refresh_stall);
        put_off(plan.activate + timing_.rcd, &DramStatistics::activate_stall);
    }
    put_off(columns_.turned(access.write, access.group), &DramStatistics::turnaround_stall);
    put_off(plan.column, &DramStatistics::bank_group_stall);
}

void DramPlanningScheduler::serve_one(const Access& access, DataClocks& data) {
    auto commands = plan(access);
    while (commands.column >= next_refresh_) {
        refresh();
        commands = plan(access);
    }
    const auto from = std::max(access.arrival, pins_free_);
    const auto begin = commands.column + latency(access.write);
    if (!commands.passes && begin > from) count_stall(access, commands, from, begin);
    give_rows(access, commands);
    keep_open(access, commands.column);
    run_banks_ = no_run;
    if (commands.passes) {
        pass(access, commands.column, data);
    } else {
        move(access, commands.column, 1, data);
    }
}

// Whether accesses to open rows, from `first` on at the pace of the frames, are what the controller gives:
// no rule holds up one of the first turn, and no one could pass those before it.
bool DramPlanningScheduler::runs_from(const Access& next, MemoryClock first, std::int64_t accesses) const {
    if (!keeps_pace_ || columns_.behind(next.write) > first) return false;
    const auto bank_set = next.bank - next.group;
    const auto turn = std::min(accesses, groups_.value());
    auto group = next.group;
    for (std::int64_t i = 0; i < turn; ++i) {
        const auto& bank = banks_[bank_set + group];
        const auto column = first + i * frame_.value();
        if (bank.open_row != next.row || bank.column_from > column ||
            columns_.in_group(next.write, group) > column ||
            columns_.free_place(std::max(entry_, bank.column_from), next.write, group) !=
                PlannedColumns::none) {
            return false;
        }
        group = group_of(static_cast<std::int64_t>(group) + 1);
    }
    return true;
}

// Of the next `accesses` those before a refresh, if they are such a run. Returns how many.
std::int64_t DramPlanningScheduler::run_on(const Access& next, std::int64_t accesses, DataClocks& data) {
    const auto frame = frame_.value();
    const auto first = std::max(columns_.end(), place(entry_, 0));
    const auto before_refresh = next_refresh_ > first ? frame_.up(next_refresh_ - first) : 0;
    const auto count = std::min(accesses, before_refresh);
    if (count == 0 || !(goes_on(next) || runs_from(next, first, count))) return 0;
    const auto from = std::max(next.arrival, pins_free_);
    const auto begin = first + latency(next.write);
    if (begin > from) {
        const auto entered = std::clamp(place(entry_, 0) + latency(next.write), from, begin);
        stall(next, from, entered, &DramStatistics::column_stall);
        stall(next, entered, begin, &DramStatistics::spacing_stall);
    }
    // Those before the last turn bind nothing that it does not.
    const auto bank_set = next.bank - next.group;
    const auto before_last = std::max(std::int64_t{0}, count - groups_.value());
    auto access = next;
    access.group = group_of(static_cast<std::int64_t>(next.group) + before_last);
    for (auto i = before_last; i < count; ++i) {
        access.bank = bank_set + access.group;
        keep_open(access, first + i * frame);
        access.group = group_of(static_cast<std::int64_t>(access.group) + 1);
    }
    statistics_.row_hits += count;
    run_banks_ = count >= groups_.value() ? bank_set : no_run;
    last_group_ = group_of(static_cast<std::int64_t>(next.group) + count - 1);
    move(next, first, count, data);
    return count;
}

// A single access whose column goes before one that has been planned.
void DramPlanningScheduler::pass(const Access& access, MemoryClock column, DataClocks& data) {
    ++accesses_;
    statistics_.turnarounds += columns_.insert(column, access.write, access.group);
    const auto begin = column + latency(access.write);
    const auto end = begin + timing_.data_clocks();
    use_stall(begin, end);
    statistics_.data_busy += time(end - begin);
    data.add(end, end);
}

// Column commands of `accesses`, one a frame, the first one at `column`, behind all others.
void DramPlanningScheduler::move(const Access& access, MemoryClock column, std::int64_t accesses,
                                 DataClocks& data) {
    const auto frame = frame_.value();
    columns_.forget(entry_, queue_);
    statistics_.turnarounds += columns_.append(column, access.write, access.group, accesses);
    const auto data_clocks = timing_.data_clocks();
    accesses_ += accesses;
    pins_free_ = column + (accesses - 1) * frame + latency(access.write) + data_clocks;
    statistics_.data_busy += time(accesses * data_clocks);
    statistics_.spacing_stall += time((accesses - 1) * (frame - data_clocks));
    data.add(column + latency(access.write) + data_clocks, pins_free_);
}

DramPlanningScheduler::BurstTimes DramPlanningScheduler::serve(MemoryClock arrival, std::int64_t address,
                                                               std::int64_t bytes, bool write) {
    auto first = access_bytes_.down(address);
    const auto end = access_bytes_.up(address + bytes);
    const auto pins_free = pins_free_;
    DataClocks data;
    Access access;
    access.arrival = arrival;
    access.write = write;
    access.row = row_set_accesses_.down(first);
    enter(arrival);
    contest_stalls(access);
    for (; first < end; ++access.row) {
        const auto row_end = std::min(end, (access.row + 1) * row_set_accesses_.value());
        const auto bank_set = access.row - bank_sets_.down(access.row) * bank_sets_.value();
        const auto first_bank = bank_set * groups_.value();
        while (first < row_end) {
            access.group = group_of(first);
            access.bank = static_cast<std::size_t>(first_bank) + access.group;
            enter(arrival);
            std::int64_t served = 0;
            if (banks_[access.bank].open_row == access.row) served = run_on(access, row_end - first, data);
            if (served == 0) {
                serve_one(access, data);
                served = 1;
            }
            first += served;
        }
    }
    (write ? statistics_.write_bytes : statistics_.read_bytes) += bytes;
    BurstTimes result;
    result.service_begin = time(std::max(arrival, std::min(pins_free, data.first - timing_.data_clocks())));
    result.first_data = time(data.first);
    result.last_data = time(data.last);
    return result;
}

// Written bursts whose data have come by then.
void DramPlanningScheduler::plan_posted(MemoryClock until) {
    auto planned = posted_.begin();
    for (; planned != posted_.end(); ++planned) {
        const auto arrival = divide_up(planned->arrival, period_);
        if (arrival > until) break;
        planned->times = serve(arrival, planned->address, planned->bytes, true);
        written_.push_back(*planned);
    }
    posted_.erase(posted_.begin(), planned);
}

DramPlanningScheduler::BurstTimes DramPlanningScheduler::read(TimeFs arrival, std::int64_t address,
                                                              std::int64_t bytes) {
    const auto clock = divide_up(arrival, period_);
    plan_posted(clock);
    return serve(clock, address, bytes, false);
}

TimeFs DramPlanningScheduler::write(TimeFs announced, TimeFs arrival, std::int64_t address,
                                    std::int64_t bytes) {
    plan_posted(announced / period_);
    const Written burst{arrival, address, bytes, {}};
    const auto later = [](const Written& one, const Written& other) { return one.arrival < other.arrival; };
    posted_.insert(std::upper_bound(posted_.begin(), posted_.end(), burst, later), burst);
    return std::max(burst.arrival, time(pins_free_));
}

TimeFs DramPlanningScheduler::settle() {
    plan_posted(std::numeric_limits<MemoryClock>::max());
    return time(pins_free_);
}

void DramPlanningScheduler::take_written(std::vector<Written>& taken) {
    taken.clear();
    taken.swap(written_);
}

}  // namespace tilewright::memory
