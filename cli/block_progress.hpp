// SPDX-License-Identifier: Apache-2.0
// Tells a person at a terminal how far a long simulation has come.
#pragma once

#include "accel/simulation/observer.hpp"

namespace tilewright::cli {

// Counts the repetitions of the program's sections on standard error, on one line that it overwrites.
class BlockProgress : public accel::Observer {
  public:
    explicit BlockProgress(const accel::TileProgram& program);

    void work(memory::TimeFs, memory::TimeFs, std::size_t, const accel::Instruction&) override {}
    void stall(memory::TimeFs, std::size_t, accel::StallCause) override {}
    void idle(memory::TimeFs, std::size_t) override {}
    void buffer_fill(memory::TimeFs, accel::Buffer, std::int64_t) override {}
    void section(memory::TimeFs time, std::size_t section, std::int64_t repetition) override;
    void finish(memory::TimeFs time) override;

  private:
    const accel::TileProgram& program_;
    std::size_t section_ = 0;
    std::int64_t repetition_ = -1;
};

}  // namespace tilewright::cli
