// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/dram_channel.hpp"

#include <algorithm>
#include <limits>

namespace tilewright::memory {

DramChannel::DramChannel(const DramSpecification& specification, const DramControllerPolicy& policy)
    : timing_(specification.timing),
      queue_(policy.read_queue),
      period_(period_fs(timing_.clock_hz)),
      frame_(timing_.column_spacing()),
      access_bytes_(specification.access_bytes()),
      groups_(specification.organization.bank_groups),
      row_set_accesses_(
          access_bytes_.down(specification.organization.row_bytes * specification.organization.bank_groups)),
      bank_sets_(specification.organization.banks_per_group),
      read_to_write_(std::max(1, timing_.cl + timing_.data_clocks() + timing_.rtw_gap - timing_.cwl)),
      activate_place_(1 % frame_.value()),
      precharge_place_(2 % frame_.value()),
      keeps_pace_(place(timing_.ccd_l, 0) <= groups_.value() * frame_.value()),
      banks_(static_cast<std::size_t>(specification.organization.banks_per_rank())),
      group_states_(static_cast<std::size_t>(specification.organization.bank_groups)),
      next_refresh_(timing_.refi),
      runs_(static_cast<std::size_t>(queue_) + 1) {}

// The first clock from `clock` on that is `in_frame` clocks behind the begin of a frame.
MemoryClock DramChannel::place(MemoryClock clock, MemoryClock in_frame) const {
    return frame_.up(clock - in_frame) * frame_.value() + in_frame;
}

// When the next access is in the queue.
MemoryClock DramChannel::queued_from(MemoryClock arrival) const {
    const auto ahead = accesses_ - queue_;
    if (ahead < 0) return arrival;
    auto run = next_run_;
    do {
        run = (run == 0 ? runs_.size() : run) - 1;
    } while (runs_[run].first > ahead);
    return std::max(arrival, runs_[run].begin + (ahead - runs_[run].first) * frame_.value() + 1);
}

DramChannel::Plan DramChannel::plan(const Access& access) const {
    const auto& bank = banks_[access.bank];
    const auto& group = group_states_[access.group];
    Plan plan;
    auto column_from = bank.column_from;
    if (bank.open_row != access.row) {
        const auto from = queued_from(access.arrival);
        auto closed = bank.activate_from;
        if (bank.open_row >= 0) {
            plan.precharge = place(std::max({from, bank.precharge_from, precharge_from_}), precharge_place_);
            closed = std::max(closed, plan.precharge + timing_.rp);
        }
        plan.activate = place(std::max({from, closed, group.activate_from, activate_from_, refresh_end_}),
                              activate_place_);
        column_from = plan.activate + timing_.rcd;
    }
    const auto kind = static_cast<std::size_t>(access.write);
    plan.column =
        place(std::max({access.arrival, column_from, column_from_[kind], group.column_from[kind]}), 0);
    return plan;
}

void DramChannel::give_rows(const Access& access, const Plan& plan) {
    if (plan.activate == long_ago) {
        ++statistics_.row_hits;
        return;
    }
    ++statistics_.row_misses;
    ++statistics_.row_activations;
    if (plan.precharge != long_ago) {
        precharge_from_ = plan.precharge + 1;
        refresh_from_ = std::max(refresh_from_, plan.precharge + timing_.rp);
    }
    auto& bank = banks_[access.bank];
    bank.open_row = access.row;
    bank.column_from = plan.activate + timing_.rcd;
    bank.precharge_from = plan.activate + timing_.ras;
    bank.activate_from = plan.activate + timing_.rc;
    group_states_[access.group].activate_from = plan.activate + timing_.rrd_l;
    last_activates_[oldest_activate_] = plan.activate;
    oldest_activate_ = (oldest_activate_ + 1) % last_activates_.size();
    activate_from_ = std::max(plan.activate + timing_.rrd_s, last_activates_[oldest_activate_] + timing_.faw);
    precharge_all_from_ = std::max(precharge_all_from_, bank.precharge_from);
    refresh_from_ = std::max(refresh_from_, bank.activate_from);
    any_open_ = true;
}

void DramChannel::give_column(const Access& access, MemoryClock column) {
    auto& group = group_states_[access.group];
    const auto written = column + timing_.cwl + timing_.data_clocks();
    if (access.write) {
        column_from_ = {written + timing_.wtr_s, column + frame_.value()};
        group.column_from = {written + timing_.wtr_l, column + timing_.ccd_l};
    } else {
        column_from_ = {column + frame_.value(), std::max(column_from_[1], column + read_to_write_)};
        group.column_from[0] = column + timing_.ccd_l;
    }
    auto& closes = banks_[access.bank].precharge_from;
    closes = std::max(closes, access.write ? written + timing_.wr : column + timing_.rtp);
    precharge_all_from_ = std::max(precharge_all_from_, closes);
    last_column_ = column;
    last_was_write_ = access.write;
}

void DramChannel::refresh() {
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
    in_turn_ = 0;
    ++statistics_.refreshes;
}

// From `from` on the pins wait for the data of an access, which begin at `begin`.
void DramChannel::count_stall(const Access& access, const Plan& plan, MemoryClock from, MemoryClock begin) {
    const auto kind = static_cast<std::size_t>(access.write);
    const auto in_group = group_states_[access.group].column_from[kind];
    const auto columns = std::max(column_from_[kind], in_group);
    const bool opens = plan.activate != long_ago;
    const auto opened = opens ? plan.activate + timing_.rcd : long_ago;
    if (access.write != last_was_write_ && accesses_ > 0 && columns > std::max(opened, access.arrival)) {
        statistics_.turnaround_stall += time(begin - from);
        return;
    }
    if (!opens && in_group > access.arrival && place(in_group, 0) == plan.column) {
        statistics_.bank_group_stall += time(begin - from);
        return;
    }
    const auto refreshed = opens ? std::clamp(refresh_end_, from, begin) : from;
    const auto rows = std::clamp(opened, refreshed, begin);
    statistics_.refresh_stall += time(refreshed - from);
    (plan.precharge == long_ago ? statistics_.row_stall : statistics_.conflict_stall) +=
        time(rows - refreshed);
    statistics_.column_stall += time(begin - rows);
}

DramChannel::Data DramChannel::serve_one(const Access& access) {
    auto commands = plan(access);
    while (commands.column >= next_refresh_) {
        refresh();
        commands = plan(access);
    }
    const auto from = std::max(access.arrival, pins_free_);
    const auto begin = commands.column + latency(access.write);
    if (begin > from) count_stall(access, commands, from, begin);
    if (access.write != last_was_write_ && accesses_ > 0) ++statistics_.turnarounds;
    give_rows(access, commands);
    const auto data = move(access.write, commands.column, 1);
    give_column(access, commands.column);
    ++in_turn_;
    return data;
}

// After a turn of all bank groups whose rows stay open, one column follows the other: of the next `accesses`
// those before a refresh.
DramChannel::Data DramChannel::run_on(const Access& next, std::int64_t accesses) {
    const auto frame = frame_.value();
    const auto first = std::max(last_column_ + frame, place(next.arrival, 0));
    const auto before_refresh = next_refresh_ > first ? frame_.up(next_refresh_ - first) : 0;
    const auto count = std::min(accesses, before_refresh);
    if (count == 0) return {};
    const auto from = std::max(next.arrival, pins_free_);
    const auto begin = first + latency(next.write);
    if (begin > from) statistics_.column_stall += time(begin - from);
    const auto data = move(next.write, first, count);
    // Those before the last turn bind nothing that it does not.
    const auto bank_set = next.bank - next.group;
    const auto before_last = std::max(std::int64_t{0}, count - groups_.value());
    auto access = next;
    access.group = group_of(static_cast<std::int64_t>(next.group) + before_last);
    for (auto i = before_last; i < count; ++i) {
        access.bank = bank_set + access.group;
        give_column(access, first + i * frame);
        if (++access.group == group_states_.size()) access.group = 0;
    }
    statistics_.row_hits += count;
    return data;
}

// Column commands of `accesses`, one a frame, the first one at `column`.
DramChannel::Data DramChannel::move(bool write, MemoryClock column, std::int64_t accesses) {
    const auto frame = frame_.value();
    if (accesses_ == 0 || column != last_column_ + frame) {
        runs_[next_run_] = {accesses_, column};
        next_run_ = (next_run_ + 1) % runs_.size();
    }
    const auto begin = column + latency(write);
    const auto data = timing_.data_clocks();
    accesses_ += accesses;
    pins_free_ = begin + (accesses - 1) * frame + data;
    statistics_.data_busy += time(accesses * data);
    statistics_.spacing_stall += time((accesses - 1) * (frame - data));
    return {accesses, begin + data};
}

DramChannel::BurstTimes DramChannel::serve(MemoryClock arrival, std::int64_t address, std::int64_t bytes,
                                           bool write) {
    const auto turn = groups_.value();
    auto first = access_bytes_.down(address);
    const auto end = access_bytes_.up(address + bytes);
    BurstTimes result;
    result.service_begin = time(std::max(arrival, pins_free_));
    Access access;
    access.arrival = arrival;
    access.write = write;
    while (first < end) {
        const auto row_set = row_set_accesses_.down(first);
        const auto row_set_begin = row_set * row_set_accesses_.value();
        const auto row_end = std::min(end, row_set_begin + row_set_accesses_.value());
        if (first != next_access_ || write != last_was_write_ || first == row_set_begin) in_turn_ = 0;
        access.row = bank_sets_.down(row_set);
        const auto first_bank = (row_set - access.row * bank_sets_.value()) * turn;
        while (first < row_end) {
            access.group = group_of(first);
            access.bank = static_cast<std::size_t>(first_bank) + access.group;
            Data data;
            if (keeps_pace_ && in_turn_ >= turn) data = run_on(access, row_end - first);
            if (data.accesses == 0) data = serve_one(access);
            if (result.first_data == 0) result.first_data = time(data.first);
            first += data.accesses;
        }
        next_access_ = first;
    }
    result.last_data = time(pins_free_);
    (write ? statistics_.write_bytes : statistics_.read_bytes) += bytes;
    return result;
}

// Written bursts whose data have come by then.
void DramChannel::plan_posted(MemoryClock until) {
    auto planned = posted_.begin();
    for (; planned != posted_.end(); ++planned) {
        const auto arrival = divide_up(planned->arrival, period_);
        if (arrival > until) break;
        planned->times = serve(arrival, planned->address, planned->bytes, true);
        written_.push_back(*planned);
    }
    posted_.erase(posted_.begin(), planned);
}

DramChannel::BurstTimes DramChannel::read(TimeFs arrival, std::int64_t address, std::int64_t bytes) {
    const auto clock = divide_up(arrival, period_);
    plan_posted(clock);
    return serve(clock, address, bytes, false);
}

TimeFs DramChannel::write(TimeFs announced, TimeFs arrival, std::int64_t address, std::int64_t bytes) {
    plan_posted(announced / period_);
    const Written burst{arrival, address, bytes, {}};
    const auto later = [](const Written& one, const Written& other) { return one.arrival < other.arrival; };
    posted_.insert(std::upper_bound(posted_.begin(), posted_.end(), burst, later), burst);
    return std::max(burst.arrival, time(pins_free_));
}

TimeFs DramChannel::settle() {
    plan_posted(std::numeric_limits<MemoryClock>::max());
    return time(pins_free_);
}

void DramChannel::take_written(std::vector<Written>& taken) {
    taken.clear();
    taken.swap(written_);
}

}  // namespace tilewright::memory
