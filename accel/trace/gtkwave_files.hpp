// SPDX-License-Identifier: Apache-2.0
// The files beside a VCD that make GTKWave show it readably: filters that turn numbers into names, and a save
// file with the signals in groups. Formats as read by GTKWave 3.3.118.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright::accel {

// Names for the values 0, 1, ... of a register of `bits` bits. A colour of X11 may be given in front of a
// name.
struct GtkwaveFilter {
    struct Entry {
        std::string name;
        std::string color;
    };
    std::string name;  // of the file: <vcd>.<name>.gtkwfilter
    int bits = 1;
    std::vector<Entry> entries;
};

// A row of the save file.
struct GtkwaveRow {
    enum class Style { heading, names, number, curve };
    Style style = Style::heading;
    std::string text;         // the heading, or the signal as `scope.name` and `[2:0]` for a register
    std::string filter = {};  // for names
};

struct GtkwaveView {
    std::string vcd_path;
    std::vector<GtkwaveFilter> filters;
    std::vector<GtkwaveRow> rows;
    std::int64_t shown_time = 0;  // that fills the window at first, in units of the VCD
};

// Writes <vcd>.<filter>.gtkwfilter and <vcd>.gtkw. All names in them are relative, so that the files can be
// moved together. Throws TraceFileError.
void write_gtkwave_files(const GtkwaveView& view);

// A VCD identifier: whatever GTKWave might take for syntax becomes an underscore.
std::string vcd_identifier(std::string_view name);

}  // namespace tilewright::accel
