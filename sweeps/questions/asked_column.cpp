// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/asked_column.hpp"

#include <algorithm>
#include <charconv>

namespace tilewright::sweeps {

namespace {

bool is_number(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

void add_cells(AskedColumn& column, const ResultTable& table, std::size_t index) {
    bool any = false;
    bool numbers = true;
    for (const auto& row : table.rows) {
        const auto& cell = row.cells[index];
        if (cell.is_null()) continue;
        any = true;
        const auto text = label_of(cell);
        numbers = numbers && (cell.is_number() || is_number(text));
        const bool listed = column.parameter() || cell.is_string();
        if (listed && std::find(column.values.begin(), column.values.end(), text) == column.values.end()) {
            column.values.push_back(text);
        }
    }
    column.numeric = any ? numbers : !column.parameter();
}

}  // namespace

std::vector<AskedColumn> asked_columns(const Study& study, const ResultTable& table) {
    std::vector<AskedColumn> columns;
    for (const auto& parameter : study.parameters)
        columns.push_back({parameter.name, "", "", {}, false, false, {}});
    for (const auto& objective : study.objectives) {
        columns.push_back(
            {objective.name, objective.unit, objective.metric, objective.goal, false, true, {}});
    }
    for (const auto& column : study.columns) {
        columns.push_back({column.name, column.unit, column.metric, {}, false, true, {}});
    }
    for (const auto parameter : study.compare_within) columns[parameter].apart = true;
    for (std::size_t i = 0; i < columns.size(); ++i) add_cells(columns[i], table, i);
    return columns;
}

}  // namespace tilewright::sweeps
