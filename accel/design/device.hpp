// SPDX-License-Identifier: Apache-2.0
// A board: what its fabric offers, how its memories behave and what it draws at rest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "accel/aie/array.hpp"
#include "memory/dram/controller_policy.hpp"
#include "memory/dram/dram_timing.hpp"
#include "memory/noc/interconnect_specification.hpp"

namespace tilewright::accel {

// Counts of fabric primitives: LUT6, flip-flops, DSP blocks, RAMB36 and URAM288.
struct FabricResources {
    std::int64_t lut = 0;
    std::int64_t ff = 0;
    std::int64_t dsp = 0;
    std::int64_t bram = 0;
    std::int64_t uram = 0;

    FabricResources& operator+=(const FabricResources& other) {
        lut += other.lut;
        ff += other.ff;
        dsp += other.dsp;
        bram += other.bram;
        uram += other.uram;
        return *this;
    }
    friend FabricResources operator*(FabricResources a, std::int64_t factor) {
        return {a.lut * factor, a.ff * factor, a.dsp * factor, a.bram * factor, a.uram * factor};
    }
};

struct MemoryEnergy {
    double access_j_per_bit = 0;
    double activate_j = 0;  // one row opened and closed
    double standby_w = 0;
};

struct DeviceMemory {
    memory::DramSpecification dram;
    memory::DramControllerPolicy controller;  // a design chooses the page policy
    MemoryEnergy energy;
    std::optional<int> axi_ports;  // of a memory that masters reach through ports of its own
};

// Energy of the fabric, in joules for one primitive and one clock cycle or access.
struct FabricPower {
    double static_w = 0;
    double dsp_j_per_cycle = 0;
    double ff_j_per_cycle = 0;  // with its share of LUTs, nets and clock
    double bram_j_per_access = 0;
    double uram_j_per_access = 0;
    double idle_activity = 0;  // energy of an idle cycle over that of a busy one
    double uncertainty = 0;    // fraction
};

struct Device {
    std::string name;
    FabricResources available;
    std::string dsp_primitive;                            // "DSP58", "DSP48E2"
    std::string uram_primitive;                           // "URAM288E5", "URAM288"
    std::optional<double> fabric_clock_limit_hz;          // none of its blocks runs faster
    std::optional<double> floating_point_clock_limit_hz;  // nor DSP blocks that multiply such numbers
    memory::InterconnectSpecification interconnect;
    double interconnect_j_per_byte = 0;
    std::map<std::string, DeviceMemory> memories;
    FabricPower power;
    AieArray aie;  // without rows when the device has none
};

}  // namespace tilewright::accel
