// SPDX-License-Identifier: Apache-2.0
// Who carries the data of a simulation, at functional fidelity. It is told when an instruction starts, when
// it reads what it needs, and when it completes, from when on others may read what it made. It has no
// influence on time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "accel/schedule/tile_program.hpp"
#include "memory/storage/sparse_memory.hpp"

namespace tilewright::accel {

// An instruction of a run: its place in the program, and the block of its section (in a section that is not
// software-pipelined, the repetition).
struct Step {
    std::size_t engine = 0;
    std::size_t section = 0;
    std::int64_t repetition = 0;
    std::size_t position = 0;
};

class Executor {
  public:
    virtual ~Executor() = default;

    virtual void start(const Step& step) = 0;
    virtual void complete(const Step& step) = 0;

    // The bytes of a transfer on one of its port's channels, as the bus pads them: filled by start() for a
    // store, to be filled by the transfer for a load. Valid from start() to complete().
    virtual std::span<std::byte> transfer_bytes(const Step& step, std::size_t channel) = 0;

    // What the memory of this name holds; addresses as its controllers see them.
    virtual memory::SparseMemory& memory(const std::string& name) = 0;
};

}  // namespace tilewright::accel
