// SPDX-License-Identifier: Apache-2.0
// On-chip buffer of block RAM or UltraRAM: how many primitives it needs, how fast it can be read and written,
// and how full it is while a program runs.
#pragma once

#include <cstdint>
#include <string>

namespace tilewright::memory {

enum class RamKind { bram, uram, lutram };

struct ScratchpadSpecification {
    std::string name;
    RamKind kind = RamKind::bram;
    std::int64_t capacity_bytes = 0;
    std::int64_t word_bits = 72;  // bits that one access moves in a bank
    int banks = 1;
    int ports = 2;  // accesses a cycle and bank; 1 means that reads and writes alternate
};

// Cycles that `read_words` reads and `write_words` writes of whole words take, spread evenly over the banks.
// With two ports reads and writes go on side by side, with one they alternate.
std::int64_t access_cycles(const ScratchpadSpecification& specification, std::int64_t read_words,
                           std::int64_t write_words);

// Primitives of a buffer. A RAMB36 is 36 bits x 1,024 (72 x 512 in simple dual port), a URAM288 72 bits x
// 4,096 (AMD UG1273); a bank takes enough of them for its word and for its depth, whichever arrangement is
// the smallest. LUT RAM is counted in LUTs, eight of which are 14 bits x 32 or 7 bits x 64. `narrow_uram`:
// Versal's URAM288E5 is also 36, 18 and 9 bits wide and so much deeper (UG1273), UltraScale+'s URAM288 is not
// (UG573).
std::int64_t primitives(const ScratchpadSpecification& specification, bool narrow_uram = true);

// The fill of one buffer over simulated time. Overfilling is counted, not refused: a checked program cannot
// do it.
class Scratchpad {
  public:
    Scratchpad(std::string name, std::int64_t capacity_bytes)
        : name_(std::move(name)), capacity_bytes_(capacity_bytes) {}

    void acquire(std::int64_t bytes) {
        fill_bytes_ += bytes;
        if (fill_bytes_ > peak_bytes_) peak_bytes_ = fill_bytes_;
    }
    void release(std::int64_t bytes) { fill_bytes_ -= bytes; }

    const std::string& name() const { return name_; }
    std::int64_t fill_bytes() const { return fill_bytes_; }
    std::int64_t peak_bytes() const { return peak_bytes_; }
    std::int64_t capacity_bytes() const { return capacity_bytes_; }
    bool overfilled() const { return peak_bytes_ > capacity_bytes_; }

  private:
    std::string name_;
    std::int64_t capacity_bytes_;
    std::int64_t fill_bytes_ = 0;
    std::int64_t peak_bytes_ = 0;
};

}  // namespace tilewright::memory
