// SPDX-License-Identifier: Apache-2.0
// What distinguishes one DRAM standard from another: an organisation and a table of timings.
#pragma once

#include <cstdint>
#include <string>

namespace tilewright::memory {

// Timings are in memory clocks (JEDEC names without the t), except where the name says otherwise.
struct DramTiming {
    double clock_hz = 0;  // command clock; data moves on both edges
    int burst_length = 8;
    int cl = 0;     // column read to first data
    int cwl = 0;    // column write to first data
    int rcd = 0;    // activate to column
    int rp = 0;     // precharge to activate
    int ras = 0;    // activate to precharge
    int rtp = 0;    // column read to precharge
    int wr = 0;     // last write data to precharge
    int wtr = 0;    // last write data to a column read
    int ccd_s = 0;  // column to column, other bank group
    int rfc = 0;    // one all-bank refresh
    int refi = 0;   // between refreshes
};

struct DramOrganization {
    int channel_width_bits = 64;  // data pins of one channel
    int bank_groups = 4;
    int banks_per_group = 4;
    std::int64_t row_bytes = 8192;   // bytes of an open row over all chips of the channel
    std::int64_t channel_bytes = 0;  // capacity of one channel
    int channels = 1;
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
    std::int64_t capacity_bytes() const { return organization.channel_bytes * organization.channels; }
};

}  // namespace tilewright::memory
