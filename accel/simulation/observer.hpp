// SPDX-License-Identifier: Apache-2.0
// What a simulation tells whoever watches it. Nothing is called when nobody watches.
#pragma once

#include <cstdint>
#include <string>

#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/activity.hpp"
#include "memory/dram/dram_controller.hpp"
#include "memory/time.hpp"

namespace tilewright::accel {

class Observer {
  public:
    virtual ~Observer() = default;

    // Calls come in the order of their `time`, except that `work` is told when the work starts, with its end.
    virtual void work(memory::TimeFs begin, memory::TimeFs end, std::size_t engine,
                      const Instruction& instruction) = 0;
    // The `end` of work that nobody knows yet: worked() tells it as soon as it is known.
    static constexpr memory::TimeFs not_known = -1;
    virtual void worked(memory::TimeFs /*end*/, std::size_t /*engine*/) {}
    // An engine begins to wait; it ends with the engine's next work().
    virtual void stall(memory::TimeFs time, std::size_t engine, StallCause cause) = 0;
    // An engine has no instruction left, or none in flight.
    virtual void idle(memory::TimeFs time, std::size_t engine) = 0;
    virtual void buffer_fill(memory::TimeFs time, Buffer buffer, std::int64_t bytes) = 0;
    // An engine begins a section's list, for this block of it.
    virtual void section(memory::TimeFs time, std::size_t section, std::int64_t block) = 0;
    virtual void finish(memory::TimeFs time) = 0;

    // Whether it wants to be told of every burst that a memory channel serves, too.
    virtual bool wants_bursts() const { return false; }
    virtual void burst(const std::string& /*memory*/, int /*channel*/,
                       const memory::DramController::Served& /*burst*/) {}
};

}  // namespace tilewright::accel
