// SPDX-License-Identifier: Apache-2.0
// A simulation as a trace for Perfetto, chrome://tracing or speedscope (trace event format, JSON).
//
// One process with a row for every engine. Slices of a row by category, from outside to inside:
//   section    a block of a section ("block 17"): from the first work of this engine for it to the last; in
//              several slices, where blocks overlap
//   operator   consecutive instructions with the same label in that slice
//   (none)     every instruction
//   stall      between those, named by its cause; those of no duration are left out
// The fill of every buffer is a counter.
//
// What is less than exact, to keep it fast and readable by all viewers:
// - Times are rounded down to whole nanoseconds, Perfetto's own unit, so that slices which touch or nest
// still do after
//   its conversion. VcdTrace has picoseconds.
// - A counter shows the fill at most every 5 us, in which it changed; peaks in between are in the VCD
// and in
//   the report. It is written at most once in 5 us.
// - Instructions carry no category: that alone would be a tenth of the file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/simulation/observer.hpp"
#include "accel/trace/program_position.hpp"
#include "accel/trace/trace_file.hpp"

namespace tilewright::accel {

class ChromeTrace : public Observer {
  public:
    // The program must outlive the trace, and the instructions of work() must be its own. Throws
    // TraceFileError with the path and the reason when the file cannot be written; nothing is left of it
    // without finish().
    ChromeTrace(const TileProgram& program, std::string path);

    void work(memory::TimeFs begin, memory::TimeFs end, std::size_t engine,
              const Instruction& instruction) override;
    void worked(memory::TimeFs end, std::size_t engine) override;
    void stall(memory::TimeFs time, std::size_t engine, StallCause cause) override;
    void idle(memory::TimeFs time, std::size_t engine) override;
    void buffer_fill(memory::TimeFs time, Buffer buffer, std::int64_t bytes) override;
    void section(memory::TimeFs, std::size_t, std::int64_t) override {}
    // Throws TraceFileError when the file could not be written.
    void finish(memory::TimeFs time) override;

  private:
    // A slice whose beginning is written and whose duration is still to come.
    struct OpenSlice {
        bool open = false;
        std::uint64_t begin_ns = 0;
        std::uint64_t duration_offset = 0;
    };
    // `,"dur":1.090}` of the last instruction: the next one most often takes as long.
    struct DurationText {
        std::uint64_t duration_ns = 0;
        std::array<char, 40> text{};
        std::size_t size = 0;
    };
    struct Row {
        std::string head;              // {"ph":"X","pid":1,"tid":3
        std::vector<Piece> work;       // by label, up to the time stamp
        std::vector<Piece> operators;  // by label
        std::array<Piece, stall_cause_count> stalls;
        DurationText work_duration;
        DurationText stall_duration;
        OpenSlice section;
        OpenSlice run;
        std::uint16_t run_label = 0;
        // DMA rows: transfers that follow each other without a pause are one slice, written when the next
        // differs.
        bool merges = false;
        bool merging = false;
        std::uint16_t merged_label = 0;
        std::uint64_t merged_begin_ns = 0;
        std::uint64_t merged_end_ns = 0;
        std::uint64_t worked_until_ns = 0;
        // Work whose end is not known yet.
        memory::TimeFs begun = 0;
        const Instruction* unfinished = nullptr;
        bool stalled = false;
        StallCause cause = StallCause::waits_for_dma;
        std::uint64_t stalled_since_ns = 0;
    };
    struct Counter {
        Piece head;
        memory::TimeFs due = -1;  // end of the 5 us of the last change; -1 when that is written
        std::int64_t bytes = 0;
        std::int64_t written_bytes = -1;
    };

    void write_head(const TileProgram& program);
    void write_slice(const Piece& head, std::uint64_t begin_ns, std::uint64_t end_ns, DurationText& duration);
    void write_counter(Counter& counter);
    void open(OpenSlice& slice, const Piece& head, std::uint64_t begin_ns);
    void close(OpenSlice& slice, std::uint64_t end_ns);
    void write_merged(Row& row);
    void end_stall(Row& row, std::uint64_t time_ns);

    TraceFile file_;
    ProgramPosition position_;
    std::vector<Row> rows_;
    std::array<Counter, buffer_count> counters_;
    std::size_t head_room_ = 0;  // of the longest piece
};

}  // namespace tilewright::accel
