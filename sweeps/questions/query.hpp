// SPDX-License-Identifier: Apache-2.0
// What a question asks for, and the same in SQL over a table `points` (see points_database.hpp).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sweeps/questions/asked_column.hpp"

namespace tilewright::sweeps {

enum class Comparison { equal, different, less, at_most, greater, at_least };

struct Condition {
    std::size_t column = 0;
    Comparison comparison = Comparison::equal;
    double number = 0;                // of the column's unit; where there are no values
    std::vector<std::string> values;  // equal to one of them, or different from all
};

enum class Aggregate { average, sum };

struct AggregatedColumn {
    Aggregate aggregate = Aggregate::average;
    std::size_t column = 0;
};

struct Order {
    std::size_t column = 0;
    bool descending = false;
};

struct Query {
    std::vector<Condition> conditions;  // all of them hold
    std::optional<bool> pareto;         // only points on the front, or only others
    bool fitting = true;                // points that fit; false: those that do not
    bool about_fitting = false;         // it is asked whether they fit
    std::vector<std::size_t> figures;   // columns to show, besides those that are always shown
    bool count = false;
    std::optional<AggregatedColumn> aggregate;
    std::vector<std::size_t> groups;   // columns: an answer for each combination of their values
    std::optional<Order> order;        // of points; of groups by the aggregate, whose column it is
    std::optional<std::size_t> limit;  // so many, of each group if it is points that are asked for,
    std::size_t left_out = 0;          // behind so many
};

// Points are shown with all parameters, what was asked for, and the objectives.
std::string to_sql(const Query& query, const std::vector<AskedColumn>& columns);

// How many points that do not fit have the parameters that are asked for, in a column "designs". Figures of a
// simulation they have none.
std::string misfits_sql(const Query& query, const std::vector<AskedColumn>& columns);

// The units of an answer to that statement.
void add_units(ResultTable& answer, const std::vector<AskedColumn>& columns);

// Names and values as SQL spells them.
std::string sql_name(const std::string& name);
std::string sql_text(const std::string& text);

}  // namespace tilewright::sweeps
