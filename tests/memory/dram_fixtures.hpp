// SPDX-License-Identifier: Apache-2.0
// DRAM that the tests share.
#pragma once

#include <vector>

#include "memory/dram/command_scheduler.hpp"
#include "memory/dram/dram_timing.hpp"

namespace tilewright::test {

// DDR4-3200AA, 8 Gb x8, on 64 bits (JEDEC JESD79-4): a clock of 625 ps, 64 bytes an access, four clocks of
// data.
inline memory::DramSpecification ddr4(std::int64_t channel_bytes = std::int64_t{8} << 30) {
    memory::DramSpecification dram;
    dram.name = "ddr4";
    dram.organization.channel_width_bits = 64;
    dram.organization.bank_groups = 4;
    dram.organization.banks_per_group = 4;
    dram.organization.row_bytes = 8192;
    dram.organization.channel_bytes = channel_bytes;
    auto& t = dram.timing;
    t.clock_hz = 1.6e9;
    t.burst_length = 8;
    t.cl = 22;
    t.cwl = 16;
    t.rcd = 22;
    t.rp = 22;
    t.rp_all = 22;
    t.ras = 52;
    t.rc = 74;
    t.rtp = 12;
    t.wr = 24;
    t.wtr_s = 4;
    t.wtr_l = 12;
    t.ccd_s = 4;
    t.ccd_l = 8;
    t.rrd_s = 4;
    t.rrd_l = 8;
    t.faw = 34;
    t.rtw_gap = 2;
    t.rank_gap = 2;
    t.rfc = 560;
    t.refi = 12480;
    return dram;
}

inline std::vector<memory::DramCommandScheduler::Completion> completions(
    memory::DramCommandScheduler& scheduler) {
    std::vector<memory::DramCommandScheduler::Completion> completions;
    scheduler.take_completions(completions);
    return completions;
}

}  // namespace tilewright::test
