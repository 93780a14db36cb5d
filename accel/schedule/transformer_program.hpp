// SPDX-License-Identifier: Apache-2.0
// What the programs of all transformers share: sections of whole operators around the blocks, and linear
// layers that recipes leave unquantized, which run on the attention unit.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "accel/schedule/transformer_schedule.hpp"

namespace tilewright::accel {

class TransformerProgram {
  protected:
    // All must outlive it. `unquantized`: whether there are such linear layers. Throws MappingError when the
    // weight buffer is too small.
    TransformerProgram(const Design& design, const models::OperatorGraph& graph, TileProgram& program,
                       bool unquantized);

    // Tiles of a few rows or outputs would make a program of millions of instructions: throws MappingError.
    // `rows`: that go through all blocks together, one number for each time.
    void check_pieces(const std::vector<std::int64_t>& rows, const std::string& advice) const;

    std::uint16_t state_dma() const { return engines_.dma[design_.port_of(Stream::state)]; }

    // Opens a section with the operators of these names.
    void begin(const std::string& name, std::int64_t repeat, const std::vector<std::string>& operators);

    // The whole of `count` operators from the one at `first`, or columns [n0, n0 + n) of it.
    InstructionRef whole(std::uint16_t engine, Opcode opcode, std::uint32_t first, std::uint8_t count,
                         const char* label, const std::vector<InstructionRef>& data, std::int64_t n0 = 0,
                         std::int64_t n = 0, const std::vector<InstructionRef>& space = {});

    // Numbers in binary32.
    InstructionRef transfer(Opcode opcode, std::int64_t address, std::int64_t stride, std::int64_t elements,
                            const char* label, const std::vector<InstructionRef>& data,
                            const std::vector<InstructionRef>& space = {});

    // An unquantized linear layer on the attention unit, tile after tile. `each` is told of every product;
    // where it returns who frees the product's space, the second tile behind waits for it. Returns the first
    // and the last product.
    using EachTile =
        std::function<std::optional<InstructionRef>(InstructionRef product, std::int64_t n0, std::int64_t n)>;
    std::pair<InstructionRef, InstructionRef> linear(std::uint32_t op_index, const char* label,
                                                     std::int64_t address, std::int64_t stride, bool repeated,
                                                     const std::vector<InstructionRef>& data,
                                                     const EachTile& each = {});

    const Design& design_;
    const models::OperatorGraph& graph_;
    ProgramBuilder builder_;
    TransformerEngines engines_;
    std::array<std::int64_t, linear_engine_count> slots_;
};

}  // namespace tilewright::accel
