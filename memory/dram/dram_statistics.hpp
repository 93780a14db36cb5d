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
    // Adds every count and time of `part`, `times` times.
    void add(const DramStatistics& part, std::int64_t times = 1);
};

inline void DramStatistics::add(const DramStatistics& part, std::int64_t times) {
    read_bytes += times * part.read_bytes;
    write_bytes += times * part.write_bytes;
    row_hits += times * part.row_hits;
    row_misses += times * part.row_misses;
    row_activations += times * part.row_activations;
    refreshes += times * part.refreshes;
    turnarounds += times * part.turnarounds;
    forwarded_bytes += times * part.forwarded_bytes;
    data_busy += times * part.data_busy;
    refresh_stall += times * part.refresh_stall;
    row_stall += times * part.row_stall;
    conflict_stall += times * part.conflict_stall;
    turnaround_stall += times * part.turnaround_stall;
    bank_group_stall += times * part.bank_group_stall;
    activate_stall += times * part.activate_stall;
    spacing_stall += times * part.spacing_stall;
    column_stall += times * part.column_stall;
    contested_stall += times * part.contested_stall;
}

}  // namespace tilewright::memory
