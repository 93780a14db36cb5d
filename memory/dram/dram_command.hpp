// SPDX-License-Identifier: Apache-2.0
// The commands on a DRAM channel's command bus.
#pragma once

#include <cstdint>

namespace tilewright::memory {

using MemoryClock = std::int64_t;  // a count of memory clocks

enum class DramCommandKind : std::uint8_t {
    activate,
    precharge,
    precharge_all,  // of a rank
    read,
    write,
    read_precharge,  // the row closes by itself behind the access
    write_precharge,
    refresh  // all banks of a rank
};
inline constexpr int dram_command_kinds = 8;

struct DramCommand {
    MemoryClock clock = 0;
    DramCommandKind kind = DramCommandKind::activate;
    int rank = 0;
    int bank_group = 0;  // not of precharge_all and refresh
    int bank = 0;        // within its group
    std::int64_t row = 0;
};

}  // namespace tilewright::memory
