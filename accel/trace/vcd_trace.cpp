// SPDX-License-Identifier: Apache-2.0
#include "accel/trace/vcd_trace.hpp"

#include <set>
#include <stdexcept>

namespace tilewright::accel {

using memory::TimeFs;

namespace {

constexpr TimeFs fs_per_ps = 1000;
constexpr std::int64_t state_idle = 0;
constexpr std::int64_t state_working = 1;
constexpr std::int64_t state_first_stall = 2;

int bits_for(std::size_t largest) {
    return std::max(1, static_cast<int>(std::bit_width(largest)));
}

// The names of values 0, 1, ... with "-" for none at the end.
GtkwaveFilter filter_of(std::string name, const std::vector<std::string>& names) {
    GtkwaveFilter filter{std::move(name), bits_for(names.size()), {}};
    for (const auto& entry : names) filter.entries.push_back({entry, {}});
    filter.entries.push_back({"-", {}});
    return filter;
}

GtkwaveFilter state_filter() {
    GtkwaveFilter filter{"state", bits_for(state_first_stall + stall_cause_count - 1), {}};
    filter.entries = {{"idle", "gray25"}, {"working", "DarkGreen"}};
    for (int i = 0; i < stall_cause_count; ++i) {
        filter.entries.push_back({to_string(static_cast<StallCause>(i)), "firebrick4"});
    }
    return filter;
}

GtkwaveFilter traffic_filter() {
    std::vector<std::string> names;
    names.reserve(traffic_count);
    for (int i = 0; i < traffic_count; ++i) names.emplace_back(to_string(static_cast<Traffic>(i)));
    for (int i = 0; i < traffic_count; ++i) names.push_back(names[static_cast<std::size_t>(i)] + " (store)");
    return filter_of("traffic", names);
}

// Identifiers of a VCD are short words of printable characters.
std::string identifier(std::size_t index) {
    std::string text;
    do {
        text += static_cast<char>('!' + index % 94);
        index /= 94;
    } while (index > 0);
    return text;
}

std::string binary(std::size_t value, int bits) {
    std::string text;
    for (int bit = bits - 1; bit >= 0; --bit) text += (value >> bit & 1) != 0 ? '1' : '0';
    return text;
}

}  // namespace

VcdTrace::VcdTrace(const TileProgram& program, TimeFs clock_period, std::string path)
    : file_(std::move(path)),
      position_(program),
      section_count_(program.sections.size()),
      label_count_(program.labels.size()) {
    declare(program, clock_period);
}

VcdTrace::SignalIndex VcdTrace::add_signal(std::int64_t initial) {
    if (signals_.size() > std::numeric_limits<SignalIndex>::max())
        throw std::runtime_error("too many engines");
    const auto index = static_cast<SignalIndex>(signals_.size());
    signals_.push_back(
        {.value = initial, .written = initial, .changes = {}, .identifier = identifier(index)});
    return index;
}

VcdTrace::SignalIndex VcdTrace::declare_register(const std::string& scope, const std::string& name,
                                                 const GtkwaveFilter& filter, std::int64_t initial) {
    const auto index = add_signal(initial);
    auto& signal = signals_[index];
    for (std::size_t value = 0; value < filter.entries.size(); ++value) {
        auto text = binary(value, filter.bits);
        text.insert(0, 1, 'b').append(" ").append(signal.identifier).append("\n");
        Change change;
        std::memcpy(change.text.data(), text.data(), text.size());
        change.size = static_cast<std::uint8_t>(text.size());
        signal.changes.push_back(change);
    }
    auto range = std::to_string(filter.bits - 1);
    range.insert(0, 1, '[').append(":0]");
    std::string declaration = "$var reg ";
    declaration.append(std::to_string(filter.bits)).append(" ").append(signal.identifier).append(" ");
    file_.append(declaration.append(name).append(" ").append(range).append(" $end\n"));
    view_.rows.push_back({GtkwaveRow::Style::names, scope + "." + name + range, filter.name});
    return index;
}

VcdTrace::SignalIndex VcdTrace::declare_real(const std::string& scope, const std::string& name,
                                             GtkwaveRow::Style style) {
    const auto index = add_signal(0);
    file_.append("$var real 64 " + signals_[index].identifier + " " + name + " $end\n");
    view_.rows.push_back({style, scope + "." + name});
    return index;
}

void VcdTrace::declare(const TileProgram& program, TimeFs clock_period) {
    std::vector<std::string> section_names;
    for (const auto& section : program.sections) section_names.push_back(section.name);
    const auto states = state_filter();
    const auto operators = filter_of("operator", program.labels);
    const auto traffic = traffic_filter();
    const auto sections = filter_of("section", section_names);
    view_.vcd_path = file_.path();
    view_.filters = {states, operators, traffic, sections};
    const auto heading = [&](const std::string& text) {
        view_.rows.push_back({GtkwaveRow::Style::heading, text});
    };
    const auto open_scope = [&](const std::string& name) {
        file_.append("$scope module " + name + " $end\n");
    };
    const auto close_scope = [&] { file_.append("$upscope $end\n"); };

    file_.append("$version tilewright $end\n$comment clock period " + std::to_string(clock_period) +
                 " fs $end\n$timescale 1 ps $end\n");
    heading("Program");
    open_scope("program");
    program_section_ =
        declare_register("program", "section", sections, static_cast<std::int64_t>(section_names.size()));
    program_block_ = declare_real("program", "block", GtkwaveRow::Style::number);
    close_scope();

    std::set<std::string> scopes{"program", "buffers"};
    std::vector<std::string> engine_scopes;
    heading("Engines");
    for (const auto& engine : program.engines) {
        auto scope = vcd_identifier(engine.name);
        while (!scopes.insert(scope).second) scope += "_";
        engine_scopes.push_back(scope);
        open_scope(scope);
        auto& signals = engines_.emplace_back();
        signals.state = declare_register(scope, "state", states, state_idle);
        signals.operation =
            declare_register(scope, "operator", operators, static_cast<std::int64_t>(program.labels.size()));
        signals.block = declare_real(scope, "block", GtkwaveRow::Style::number);
        signals.moves_data = engine.kind == EngineKind::dma;
        close_scope();
    }
    heading("Buffers");
    open_scope("buffers");
    for (std::size_t i = 0; i < buffer_count; ++i) {
        const auto name = vcd_identifier(to_string(static_cast<Buffer>(i)));
        open_scope(name);
        file_.append("$comment capacity " + std::to_string(program.buffer_bytes[i]) + " bytes $end\n");
        buffers_[i] = declare_real("buffers." + name, "fill_bytes", GtkwaveRow::Style::curve);
        close_scope();
    }
    close_scope();
    heading("Memory");
    for (std::size_t i = 0; i < engines_.size(); ++i) {
        if (!engines_[i].moves_data) continue;
        open_scope(engine_scopes[i]);
        engines_[i].traffic = declare_register(engine_scopes[i], "traffic", traffic, 2 * traffic_count);
        engines_[i].bytes = declare_real(engine_scopes[i], "bytes", GtkwaveRow::Style::curve);
        close_scope();
    }
    file_.append("$enddefinitions $end\n#0\n$dumpvars\n");
    for (const auto& signal : signals_) {
        if (signal.changes.empty()) {
            file_.append("r0 " + signal.identifier + "\n");
        } else {
            const auto& change = signal.changes[static_cast<std::size_t>(signal.value)];
            file_.append({change.text.data(), change.size});
        }
    }
    file_.append("$end\n");
    changed_.resize(signals_.size());
}

void VcdTrace::step(TimeFs time) {
    if (changed_count_ > 0) write_changes();
    picoseconds_ = (time + fs_per_ps / 2) / fs_per_ps;
    next_picosecond_ = picoseconds_ * fs_per_ps + fs_per_ps / 2;
}

void VcdTrace::write_changes() {
    char* const begin = file_.reserve(changed_count_ * room_per_change + room_for_time);
    *begin = '#';
    char* const after_time = put_unsigned(begin + 1, static_cast<std::uint64_t>(picoseconds_));
    *after_time = '\n';
    char* out = after_time + 1;
    for (std::size_t i = 0; i < changed_count_; ++i) {
        auto& signal = signals_[changed_[i]];
        signal.changed = false;
        if (signal.value == signal.written) continue;
        signal.written = signal.value;
        if (!signal.changes.empty()) {
            const auto& change = signal.changes[static_cast<std::size_t>(signal.value)];
            std::memcpy(out, change.text.data(), change.text.size());
            out += change.size;
        } else {
            *out = 'r';
            out = put_integer(out + 1, signal.value);
            *out++ = ' ';
            for (const char c : signal.identifier) *out++ = c;
            *out++ = '\n';
        }
    }
    changed_count_ = 0;
    if (out != after_time + 1) file_.commit(out);
}

void VcdTrace::work(TimeFs begin, TimeFs, std::size_t engine, const Instruction& instruction) {
    advance(begin);
    const auto& signals = engines_[engine];
    if (position_.advance(engine, instruction)) set(signals.block, position_[engine].block);
    set(signals.state, state_working);
    set(signals.operation, instruction.label);
    if (!signals.moves_data) return;
    const auto store = instruction.opcode == Opcode::store ? traffic_count : 0;
    set(signals.traffic, static_cast<std::int64_t>(instruction.traffic) + store);
    set(signals.bytes, signals_[signals.bytes].value + instruction.value_bytes + instruction.scale_bytes);
}

void VcdTrace::stall(TimeFs time, std::size_t engine, StallCause cause) {
    advance(time);
    set(engines_[engine].state, state_first_stall + static_cast<std::int64_t>(cause));
}

void VcdTrace::idle(TimeFs time, std::size_t engine) {
    advance(time);
    set(engines_[engine].state, state_idle);
    set(engines_[engine].operation, static_cast<std::int64_t>(label_count_));
    if (engines_[engine].moves_data) set(engines_[engine].traffic, 2 * traffic_count);
}

void VcdTrace::buffer_fill(TimeFs time, Buffer buffer, std::int64_t bytes) {
    advance(time);
    set(buffers_[static_cast<std::size_t>(buffer)], bytes);
}

void VcdTrace::section(TimeFs time, std::size_t section, std::int64_t repetition) {
    advance(time);
    const bool further =
        section > furthest_section_ || (section == furthest_section_ && repetition > furthest_block_);
    if (!further) return;
    furthest_section_ = section;
    furthest_block_ = repetition;
    set(program_section_, static_cast<std::int64_t>(section));
    set(program_block_, repetition);
    // The window opens on the first two repetitions of the first section that has more.
    if (repetition == 2 && view_.shown_time == 0) view_.shown_time = picoseconds_;
}

void VcdTrace::finish(TimeFs time) {
    advance(time);
    if (changed_count_ > 0) write_changes();
    file_.append("#");
    file_.append(std::to_string(picoseconds_));
    file_.append("\n");
    file_.finish();
    if (view_.shown_time == 0) view_.shown_time = picoseconds_;
    write_gtkwave_files(view_);
}

}  // namespace tilewright::accel
