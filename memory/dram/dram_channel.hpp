// SPDX-License-Identifier: Apache-2.0
// One DRAM channel at burst granularity: a pure state machine without SystemC.
//
// A request (one AXI burst) is served in the order in which it arrives. Its column accesses rotate over the
// bank groups (RoBaRaCoBgCh), so they follow each other every CCD_S; the rows of the next request are opened
// while the data of the request before it still move. Modelled: open rows a bank, ACT/PRE/column timing,
// read-write turnaround, all-bank refresh. Not modelled here: reordering between requests, RRD and FAW (a row
// set needs one activate a bank group, which CCD_S spacing hides), interleaving of two requests' columns.
// DramCommandScheduler has all of these; tests say how far the two are apart.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/dram/dram_statistics.hpp"
#include "memory/dram/dram_timing.hpp"
#include "memory/integer_math.hpp"
#include "memory/time.hpp"

namespace tilewright::memory {

class DramChannel {
  public:
    // When the data pins carry the first and finish the last byte of a burst.
    struct BurstTimes {
        TimeFs service_begin = 0;  // the burst is there and the data pins are done with the one before
        TimeFs first_data = 0;
        TimeFs last_data = 0;
    };

    explicit DramChannel(const DramSpecification& specification);

    // Serves a burst of `bytes` bytes at `address` (bytes from the start of the channel) whose command
    // reaches the controller at `arrival`. Arrivals must not decrease by more than the data still in flight.
    BurstTimes serve(TimeFs arrival, std::int64_t address, std::int64_t bytes, bool write);

    const DramStatistics& statistics() const { return statistics_; }

  private:
    // Banks with the same index in all bank groups open their rows together: see the address mapping in
    // serve().
    struct BankSet {
        std::int64_t open_row = -1;
        TimeFs activated = 0;
        TimeFs precharge_ready = 0;
        TimeFs closed_since = 0;
    };
    struct Opening {
        TimeFs column = 0;     // when a column command may be given
        TimeFs refreshed = 0;  // up to here a refresh was in the way
    };

    void refresh_until(TimeFs time);
    Opening open(BankSet& bank, std::int64_t row, TimeFs arrival, std::int64_t groups_touched);
    void count_stall(TimeFs start, TimeFs begin, TimeFs bus_ready, TimeFs data_ready, const Opening& opening);

    TimeFs clocks(int count) const { return count * period_; }

    DramSpecification specification_;
    TimeFs period_;
    TimeFs access_time_;
    Divisor access_bytes_;
    Divisor row_set_bytes_;
    std::vector<BankSet> banks_;
    Divisor bank_sets_;
    TimeFs next_refresh_;
    TimeFs bus_free_ = 0;
    bool last_was_write_ = false;
    DramStatistics statistics_;
};

}  // namespace tilewright::memory
