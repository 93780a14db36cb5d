// SPDX-License-Identifier: Apache-2.0
#include "accel/trace/chrome_trace.hpp"

namespace tilewright::accel {

using memory::TimeFs;

namespace {

// Counters are written at most this often; the VCD has every change.
constexpr memory::TimeFs counter_period = 5'000'000'000;  // 5 us

constexpr TimeFs fs_per_ns = 1'000'000;
constexpr TimeFs fs_per_us = 1'000'000'000;
// Of a duration that is filled in later: 10 digits of microseconds and three decimals.
constexpr std::size_t duration_width = 14;
constexpr std::size_t number_room = 80;  // time stamp, duration and what stands around them

std::uint64_t to_ns(TimeFs time) {
    return static_cast<std::uint64_t>(time / fs_per_ns);
}

char* put(char* out, std::string_view text) {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

Piece slice_head(const std::string& row, std::string_view category, std::string_view name) {
    std::string text = row;
    if (!category.empty()) text.append(",\"cat\":\"").append(category).append("\"");
    text.append(",\"name\":\"").append(json_escaped(name));
    return Piece(text.append("\",\"ts\":"));
}

}  // namespace

ChromeTrace::ChromeTrace(const TileProgram& program, std::string path)
    : file_(std::move(path)), position_(program), rows_(program.engines.size()) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        auto& row = rows_[i];
        row.merges = program.engines[i].kind == EngineKind::dma;
        row.head = "{\"ph\":\"X\",\"pid\":1,\"tid\":" + std::to_string(i + 1);
        for (const auto& label : program.labels) {
            row.work.push_back(slice_head(row.head, {}, label));
            row.operators.push_back(slice_head(row.head, "operator", label));
            head_room_ = std::max(head_room_, row.operators.back().room());
        }
        for (std::size_t cause = 0; cause < stall_cause_count; ++cause) {
            row.stalls[cause] = slice_head(row.head, "stall", to_string(static_cast<StallCause>(cause)));
            head_room_ = std::max(head_room_, row.stalls[cause].room());
        }
    }
    for (std::size_t i = 0; i < counters_.size(); ++i) {
        counters_[i].head = Piece("{\"ph\":\"C\",\"pid\":1,\"name\":\"" +
                                  std::string(to_string(static_cast<Buffer>(i))) + " buffer\",\"ts\":");
        head_room_ = std::max(head_room_, counters_[i].head.room());
    }
    write_head(program);
}

void ChromeTrace::write_head(const TileProgram& program) {
    file_.append("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    file_.append("{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"accelerator\"}}");
    for (std::size_t i = 0; i < program.engines.size(); ++i) {
        const auto head =
            ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":" + std::to_string(i + 1) + ",\"name\":\"thread_";
        file_.append(head + "name\",\"args\":{\"name\":\"" + json_escaped(program.engines[i].name) + "\"}}");
        file_.append(head + "sort_index\",\"args\":{\"sort_index\":" + std::to_string(i) + "}}");
    }
}

void ChromeTrace::write_slice(const Piece& head, std::uint64_t begin_ns, std::uint64_t end_ns,
                              DurationText& duration) {
    if (duration.duration_ns != end_ns - begin_ns || duration.size == 0) {
        duration.duration_ns = end_ns - begin_ns;
        char* end = put_microseconds(put(duration.text.data(), ",\"dur\":"), duration.duration_ns);
        *end++ = '}';
        duration.size = static_cast<std::size_t>(end - duration.text.data());
    }
    char* out = put(file_.reserve(head_room_ + number_room), ",\n");
    out = put_microseconds(head.put(out), begin_ns);
    std::memcpy(out, duration.text.data(), duration.text.size());
    file_.commit(out + duration.size);
}

void ChromeTrace::open(OpenSlice& slice, const Piece& head, std::uint64_t begin_ns) {
    char* const begin = file_.reserve(head.room() + number_room);
    char* out = put_microseconds(head.put(put(begin, ",\n")), begin_ns);
    out = put(out, ",\"dur\":");
    slice = {true, begin_ns, file_.offset() + static_cast<std::uint64_t>(out - begin)};
    std::memset(out, ' ', duration_width);
    out[duration_width] = '}';
    file_.commit(out + duration_width + 1);
}

void ChromeTrace::close(OpenSlice& slice, std::uint64_t end_ns) {
    if (!slice.open) return;
    slice.open = false;
    char text[32];
    const char* const end = put_microseconds(text, end_ns - slice.begin_ns);
    file_.patch(slice.duration_offset, {text, static_cast<std::size_t>(end - text)});
}

void ChromeTrace::end_stall(Row& row, std::uint64_t time_ns) {
    // A DMA engine that is ahead waits for space all the time: a gap in its row says so without a slice.
    if (row.merges && row.cause == StallCause::waits_for_space) row.stalled = false;
    if (!row.stalled) return;
    row.stalled = false;
    if (time_ns > row.stalled_since_ns) {
        write_slice(row.stalls[static_cast<std::size_t>(row.cause)], row.stalled_since_ns, time_ns,
                    row.stall_duration);
    }
}

void ChromeTrace::work(TimeFs begin, TimeFs end, std::size_t engine, const Instruction& instruction) {
    auto& row = rows_[engine];
    if (end == not_known) {
        row.begun = begin;
        row.unfinished = &instruction;
        return;
    }
    const auto begin_ns = to_ns(begin);
    const auto end_ns = to_ns(end);
    const bool entered = position_.advance(engine, instruction);
    if (entered) {
        close(row.run, row.worked_until_ns);
        close(row.section, row.worked_until_ns);
    }
    end_stall(row, begin_ns);
    if (entered) {
        const auto& position = position_[engine];
        if (const auto* section = position.section; section != nullptr) {
            const auto name =
                section->repeat > 1 ? section->name + " " + std::to_string(position.block) : section->name;
            open(row.section, slice_head(row.head, "section", name), begin_ns);
        }
    }
    if (!row.run.open || row.run_label != instruction.label) {
        close(row.run, row.worked_until_ns);
        open(row.run, row.operators[instruction.label], begin_ns);
        row.run_label = instruction.label;
    }
    if (!row.merges) {
        write_slice(row.work[instruction.label], begin_ns, end_ns, row.work_duration);
    } else if (row.merging && !entered && row.merged_label == instruction.label &&
               row.merged_end_ns == begin_ns) {
        row.merged_end_ns = end_ns;
    } else {
        write_merged(row);
        row.merging = true;
        row.merged_label = instruction.label;
        row.merged_begin_ns = begin_ns;
        row.merged_end_ns = end_ns;
    }
    row.worked_until_ns = end_ns;
}

void ChromeTrace::worked(TimeFs end, std::size_t engine) {
    work(rows_[engine].begun, end, engine, *rows_[engine].unfinished);
}

void ChromeTrace::write_merged(Row& row) {
    if (!row.merging) return;
    write_slice(row.work[row.merged_label], row.merged_begin_ns, row.merged_end_ns, row.work_duration);
    row.merging = false;
}

void ChromeTrace::stall(TimeFs time, std::size_t engine, StallCause cause) {
    auto& row = rows_[engine];
    const auto time_ns = to_ns(time);
    end_stall(row, time_ns);
    row.stalled = true;
    row.cause = cause;
    row.stalled_since_ns = time_ns;
}

void ChromeTrace::idle(TimeFs time, std::size_t engine) {
    end_stall(rows_[engine], to_ns(time));
}

void ChromeTrace::buffer_fill(TimeFs time, Buffer buffer, std::int64_t bytes) {
    auto& counter = counters_[static_cast<std::size_t>(buffer)];
    if (time >= counter.due) {
        if (counter.due >= 0) write_counter(counter);
        counter.due = (time / counter_period + 1) * counter_period;
    }
    counter.bytes = bytes;
}

void ChromeTrace::write_counter(Counter& counter) {
    if (counter.bytes == counter.written_bytes) return;
    counter.written_bytes = counter.bytes;
    char* out = put(file_.reserve(head_room_ + number_room), ",\n");
    out = put_unsigned(counter.head.put(out), static_cast<std::uint64_t>(counter.due / fs_per_us));
    out = put_integer(put(out, ",\"args\":{\"bytes\":"), counter.bytes);
    file_.commit(put(out, "}}"));
}

void ChromeTrace::finish(TimeFs time) {
    for (auto& row : rows_) {
        end_stall(row, to_ns(time));
        write_merged(row);
        close(row.run, row.worked_until_ns);
        close(row.section, row.worked_until_ns);
    }
    for (auto& counter : counters_) {
        counter.due = std::min(counter.due, time);
        if (counter.due >= 0) write_counter(counter);
    }
    file_.append("\n]}\n");
    file_.finish();
}

}  // namespace tilewright::accel
