// SPDX-License-Identifier: Apache-2.0
// Which instructions of a program are certain to have completed before another one starts, whatever the
// speeds of the engines: vector clocks over the in-order lists and the waits between them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

class HappensBefore {
  public:
    // Repeated sections are unrolled at most `repetitions` times: waits reach back no further than that
    // matters.
    explicit HappensBefore(const TileProgram& program, std::int64_t repetitions = 3);

    // Where a repetition of a section begins on every engine, in instructions since the start of the program.
    struct Instance {
        const Section* section = nullptr;
        std::int64_t repetition = 0;
        std::vector<std::int32_t> base;
    };
    const std::vector<Instance>& instances() const { return instances_; }

    // Instructions of `on` that have certainly completed before instruction `index` of `engine` starts.
    std::int32_t completed_before(std::uint16_t engine, std::int32_t index, std::uint16_t on) const {
        return clocks_[engine][static_cast<std::size_t>(index) * engines_ + on];
    }

    // Who waits for whom if the program cannot end; empty otherwise.
    const std::string& deadlock() const { return deadlock_; }

  private:
    const Instruction& instruction(std::uint16_t engine, std::int32_t index, const Instance*& instance) const;
    bool ready(std::uint16_t engine, std::int32_t index) const;
    void advance(std::uint16_t engine, std::int32_t index);
    void merge(std::uint16_t engine, std::int32_t index, std::uint16_t other, std::int32_t completed);
    void describe_deadlock();

    const TileProgram& program_;
    std::size_t engines_;
    std::vector<Instance> instances_;
    std::vector<std::int32_t> length_;                     // by engine
    std::vector<std::vector<std::uint32_t>> instance_of_;  // by engine and instruction
    std::vector<std::vector<std::int32_t>> clocks_;        // by engine: instructions x engines
    std::vector<std::int32_t> done_;                       // by engine
    std::string deadlock_;
};

}  // namespace tilewright::accel
