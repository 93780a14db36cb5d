// SPDX-License-Identifier: Apache-2.0
// A module of SystemVerilog, the testbench that checks it, and the vectors that the testbench reads.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tilewright::accel {

struct RtlModule {
    std::string name;
    std::string summary;            // what it computes, in one line
    int latency = 0;                // clock cycles from operands to result; 0: combinational
    std::vector<std::string> uses;  // modules that it instantiates, and those that they do
    std::string source;             // <name>.sv
    std::string bench;              // <name>_tb.sv
    std::string vectors;            // <name>_tb.hex, made by the kernels
    std::size_t vector_count = 0;
    bool exhaustive = false;  // the vectors are all inputs that there are
};

}  // namespace tilewright::accel
