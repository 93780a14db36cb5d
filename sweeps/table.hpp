// SPDX-License-Identifier: Apache-2.0
// A table of results and its three printed forms. Knows nothing of sweeps: any command may fill one.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tilewright::sweeps {

struct ResultColumn {
    std::string name;  // also the key in JSON: unique in its table
    std::string unit;  // may be empty
};

struct ResultRow {
    std::vector<nlohmann::json> cells;  // one per column: number, string, boolean or null (nothing known)
    bool pareto = false;
    std::string status;   // "ok", "does_not_fit", "failed"; empty where the table shows no status
    std::string message;  // one sentence about the status; may be empty
};

struct ResultTable {
    std::vector<ResultColumn> columns;
    std::vector<ResultRow> rows;
    bool shows_pareto = false;  // with a Pareto mark per row
    bool shows_status = false;  // with status and message per row
};

// For people: columns aligned, numbers to the right with `digits` significant digits, units in the header,
// `*` in front of Pareto members, the message behind rows that are not ok. UTF-8; ends with a line feed.
std::string format_table(const ResultTable& table, int digits = 5);

// A list of objects, column name to value with full precision, in column order; then "pareto" (boolean),
// "status" and "message" (strings) where the table shows them.
nlohmann::ordered_json table_to_json(const ResultTable& table);

// RFC 4180: header "name [unit]", quotes where needed, CR LF; nothing for null; full precision.
std::string format_csv(const ResultTable& table);

// The heading of a column: "name [unit]", or "name".
std::string heading(const ResultColumn& column);

// A cell for people: numbers with `digits` significant digits, "-" for null, strings without quotes.
std::string format_cell(const nlohmann::json& cell, int digits = 5);

// A status for people: "does not fit" for "does_not_fit".
std::string readable_status(const std::string& status);

}  // namespace tilewright::sweeps
