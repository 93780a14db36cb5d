// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/dram_channel.hpp"

#include <algorithm>

namespace tilewright::memory {

DramChannel::DramChannel(const DramSpecification& specification)
    : specification_(specification),
      period_(period_fs(specification.timing.clock_hz)),
      // Column accesses to alternating bank groups follow each other every CCD_S, those to the same one,
      // after a turn of all groups, every CCD_L; the data of one occupies burst_length / 2 clocks. The
      // largest is the pace.
      access_time_(
          std::max(period_ * specification.timing.column_spacing(),
                   divide_up(period_ * specification.timing.ccd_l, specification.organization.bank_groups))),
      access_bytes_(specification.access_bytes()),
      row_set_bytes_(specification.organization.row_bytes * specification.organization.bank_groups),
      banks_(static_cast<std::size_t>(specification.organization.banks_per_group)),
      bank_sets_(specification.organization.banks_per_group),
      next_refresh_(period_ * specification.timing.refi) {}

// Refreshes that were due while the channel had nothing to do: rows are closed when work arrives.
void DramChannel::refresh_until(TimeFs time) {
    while (next_refresh_ <= time) {
        const auto begin = std::max(next_refresh_, bus_free_);
        for (auto& bank : banks_) {
            bank.open_row = -1;
            bank.closed_since = begin + clocks(specification_.timing.rfc);
        }
        ++statistics_.refreshes;
        next_refresh_ += clocks(specification_.timing.refi);
    }
}

DramChannel::Opening DramChannel::open(BankSet& bank, std::int64_t row, TimeFs arrival,
                                       std::int64_t groups_touched) {
    const auto& timing = specification_.timing;
    if (bank.open_row == row) return {std::max(arrival, bank.activated + clocks(timing.rcd)), 0};
    Opening opening;
    auto activate = std::max(arrival, bank.closed_since);
    if (bank.open_row >= 0) {
        const auto precharge = std::max({arrival, bank.precharge_ready, bank.activated + clocks(timing.ras)});
        activate = precharge + clocks(timing.rp);
    } else {
        opening.refreshed = bank.closed_since;  // rows are closed by refreshes alone
    }
    bank.open_row = row;
    bank.activated = activate;
    statistics_.row_activations += groups_touched;
    opening.column = activate + clocks(timing.rcd);
    return opening;
}

// From `start` on the pins wait for a burst whose data begin at `begin`.
void DramChannel::count_stall(TimeFs start, TimeFs begin, TimeFs bus_ready, TimeFs data_ready,
                              const Opening& opening) {
    if (bus_ready >= data_ready) {
        statistics_.turnaround_stall += begin - start;
        return;
    }
    const auto refreshed = std::clamp(opening.refreshed, start, begin);
    const auto opened = std::clamp(opening.column, refreshed, begin);
    statistics_.refresh_stall += refreshed - start;
    statistics_.row_stall += opened - refreshed;
    statistics_.column_stall += begin - opened;
}

DramChannel::BurstTimes DramChannel::serve(TimeFs arrival, std::int64_t address, std::int64_t bytes,
                                           bool write) {
    const auto& timing = specification_.timing;
    const auto groups = static_cast<std::int64_t>(specification_.organization.bank_groups);
    BurstTimes result;
    bool first = true;
    auto at = access_bytes_.down(address) * access_bytes_.value();
    const auto end = address + bytes;
    while (at < end) {
        // Address bits from the bottom: column access, bank group, rest of the column, bank, row.
        const auto row_set = row_set_bytes_.down(at);
        const auto segment_end = std::min(end, (row_set + 1) * row_set_bytes_.value());
        const auto accesses = access_bytes_.up(segment_end - at);
        refresh_until(std::max(arrival, bus_free_));
        const auto row = bank_sets_.down(row_set);
        auto& bank = banks_[static_cast<std::size_t>(row_set - row * bank_sets_.value())];
        const auto misses = bank.open_row == row ? 0 : std::min(accesses, groups);
        const auto opening = open(bank, row, arrival, misses);
        const auto data_ready = opening.column + clocks(write ? timing.cwl : timing.cl);
        auto bus_ready = bus_free_;
        if (bus_free_ > 0 && write != last_was_write_) {
            ++statistics_.turnarounds;
            // Write to read: the read command waits WTR after the last write data.
            bus_ready += clocks(write ? timing.rtw_gap : timing.wtr_l + timing.cl);
        }
        const auto start = std::max(arrival, bus_free_);
        const auto begin = std::max({data_ready, bus_ready, start});
        count_stall(start, begin, bus_ready, data_ready, opening);
        auto last = begin + accesses * access_time_;
        statistics_.data_busy += accesses * access_time_;
        while (next_refresh_ < last) {  // a refresh comes due inside the burst
            const auto stall = clocks(timing.rp + timing.rfc + timing.rcd);
            last += stall;
            statistics_.refresh_stall += stall;
            ++statistics_.refreshes;
            statistics_.row_activations += std::min(accesses, groups);
            for (auto& other : banks_) {
                other.open_row = -1;
                other.closed_since = next_refresh_ + stall;
            }
            bank.open_row = row;
            bank.activated = next_refresh_ + clocks(timing.rp + timing.rfc);
            next_refresh_ += clocks(timing.refi);
        }
        bank.precharge_ready = last + (write ? clocks(timing.wr) : 0) -
                               (write ? 0 : clocks(timing.cl + timing.burst_length / 2 - timing.rtp));
        statistics_.row_misses += misses;
        statistics_.row_hits += accesses - misses;
        bus_free_ = last;
        last_was_write_ = write;
        if (first) {
            result.service_begin = start;
            result.first_data = begin + access_time_;
        }
        first = false;
        result.last_data = last;
        at = segment_end;
    }
    (write ? statistics_.write_bytes : statistics_.read_bytes) += bytes;
    return result;
}

}  // namespace tilewright::memory
