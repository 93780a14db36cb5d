// SPDX-License-Identifier: Apache-2.0
// What a DRAM channel did in a simulation, whichever model it has.
#pragma once

#include <cstdint>

#include "memory/time.hpp"

namespace tilewright::memory {

struct DramStatistics {
    std::int64_t read_bytes = 0;
    std::int64_t write_bytes = 0;
    std::int64_t row_hits = 0;    // column accesses to an open row
    std::int64_t row_misses = 0;  // column accesses that had to open a row
    std::int64_t row_activations = 0;
    std::int64_t refreshes = 0;  // those that fell inside the simulated work
    std::int64_t turnarounds = 0;
    std::int64_t forwarded_bytes = 0;  // accesses that were answered from posted writes, not by the pins
    TimeFs data_busy = 0;              // data pins moving data
    // While there is a burst to be served, its data move or wait: for a refresh, for a row, for the bus to
    // turn around, for rules between columns (CCD) or activates (RRD, FAW), for the column latency.
    TimeFs refresh_stall = 0;
    TimeFs row_stall = 0;
    TimeFs conflict_stall = 0;
    TimeFs turnaround_stall = 0;
    TimeFs bank_group_stall = 0;
    TimeFs activate_stall = 0;
    TimeFs spacing_stall = 0;
    TimeFs column_stall = 0;
    // Of rows, turnarounds and bank groups, while a later burst to other rows was there, which might have
    // gone first. Counted by the controller that plans.
    TimeFs contested_stall = 0;

    TimeFs served() const {
        return data_busy + refresh_stall + row_stall + conflict_stall + turnaround_stall + bank_group_stall +
               activate_stall + spacing_stall + column_stall;
    }
    // Time in which a controller that gives each command its clock, in another order, might have done better:
    // a later burst waited as well, or activates had to be apart, which frames round up.
    TimeFs in_doubt() const { return contested_stall + activate_stall; }
    DramStatistics& operator+=(const DramStatistics& other);
};

inline DramStatistics& DramStatistics::operator+=(const DramStatistics& other) {
    read_bytes += other.read_bytes;
    write_bytes += other.write_bytes;
    row_hits += other.row_hits;
    row_misses += other.row_misses;
    row_activations += other.row_activations;
    refreshes += other.refreshes;
    turnarounds += other.turnarounds;
    forwarded_bytes += other.forwarded_bytes;
    data_busy += other.data_busy;
    refresh_stall += other.refresh_stall;
    row_stall += other.row_stall;
    conflict_stall += other.conflict_stall;
    turnaround_stall += other.turnaround_stall;
    bank_group_stall += other.bank_group_stall;
    activate_stall += other.activate_stall;
    spacing_stall += other.spacing_stall;
    column_stall += other.column_stall;
    contested_stall += other.contested_stall;
    return *this;
}

}  // namespace tilewright::memory
