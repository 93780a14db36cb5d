// SPDX-License-Identifier: Apache-2.0
#include "sweeps/table.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tilewright::sweeps {
namespace {

using nlohmann::json;

// Characters as a terminal counts them, near enough: code points, not bytes.
std::size_t display_width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
    }));
}

std::string pad(const std::string& text, std::size_t width, bool right) {
    const std::string blanks(width - std::min(width, display_width(text)), ' ');
    return right ? blanks + text : text + blanks;
}

// A message must stay on its row.
std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
}

std::string status_text(const ResultRow& row) {
    const std::string status = readable_status(row.status);
    return one_line(row.message.empty() || row.status == "ok" ? status : status + ": " + row.message);
}

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string csv_cell(const json& cell) {
    if (cell.is_null()) return "";
    return csv_field(cell.is_string() ? cell.get<std::string>() : dump(cell));
}

const json& cell_of(const ResultRow& row, std::size_t column) {
    static const json nothing;
    return column < row.cells.size() ? row.cells[column] : nothing;
}

}  // namespace

std::string heading(const ResultColumn& column) {
    return column.unit.empty() ? column.name : fmt::format("{} [{}]", column.name, column.unit);
}

std::string readable_status(const std::string& status) {
    return status == "does_not_fit" ? "does not fit" : status;
}

std::string format_cell(const json& cell, int digits) {
    if (cell.is_null()) return "-";
    if (cell.is_string()) return cell.get<std::string>();
    if (cell.is_number_float()) {
        // Whole numbers are counts and settings: two that differ in their last digit are not the same.
        const auto number = cell.get<double>();
        const bool whole = std::abs(number) < 1e12 && number == std::floor(number);
        return whole ? fmt::format("{:.0f}", number) : fmt::format("{:.{}g}", number, digits);
    }
    if (cell.is_boolean()) return cell.get<bool>() ? "yes" : "no";
    return dump(cell);
}

std::string format_table(const ResultTable& table, int digits) {
    // A grid of texts first, then the widths, then the lines.
    std::vector<std::vector<std::string>> grid(table.rows.size() + 1);
    std::vector<bool> right;
    const auto add_column = [&](const std::string& title, bool align_right, const auto& text_of) {
        grid[0].push_back(title);
        for (std::size_t r = 0; r < table.rows.size(); ++r) grid[r + 1].push_back(text_of(table.rows[r]));
        right.push_back(align_right);
    };
    if (table.shows_pareto)
        add_column("", false, [](const ResultRow& row) { return std::string(row.pareto ? "*" : " "); });
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
        const bool numeric = std::none_of(table.rows.begin(), table.rows.end(), [&](const ResultRow& row) {
            return !cell_of(row, c).is_number() && !cell_of(row, c).is_null();
        });
        add_column(one_line(heading(table.columns[c])), numeric,
                   [&](const ResultRow& row) { return one_line(format_cell(cell_of(row, c), digits)); });
    }
    if (table.shows_status) add_column("status", false, status_text);

    std::vector<std::size_t> widths(right.size(), 0);
    for (const auto& line : grid)
        for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], display_width(line[c]));

    std::string text;
    const auto add_line = [&](const std::vector<std::string>& cells) {
        std::string line;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            if (c > 0) line += (c == 1 && table.shows_pareto) ? " " : "  ";
            line += pad(cells[c], widths[c], right[c]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    };
    add_line(grid[0]);
    std::vector<std::string> rule;
    for (std::size_t c = 0; c < widths.size(); ++c)
        rule.emplace_back((c == 0 && table.shows_pareto) ? 0 : widths[c], '-');
    add_line(rule);
    for (std::size_t r = 1; r < grid.size(); ++r) add_line(grid[r]);
    return text;
}

nlohmann::ordered_json table_to_json(const ResultTable& table) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const ResultRow& row : table.rows) {
        nlohmann::ordered_json object = nlohmann::ordered_json::object();
        for (std::size_t c = 0; c < table.columns.size(); ++c)
            object[table.columns[c].name] = cell_of(row, c);
        if (table.shows_pareto) object["pareto"] = row.pareto;
        if (table.shows_status) {
            object["status"] = row.status;
            object["message"] = row.message;
        }
        rows.push_back(std::move(object));
    }
    return rows;
}

std::string format_csv(const ResultTable& table) {
    std::string text;
    const auto add_line = [&](const std::vector<std::string>& fields) {
        text += fmt::format("{}\r\n", fmt::join(fields, ","));
    };
    std::vector<std::string> fields;
    for (const ResultColumn& column : table.columns) fields.push_back(csv_field(heading(column)));
    if (table.shows_pareto) fields.emplace_back("pareto");
    if (table.shows_status) fields.insert(fields.end(), {"status", "message"});
    add_line(fields);
    for (const ResultRow& row : table.rows) {
        fields.clear();
        for (std::size_t c = 0; c < table.columns.size(); ++c) fields.push_back(csv_cell(cell_of(row, c)));
        if (table.shows_pareto) fields.emplace_back(row.pareto ? "true" : "false");
        if (table.shows_status) fields.insert(fields.end(), {csv_field(row.status), csv_field(row.message)});
        add_line(fields);
    }
    return text;
}

}  // namespace tilewright::sweeps
