// SPDX-License-Identifier: Apache-2.0
#include "accel/trace/gtkwave_files.hpp"

#include <algorithm>
#include <cmath>

#include "accel/trace/trace_file.hpp"

namespace tilewright::accel {

namespace {

// Flags of a row in a save file (GTKWave, analyzer.h).
constexpr unsigned hexadecimal = 0x2;
constexpr unsigned decimal = 0x4;
constexpr unsigned right_justified = 0x20;
constexpr unsigned blank = 0x200;
constexpr unsigned file_filter = 0x2000;
constexpr unsigned analog_step = 0x8000;
constexpr unsigned analog_room = 0x20000;  // a blank row over which the curve above it stretches

constexpr int window_width = 1600;
constexpr int window_height = 900;
constexpr int names_width = 420;

std::string file_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

std::string filter_path(const std::string& vcd, const std::string& filter) {
    return vcd + "." + filter + ".gtkwfilter";
}

std::string flags(unsigned value) {
    std::string text = "@";
    bool started = false;
    for (int shift = 28; shift >= 0; shift -= 4) {
        const auto digit = (value >> shift) & 15;
        started = started || digit != 0;
        if (started) text += "0123456789abcdef"[digit];
    }
    return text + "\n";
}

// A name is what stands behind the value, to the end of the line; `?` would begin a colour.
std::string filter_name(std::string_view name) {
    std::string text;
    for (const char c : name) text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    if (text.empty() || text.front() == '?') text.insert(0, 1, '_');
    return text;
}

void write_filter(const std::string& vcd, const GtkwaveFilter& filter) {
    TraceFile file(filter_path(vcd, filter.name));
    // GTKWave compares with the value as shown, in hexadecimal with all digits.
    const int digits = (filter.bits + 3) / 4;
    for (std::size_t value = 0; value < filter.entries.size(); ++value) {
        std::string line;
        for (int digit = digits - 1; digit >= 0; --digit)
            line += "0123456789ABCDEF"[(value >> (4 * digit)) & 15];
        const auto& entry = filter.entries[value];
        line += ' ';
        if (!entry.color.empty()) line.append("?").append(entry.color).append("?");
        file.append(line.append(filter_name(entry.name)).append("\n"));
    }
    file.finish();
}

}  // namespace

void write_gtkwave_files(const GtkwaveView& view) {
    for (const auto& filter : view.filters) write_filter(view.vcd_path, filter);

    TraceFile file(view.vcd_path + ".gtkw");
    const auto vcd = file_name(view.vcd_path);
    file.append("[*] tilewright\n[dumpfile] \"" + vcd + "\"\n[savefile] \"" + vcd +
                ".gtkw\"\n[timestart] 0\n");
    file.append("[size] ");
    file.append(std::to_string(window_width));
    file.append(" ");
    file.append(std::to_string(window_height));
    file.append("\n[pos] -1 -1\n*");
    // The zoom is minus the binary logarithm of the time in 200 pixels.
    const double per_frame = static_cast<double>(std::max<std::int64_t>(view.shown_time, 1)) * 200 /
                             (window_width - names_width - 250);
    file.append(std::to_string(-std::log2(std::max(per_frame, 1.0))));
    file.append(" 0");
    for (int marker = 0; marker < 26; ++marker) file.append(" -1");
    file.append("\n[sst_width] 0\n[signals_width] ");
    file.append(std::to_string(names_width));
    file.append("\n[sst_expanded] 0\n");
    for (const auto& row : view.rows) {
        // GTKWave shows only what follows the last dot of a name or of an alias.
        auto alias = row.text.substr(0, row.text.find('['));
        std::replace(alias.begin(), alias.end(), '.', ' ');
        const auto signal = "+{" + alias + "} " + row.text + "\n";
        switch (row.style) {
            case GtkwaveRow::Style::heading:
                file.append(flags(blank) + "-" + row.text + "\n");
                break;
            case GtkwaveRow::Style::names:
                file.append(flags(file_filter | right_justified | hexadecimal) + "^1 " +
                            file_name(filter_path(view.vcd_path, row.filter)) + "\n" + signal);
                break;
            case GtkwaveRow::Style::number:
                file.append(flags(right_justified | decimal) + signal);
                break;
            case GtkwaveRow::Style::curve:
                file.append(flags(analog_step | right_justified | decimal) + signal + flags(analog_room) +
                            "-\n-\n");
                break;
        }
    }
    file.append("[pattern_trace] 1\n[pattern_trace] 0\n");
    file.finish();
}

std::string vcd_identifier(std::string_view name) {
    std::string text;
    for (const char c : name) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        text += plain ? c : '_';
    }
    return text.empty() ? "_" : text;
}

}  // namespace tilewright::accel
