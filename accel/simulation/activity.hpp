// SPDX-License-Identifier: Apache-2.0
// What happened in a simulation: the raw figures from which reports are made. Times in femtoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/schedule/tile_program.hpp"
#include "memory/dram/dram_statistics.hpp"
#include "memory/time.hpp"

namespace tilewright::accel {

// Why an engine with work left was not working.
enum class StallCause : std::uint8_t {
    waits_for_dma,
    waits_for_matrix,
    waits_for_aie,
    waits_for_ssm,
    waits_for_hadamard,
    waits_for_vector,
    waits_for_quantizer,
    waits_for_attention,
    waits_for_softmax,
    waits_for_binary,
    waits_for_space
};
inline constexpr int stall_cause_count = 11;
const char* to_string(StallCause cause);
// Of an engine that needs what one of this kind makes.
StallCause waits_for(EngineKind kind);

struct EngineActivity {
    std::string name;
    EngineKind kind = EngineKind::vector;
    std::int64_t instructions = 0;
    std::int64_t macs = 0;
    memory::TimeFs busy = 0;  // for a DMA engine: at least one transfer in flight
    std::array<memory::TimeFs, stall_cause_count> stalled{};
    memory::TimeFs idle = 0;  // nothing left to do
    // Its work in the chain that ends last: each piece of work began when the one before it in the chain was
    // done; of transfers, went on when the one in front was. Among engines that compute the run would be
    // shorter by no more than this without all of the engine's work.
    memory::TimeFs critical = 0;
};

// Bytes through one memory port, by what they are; values and scales with the padding of the bus.
struct TrafficActivity {
    std::int64_t read_bytes = 0;
    std::int64_t write_bytes = 0;
    std::int64_t read_beats = 0;
    std::int64_t write_beats = 0;
    std::int64_t scale_beats = 0;  // of the beats above
};

struct PortActivity {
    std::string name;
    std::string memory;
    std::int64_t bursts = 0;
    memory::TimeFs data_busy = 0;    // data moving, added up over the channels
    memory::TimeFs arbitration = 0;  // bursts ready and waiting for their turn, where ports share a channel
    std::array<TrafficActivity, traffic_count> traffic{};
};

// Time of a memory, added up over the channels that any burst went to.
struct MemoryOccupancy {
    std::string memory;
    std::int64_t channels = 0;
    memory::TimeFs active = 0;     // a burst is served or moves through its port
    memory::TimeFs in_flight = 0;  // a burst is active or on the way
    memory::TimeFs linked = 0;     // nothing active, and data on a link that is slower than their port
    memory::TimeFs limited = 0;    // neither, and a port has as many bursts on their way as it may
    // Of the one channel where it is most: in_doubt() of its DramStatistics.
    memory::TimeFs in_doubt = 0;
};

struct BufferActivity {
    std::int64_t capacity_bytes = 0;
    std::int64_t peak_bytes = 0;
};

struct OperatorTime {
    std::string label;
    std::string engine;
    memory::TimeFs busy = 0;
};

struct Activity {
    memory::TimeFs duration = 0;
    memory::TimeFs settling = 0;  // at the end: posted writes, and no engine works any more
    std::vector<EngineActivity> engines;
    std::vector<PortActivity> ports;
    std::vector<std::pair<std::string, memory::DramStatistics>> memories;  // added up over channels
    std::vector<MemoryOccupancy> occupancy;                                // as memories
    std::array<BufferActivity, buffer_count> buffers{};
    std::vector<OperatorTime> operators;        // busy time by label and engine
    std::vector<memory::TimeFs> section_begin;  // first start of an instruction of each section
    std::int64_t instructions = 0;
};

}  // namespace tilewright::accel
