// SPDX-License-Identifier: Apache-2.0
// A simulation as waveforms: a change-driven VCD with the files that make GTKWave show names instead of
// numbers.
//
//   <engine>.state      what the engine does: idle, working, or a cause of a stall
//   <engine>.operator   label of the instruction begun last; "-" when idle
//   <engine>.block      block of the section that this instruction works for
//   <engine>.traffic    of a DMA engine: what the transfer moves
//   <engine>.bytes      of a DMA engine: bytes so far, the current transfer included
//   buffers.<name>.fill_bytes
//   program.section, .block   the furthest that any engine has started
//
// <vcd>.<signal>.gtkwfilter give state, operator, traffic and section their names.
//
// Registers for what has names, reals for what is a number (shorter in the file than binary digits, and shown
// in decimal). Times are rounded to picoseconds. Of several changes of a signal within one picosecond only
// the last is written, so that a stall of no duration does not show. Characters of engine names that VCD does
// not allow become underscores. Open <vcd>.gtkw in GTKWave; `vcd2fst` makes the file about five times
// smaller.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/simulation/observer.hpp"
#include "accel/trace/gtkwave_files.hpp"
#include "accel/trace/program_position.hpp"
#include "accel/trace/trace_file.hpp"

namespace tilewright::accel {

class VcdTrace : public Observer {
  public:
    // The program must outlive the trace, and the instructions of work() must be its own. Throws
    // TraceFileError with the path and the reason when the file cannot be written; nothing is left of it
    // without finish().
    VcdTrace(const TileProgram& program, memory::TimeFs clock_period, std::string path);

    void work(memory::TimeFs begin, memory::TimeFs end, std::size_t engine,
              const Instruction& instruction) override;
    void stall(memory::TimeFs time, std::size_t engine, StallCause cause) override;
    void idle(memory::TimeFs time, std::size_t engine) override;
    void buffer_fill(memory::TimeFs time, Buffer buffer, std::int64_t bytes) override;
    void section(memory::TimeFs time, std::size_t section, std::int64_t repetition) override;
    // Writes the rest, the filters and the save file. Throws TraceFileError when that fails.
    void finish(memory::TimeFs time) override;

  private:
    // The line of a value change of a register, ready to be copied.
    struct Change {
        std::array<char, 31> text{};
        std::uint8_t size = 0;
    };
    struct Signal {
        std::int64_t value = 0;
        std::int64_t written = 0;
        bool changed = false;
        std::vector<Change> changes;  // by value; none: a real
        std::string identifier;
    };
    using SignalIndex = std::uint16_t;
    // A change is `r`, a sign, 19 digits, a space, the identifier and the end of the line; or a Change,
    // copied whole.
    static constexpr std::size_t room_per_change = sizeof(Change);
    static constexpr std::size_t room_for_time = 32;
    static constexpr std::size_t max_signals = (TraceFile::block_bytes - room_for_time) / room_per_change;
    struct EngineSignals {
        SignalIndex state = 0, operation = 0, block = 0;
        bool moves_data = false;
        SignalIndex traffic = 0, bytes = 0;
    };

    void declare(const TileProgram& program, memory::TimeFs clock_period);
    SignalIndex declare_register(const std::string& scope, const std::string& name,
                                 const GtkwaveFilter& filter, std::int64_t initial);
    SignalIndex declare_real(const std::string& scope, const std::string& name, GtkwaveRow::Style style);
    SignalIndex add_signal(std::int64_t initial);

    void set(SignalIndex index, std::int64_t value) {
        auto& signal = signals_[index];
        if (signal.value == value) return;
        signal.value = value;
        if (signal.changed) return;
        signal.changed = true;
        changed_[changed_count_++] = index;
    }
    // Everything before `time` is known; a time that is not later counts as the current one.
    void advance(memory::TimeFs time) {
        if (time >= next_picosecond_) step(time);
    }
    void step(memory::TimeFs time);
    void write_changes();

    TraceFile file_;
    ProgramPosition position_;
    GtkwaveView view_;
    std::vector<Signal> signals_;
    std::vector<SignalIndex> changed_;  // as long as signals_; the first changed_count_ count
    std::size_t changed_count_ = 0;
    std::int64_t picoseconds_ = 0;
    memory::TimeFs next_picosecond_ = 0;  // when the current picosecond, rounded, is over
    std::vector<EngineSignals> engines_;
    std::array<SignalIndex, buffer_count> buffers_{};
    SignalIndex program_section_ = 0, program_block_ = 0;
    std::size_t furthest_section_ = 0;
    std::int64_t furthest_block_ = -1;
    std::size_t section_count_ = 0;
    std::size_t label_count_ = 0;
};

}  // namespace tilewright::accel
