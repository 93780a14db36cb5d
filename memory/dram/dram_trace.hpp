// SPDX-License-Identifier: Apache-2.0
// A trace of requests through all channels of a memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "memory/dram/address_mapping.hpp"
#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

struct DramTraceRequest {
    MemoryClock clock = 0;  // not before that of the request in front of it
    bool write = false;
    std::int64_t address = 0;  // bytes from the start of the memory
    std::int64_t bytes = 0;    // at least 1
};

// Figures of a trace. Clocks are memory clocks; accesses are bursts of access_bytes().
struct DramTraceResult {
    std::int64_t reads = 0;  // requests
    std::int64_t writes = 0;
    std::int64_t read_bytes = 0;  // as requested
    std::int64_t write_bytes = 0;
    std::int64_t read_latency_sum = 0;  // from a request's clock to the end of its last data beat
    MemoryClock read_latency_min = 0;
    MemoryClock read_latency_max = 0;
    MemoryClock first_arrival = 0;
    MemoryClock last_data = 0;
    // Accesses, rows and refreshes added up over the channels. `data` and `losses` are added up too: together
    // they are channels times (last_data - first_arrival).
    DramCommandStatistics channels;

    MemoryClock cycles() const { return last_data - first_arrival; }
};

// Requests larger than an access, or across the border of two, are split. One source issues them in order: it
// waits at a full queue, and all behind waits with it. The end of a request is that of its last access.
DramTraceResult run_dram_trace(const DramSpecification& specification, const DramControllerPolicy& policy,
                               const AddressMapping& mapping, const std::vector<DramTraceRequest>& requests);

}  // namespace tilewright::memory
