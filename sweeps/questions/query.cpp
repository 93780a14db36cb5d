// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/query.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace tilewright::sweeps {

namespace {

std::string quoted(const std::string& text, char quote) {
    std::string result(1, quote);
    for (const char c : text) {
        if (c == quote) result += quote;
        result += c;
    }
    return result + quote;
}

const char* sign(Comparison comparison) {
    switch (comparison) {
        case Comparison::less:
            return "<";
        case Comparison::at_most:
            return "<=";
        case Comparison::greater:
            return ">";
        case Comparison::at_least:
            return ">=";
        case Comparison::different:
            return "<>";
        case Comparison::equal:
            break;
    }
    return "=";
}

std::string text_of(const Condition& condition, const AskedColumn& column) {
    const auto name = sql_name(column.name);
    if (condition.values.empty()) {
        return fmt::format("{} {} {}", name, sign(condition.comparison), condition.number);
    }
    std::vector<std::string> values;
    values.reserve(condition.values.size());
    for (const auto& value : condition.values) values.push_back(column.numeric ? value : sql_text(value));
    if (values.size() == 1) return fmt::format("{} {} {}", name, sign(condition.comparison), values.front());
    return fmt::format("{} {} ({})", name, condition.comparison == Comparison::equal ? "IN" : "NOT IN",
                       fmt::join(values, ", "));
}

std::string text_of(const AggregatedColumn& one, const AskedColumn& column) {
    return fmt::format("{}({})", one.aggregate == Aggregate::sum ? "SUM" : "AVG", sql_name(column.name));
}

std::string name_of(const AggregatedColumn& one, const AskedColumn& column) {
    return sql_name(fmt::format("{} {}", one.aggregate == Aggregate::sum ? "total" : "average", column.name));
}

// The parts of a statement about one query.
class Statement {
  public:
    Statement(const Query& query, const std::vector<AskedColumn>& columns)
        : query_(query), columns_(columns) {}

    std::string text() const {
        if (query_.count || query_.aggregate) return of_groups();
        return query_.groups.empty() ? of_points() : of_points_by_group();
    }

  private:
    std::string name(std::size_t column) const { return sql_name(columns_[column].name); }

    std::string list(const std::vector<std::size_t>& columns) const {
        std::vector<std::string> names;
        names.reserve(columns.size());
        for (const auto column : columns) names.push_back(name(column));
        return fmt::format("{}", fmt::join(names, ", "));
    }

    std::string where() const {
        std::vector<std::string> conditions = {query_.fitting ? "status = 'ok'" : "status = 'does_not_fit'"};
        if (query_.pareto) conditions.push_back(fmt::format("pareto = {}", *query_.pareto ? 1 : 0));
        for (const auto& condition : query_.conditions) {
            conditions.push_back(text_of(condition, columns_[condition.column]));
        }
        if (query_.order && !query_.aggregate)
            conditions.push_back(name(query_.order->column) + " IS NOT NULL");
        return fmt::format("{}", fmt::join(conditions, "\n  AND "));
    }

    // In the order of the table: parameters, what was asked for, and objectives.
    std::string shown() const {
        std::vector<std::size_t> shown;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const bool asked =
                std::find(query_.figures.begin(), query_.figures.end(), i) != query_.figures.end() ||
                (query_.order && query_.order->column == i) ||
                std::any_of(query_.conditions.begin(), query_.conditions.end(),
                            [i](const auto& condition) { return condition.column == i; });
            if (columns_[i].parameter() || columns_[i].goal || asked) shown.push_back(i);
        }
        return list(shown) + (query_.fitting ? "" : ", message");
    }

    std::string limit() const {
        if (!query_.limit) return "";
        const auto offset = query_.left_out > 0 ? fmt::format(" OFFSET {}", query_.left_out) : "";
        return fmt::format("\nLIMIT {}{}", *query_.limit, offset);
    }
    std::string places() const {
        const auto last = query_.left_out + query_.limit.value_or(1);
        if (query_.left_out == 0) return fmt::format("\"place in group\" <= {}", last);
        return fmt::format("\"place in group\" BETWEEN {} AND {}", query_.left_out + 1, last);
    }
    static const char* direction(bool descending) { return descending ? " DESC" : ""; }

    // Of points that are equal in it, those come first that are better in the objectives.
    std::string order() const {
        if (!query_.order) return "rowid";
        auto order = name(query_.order->column) + direction(query_.order->descending);
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (!columns_[i].goal || i == query_.order->column) continue;
            order += ", " + name(i) + direction(*columns_[i].goal == Goal::maximize);
        }
        return order + ", rowid";
    }

    std::string of_points() const {
        return fmt::format("SELECT {}\nFROM points\nWHERE {}\nORDER BY {}{}", shown(), where(), order(),
                           limit());
    }

    // Groups in the order of the table.
    std::string of_points_by_group() const {
        const auto groups = list(query_.groups);
        return fmt::format(
            "SELECT {}\nFROM (SELECT *, MIN(rowid) OVER (PARTITION BY {}) AS \"first of group\",\n"
            "      ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {}) AS \"place in group\"\n"
            "      FROM points\n      WHERE {})\nWHERE {}\nORDER BY \"first of "
            "group\", \"place in group\"",
            shown(), groups, groups, order(), where(), places());
    }

    std::string of_groups() const {
        std::string selected = query_.groups.empty() ? "" : list(query_.groups) + ", ";
        selected += "COUNT(*) AS designs";
        if (query_.aggregate) {
            const auto& column = columns_[query_.aggregate->column];
            selected +=
                ", " + text_of(*query_.aggregate, column) + " AS " + name_of(*query_.aggregate, column);
        }
        auto text = fmt::format("SELECT {}\nFROM points\nWHERE {}", selected, where());
        if (query_.groups.empty()) return text;
        text += "\nGROUP BY " + list(query_.groups) + "\nORDER BY ";
        if (query_.order && query_.aggregate) {
            text += name_of(*query_.aggregate, columns_[query_.aggregate->column]) +
                    direction(query_.order->descending) + ", ";
        }
        return text + "MIN(rowid)" + limit();
    }

    const Query& query_;
    const std::vector<AskedColumn>& columns_;
};

}  // namespace

void add_units(ResultTable& answer, const std::vector<AskedColumn>& columns) {
    for (auto& shown : answer.columns) {
        for (const auto& column : columns) {
            const bool same = shown.name == column.name || shown.name == "average " + column.name ||
                              shown.name == "total " + column.name;
            if (same) shown.unit = column.unit;
        }
    }
}

std::string sql_name(const std::string& name) {
    return quoted(name, '"');
}

std::string sql_text(const std::string& text) {
    return quoted(text, '\'');
}

std::string misfits_sql(const Query& query, const std::vector<AskedColumn>& columns) {
    Query misfits;
    std::copy_if(query.conditions.begin(), query.conditions.end(), std::back_inserter(misfits.conditions),
                 [&](const Condition& condition) { return columns[condition.column].parameter(); });
    misfits.fitting = false;
    misfits.count = true;
    return to_sql(misfits, columns);
}

std::string to_sql(const Query& query, const std::vector<AskedColumn>& columns) {
    return Statement(query, columns).text();
}

}  // namespace tilewright::sweeps
