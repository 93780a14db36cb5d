// SPDX-License-Identifier: Apache-2.0
// In which repetition of which section each engine is, and for which block it works, found from the
// instructions that it works on.
//
// Observer::section() does not say which engine it speaks of, and a DMA engine announces a repetition when it
// issues its first transfer, not when that transfer is the one it works on. An instruction, however, stands
// in the program, and engines run their streams in order.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

class ProgramPosition {
  public:
    struct Position {
        const Section* section = nullptr;  // null before the first instruction, and for one from elsewhere
        std::int64_t repetition = 0;
        std::int64_t block = 0;
        const Instruction* last = nullptr;
        const Instruction* end = nullptr;
    };

    explicit ProgramPosition(const TileProgram& program)
        : program_(program), positions_(program.engines.size()) {}

    // True when `instruction`, which `engine` takes up now, is of another block than the one before it.
    bool advance(std::size_t engine, const Instruction& instruction) {
        auto& position = positions_[engine];
        const std::less<> before;
        bool entered = false;
        if (before(position.last, &instruction) && before(&instruction, position.end)) {
            entered = instruction.stage != position.last->stage;
            position.last = &instruction;
        } else {
            entered = enter(engine, position, instruction);
        }
        position.block = Section::block(instruction, position.repetition);
        return entered;
    }
    const Position& operator[](std::size_t engine) const { return positions_[engine]; }

  private:
    bool enter(std::size_t engine, Position& position, const Instruction& instruction) {
        const std::less<> before;
        const auto* const previous = position.section;
        for (const auto& section : program_.sections) {
            const auto& stream = section.streams[engine];
            const auto* const end = stream.data() + stream.size();
            if (before(&instruction, stream.data()) || !before(&instruction, end)) continue;
            position = {&section, &section == previous ? position.repetition + 1 : 0, 0, &instruction, end};
            return true;
        }
        position = {};
        return previous != nullptr;
    }

    const TileProgram& program_;
    std::vector<Position> positions_;
};

}  // namespace tilewright::accel
