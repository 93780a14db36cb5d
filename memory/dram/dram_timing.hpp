// SPDX-License-Identifier: Apache-2.0
// What distinguishes one DRAM standard from another: an organisation and a table of timings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace tilewright::memory {

// Timings are in memory clocks (JEDEC names without the t), except where the name says otherwise. _s: between
// different bank groups, _l: within one. A standard without bank groups has equal values for both.
struct DramTiming {
    double clock_hz = 0;  // command clock; data move on both edges
    int burst_length = 8;
    int cl = 0;      // column read to first data
    int cwl = 0;     // column write to first data
    int rcd = 0;     // activate to column
    int rp = 0;      // precharge to activate
    int rp_all = 0;  // precharge of all banks to activate or refresh
    int ras = 0;     // activate to precharge
    int rc = 0;      // activate to activate, same bank
    int rtp = 0;     // column read to precharge
    int wr = 0;      // last write data to precharge
    int wtr_s = 0;   // last write data to a column read
    int wtr_l = 0;
    int ccd_s = 0;  // column to column
    int ccd_l = 0;
    int rrd_s = 0;  // activate to activate, other bank
    int rrd_l = 0;
    int faw = 0;       // window in which a rank may be given four activates
    int rtw_gap = 2;   // data pins idle between read data and write data
    int rank_gap = 2;  // data pins idle between data of two ranks
    int rfc = 0;       // one all-bank refresh
    int refi = 0;      // between refreshes

    int data_clocks() const { return burst_length / 2; }
    // From a column command to the end of its data.
    int column_to_data_end(bool write) const { return (write ? cwl : cl) + data_clocks(); }
    // Closest column commands of one rank: their data must not overlap.
    int column_spacing() const { return std::max(ccd_s, data_clocks()); }
};

struct DramOrganization {
    int channel_width_bits = 64;  // data pins of one channel
    int ranks = 1;
    int bank_groups = 4;
    int banks_per_group = 4;
    std::int64_t row_bytes = 8192;   // bytes of an open row over all chips of the channel
    std::int64_t channel_bytes = 0;  // capacity of one channel
    int channels = 1;

    int banks_per_rank() const { return bank_groups * banks_per_group; }
    std::int64_t rows_per_bank() const { return channel_bytes / (row_bytes * ranks * banks_per_rank()); }
};

struct DramSpecification {
    std::string name;
    DramOrganization organization;
    DramTiming timing;

    // Bytes of one column access: burst length times the width of the channel.
    std::int64_t access_bytes() const {
        return static_cast<std::int64_t>(timing.burst_length) * organization.channel_width_bits / 8;
    }
    // Peak data rate of one channel: two transfers a clock.
    double channel_bytes_per_s() const { return 2.0 * timing.clock_hz * organization.channel_width_bits / 8; }
    double bytes_per_s() const { return channel_bytes_per_s() * organization.channels; }
    // One channel alone.
    DramSpecification channel() const {
        auto one = *this;
        one.organization.channels = 1;
        return one;
    }
    std::int64_t capacity_bytes() const { return organization.channel_bytes * organization.channels; }
};

}  // namespace tilewright::memory
