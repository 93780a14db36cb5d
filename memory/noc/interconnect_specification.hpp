// SPDX-License-Identifier: Apache-2.0
// Rates and latencies of the network in front of the memory controllers, and of the fabric's ports into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tilewright::memory {

struct InterconnectSpecification {
    std::string kind;  // "noc" or "axi_switch"
    double clock_hz = 0;
    std::int64_t link_bytes_per_cycle = 16;  // payload width of one link
    std::int64_t packet_bytes = 256;         // longest packet; a packet of written data has a header flit
    // One way between fabric port and memory controller: the ends (NMU, NSU, controller front end) and the
    // switches.
    int request_latency_cycles = 0;   // ends, towards the memory
    int response_latency_cycles = 0;  // ends, back
    int switch_latency_cycles = 0;    // of one switch
    int hops = 0;                     // switches on the way, unless a port says otherwise

    // Data rate of one link: a flit a cycle. Writes pay a header flit a packet on top.
    double link_bytes_per_s() const { return clock_hz * static_cast<double>(link_bytes_per_cycle); }
};

// One AXI port of the fabric: as wide and as fast as the accelerator drives it.
struct PortSpecification {
    std::string name;
    int width_bits = 256;
    double clock_hz = 0;
    int links = 1;                 // network links behind it, an NMU each
    std::optional<int> hops = {};  // switches between the port and its memory; absent: the device's figure

    std::int64_t beat_bytes() const { return width_bits / 8; }
    double bytes_per_s() const { return static_cast<double>(beat_bytes()) * clock_hz; }
};

// Beats of a transfer of `bytes` bytes that starts on a beat boundary.
std::int64_t beats(const PortSpecification& port, std::int64_t bytes);

}  // namespace tilewright::memory
