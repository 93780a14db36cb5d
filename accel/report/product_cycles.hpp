// SPDX-License-Identifier: Apache-2.0
// Where the cycles of a run's matrix products go within their instructions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// Cycles of all products of the linear layers on one engine, by what they go to.
struct ProductCycles {
    std::int64_t multiplying = 0;
    std::int64_t padding = 0;  // multipliers without work of their own, as whole steps
    std::int64_t moving = 0;   // operands or sums of the AI Engines, for longer than they multiply
    std::int64_t weight_registers = 0;
    std::int64_t rescaling = 0;
    std::int64_t around = 0;  // fill and drain

    std::int64_t total() const {
        return multiplying + padding + moving + weight_registers + rescaling + around;
    }
};
// Of the engine at `index` of the program.
ProductCycles product_cycles(const Design& design, const TileProgram& program, std::size_t index);

// Cycles in which an engine of the fabric is busy and its multipliers stand still: registers wait for
// weights, keys or values, sums are rescaled behind the products, or its pipeline empties. (Filling and
// emptying, every stage is used as often as operands come, which is `multiplying` and `padding`.) 0 of
// engines that multiply no matrices.
std::int64_t standing_cycles(const Design& design, const TileProgram& program, std::size_t index);

}  // namespace tilewright::accel
