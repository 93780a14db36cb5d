// SPDX-License-Identifier: Apache-2.0
// Writes the instruction lists of one section: keeps waits minimal and gives every instruction its place.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

class ProgramBuilder {
  public:
    explicit ProgramBuilder(TileProgram& program) : program_(program) {}

    // Starts a section. References to its instructions may be negative: then they count back from its start.
    // `serialize` makes every compute instruction wait for the one before it, on whichever engine.
    void begin_section(const std::string& name, std::int64_t repeat, std::vector<models::Operator> operators,
                       bool serialize);
    void end_section();
    const std::vector<models::Operator>& operators() const { return program_.sections.back().operators; }

    std::uint16_t label(const std::string& text);

    // Appends an instruction. Of several waits on one engine the latest is kept, since engines run in order;
    // for the same reason a wait on its own engine is dropped, unless that engine has several instructions in
    // flight.
    InstructionRef emit(std::uint16_t engine, const Instruction& instruction,
                        const std::vector<InstructionRef>& data,
                        const std::vector<InstructionRef>& space = {});

    // Adds a wait for freed space once the index is known. `index` is relative, as in Wait.
    void wait_for_space(InstructionRef instruction, InstructionRef freed_by);
    // Adds a wait for what another instruction makes.
    void wait_for_data(InstructionRef instruction, InstructionRef made_by);

    // Stage of what is emitted from now on; see tile_program.hpp.
    void set_stage(std::uint8_t stage);

    // Space that `holder` takes when it starts and `releaser` gives back when it completes. The releaser must
    // come after every reader of the space. A holder of the repetition before has a negative index.
    void hold(Buffer buffer, std::int64_t bytes, InstructionRef holder, InstructionRef releaser);

    Instruction& at(InstructionRef ref) {
        return section().streams[ref.engine][static_cast<std::size_t>(ref.index)];
    }
    std::int32_t size(std::uint16_t engine) const {
        return static_cast<std::int32_t>(program_.sections.back().streams[engine].size());
    }
    // The last instruction of an engine so far, in this section or before it.
    InstructionRef last(std::uint16_t engine) const { return {engine, size(engine) - 1}; }

  private:
    // Short lists, one per instruction, whose links lie in one array: programs have 10^5 of them.
    template <typename T>
    struct Pool {
        struct Link {
            T value;
            std::int32_t next;
        };
        std::vector<Link> links;
    };
    static constexpr std::int32_t end_of_list = -1;
    struct Pending {
        std::int32_t waits = end_of_list;
        std::int32_t acquires = end_of_list;
        std::int32_t releases = end_of_list;
    };
    Section& section() { return program_.sections.back(); }
    Pending& pending(InstructionRef ref) { return pending_[ref.engine][static_cast<std::size_t>(ref.index)]; }
    // The first link for which `same` holds; a new one at the end of the list, with `value`, if there is none
    // (then null).
    template <typename T, typename Same>
    static T* find_or_append(Pool<T>& pool, std::int32_t& first, const T& value, Same same);
    template <typename T>
    static std::size_t move_to(std::vector<T>& target, const Pool<T>& pool, std::int32_t first);
    void add_wait(Pending& pending, Wait wait);
    void add_effect(std::int32_t& effects, Buffer buffer, std::int64_t bytes);

    TileProgram& program_;
    std::vector<std::vector<Pending>> pending_;  // by engine and instruction of the section
    Pool<Wait> waits_;
    Pool<BufferEffect> effects_;
    std::vector<Hold> earlier_holds_;  // whose holder is in the repetition before
    std::uint8_t stage_ = 0;
    bool serialize_ = false;
    std::optional<InstructionRef> previous_;
};

}  // namespace tilewright::accel
