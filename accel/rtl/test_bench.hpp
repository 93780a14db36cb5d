// SPDX-License-Identifier: Apache-2.0
// Self-checking testbenches. They read vectors from a file: a line holds the inputs and the expected output,
// each in whole hexadecimal digits, with underscores in between. Vectors of clocked modules are successive
// cycles; the first digit of an expectation says whether there is one (1) or the output does not matter yet.
#pragma once

#include <string>
#include <vector>

#include "accel/rtl/rtl_module.hpp"

namespace tilewright::accel {

struct BenchPort {
    std::string name;
    int bits = 1;
    bool is_signed = false;
};

class TestBench {
  public:
    // `clocked`: the module has a port `clock`, and its result comes module.latency cycles later.
    TestBench(std::vector<BenchPort> inputs, BenchPort output, bool clocked);

    // Hexadecimal digits of the inputs in order, and of the output; nothing: it does not matter.
    void add(const std::vector<std::string>& inputs, const std::string& output);

    // Outputs of the module that nobody looks at, by name and bits.
    void leave_open(std::vector<BenchPort> outputs) { open_ = std::move(outputs); }

    // Fills in bench, vectors and their number.
    void finish(RtlModule& module) const;

  private:
    int digits(const BenchPort& port) const { return (port.bits + 3) / 4; }
    std::string bench_text(const RtlModule& module) const;

    std::vector<BenchPort> inputs_;
    BenchPort output_;
    std::vector<BenchPort> open_;
    bool clocked_;
    std::size_t count_ = 0;
    std::string lines_;
};

}  // namespace tilewright::accel
