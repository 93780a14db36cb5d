// SPDX-License-Identifier: Apache-2.0
#include "sweeps/questions/points_database.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <sqlite3.h>

#include "sweeps/questions/query.hpp"
#include "sweeps/study.hpp"

namespace tilewright::sweeps {

namespace {

using nlohmann::json;

struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using PreparedStatement = std::unique_ptr<sqlite3_stmt, Finalize>;

// The first statement of a text; `rest` is what stands behind it.
PreparedStatement prepare(sqlite3* database, const std::string& sql, std::string* rest = nullptr) {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    const int code =
        sqlite3_prepare_v2(database, sql.c_str(), static_cast<int>(sql.size()), &statement, &tail);
    if (code != SQLITE_OK) throw QueryError(fmt::format("SQL: {}", sqlite3_errmsg(database)));
    if (rest != nullptr) *rest = tail;
    return PreparedStatement(statement);
}

void run(sqlite3* database, const std::string& sql) {
    if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        throw QueryError(fmt::format("SQL: {}", sqlite3_errmsg(database)));
    }
}

void bind_text(sqlite3_stmt* statement, int position, const std::string& text) {
    sqlite3_bind_text64(statement, position, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void bind(sqlite3_stmt* statement, int position, const json& cell) {
    if (cell.is_null()) {
        sqlite3_bind_null(statement, position);
    } else if (cell.is_number_integer()) {
        sqlite3_bind_int64(statement, position, cell.get<sqlite3_int64>());
    } else if (cell.is_number()) {
        sqlite3_bind_double(statement, position, cell.get<double>());
    } else {
        bind_text(statement, position, label_of(cell));
    }
}

json cell_of(sqlite3_stmt* statement, int column) {
    switch (sqlite3_column_type(statement, column)) {
        case SQLITE_INTEGER:
            return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
        case SQLITE_FLOAT:
            return sqlite3_column_double(statement, column);
        case SQLITE_NULL:
            return nullptr;
        default:
            return reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    }
}

// Of what a statement may do: read the table.
int allow(void* /*nothing*/, int action, const char* /*one*/, const char* /*two*/, const char* /*database*/,
          const char* /*trigger*/) {
    const bool reads = action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                       action == SQLITE_RECURSIVE;
    return reads ? SQLITE_OK : SQLITE_DENY;
}

}  // namespace

void PointsDatabase::Close::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}

PointsDatabase::PointsDatabase(const ResultTable& table) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open(":memory:", &opened);
    database_.reset(opened);
    if (code != SQLITE_OK) throw QueryError(fmt::format("SQLite: {}", sqlite3_errstr(code)));
    // A misspelt name in double quotes is an error, not a text.
    sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    create(table);
    fill(table);
    sqlite3_set_authorizer(database_.get(), allow, nullptr);
}

PointsDatabase::~PointsDatabase() = default;

// NUMERIC: text that is a number is compared as one.
void PointsDatabase::create(const ResultTable& table) {
    std::string sql = "CREATE TABLE points (";
    for (const auto& column : table.columns) sql += sql_name(column.name) + " NUMERIC, ";
    run(database_.get(), sql + "pareto INTEGER, status TEXT, message TEXT)");
}

void PointsDatabase::fill(const ResultTable& table) {
    run(database_.get(), "BEGIN");
    const auto values = table.columns.size() + 3;
    std::string places = "?";
    for (std::size_t i = 1; i < values; ++i) places += ", ?";
    const auto insert = prepare(database_.get(), "INSERT INTO points VALUES (" + places + ")");
    for (const auto& row : table.rows) {
        int position = 0;
        for (const auto& cell : row.cells) bind(insert.get(), ++position, cell);
        sqlite3_bind_int(insert.get(), ++position, row.pareto ? 1 : 0);
        bind_text(insert.get(), ++position, row.status);
        bind_text(insert.get(), ++position, row.message);
        if (sqlite3_step(insert.get()) != SQLITE_DONE) {
            throw QueryError(fmt::format("SQLite: {}", sqlite3_errmsg(database_.get())));
        }
        sqlite3_reset(insert.get());
    }
    run(database_.get(), "COMMIT");
}

ResultTable PointsDatabase::answer(const std::string& sql) const {
    std::string rest;
    const auto statement = prepare(database_.get(), sql, &rest);
    if (!statement || rest.find_first_not_of(" \t\r\n;") != std::string::npos) {
        throw QueryError("SQL: allowed: one statement that only reads");
    }
    ResultTable table;
    const int columns = sqlite3_column_count(statement.get());
    for (int i = 0; i < columns; ++i) {
        const std::string name = sqlite3_column_name(statement.get(), i);
        const bool twice = std::any_of(table.columns.begin(), table.columns.end(),
                                       [&](const auto& column) { return column.name == name; });
        if (twice)
            throw QueryError(fmt::format("SQL: two columns of the answer are called {}; allowed: AS", name));
        table.columns.push_back({name, ""});
    }
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
        ResultRow row;
        for (int i = 0; i < columns; ++i) row.cells.push_back(cell_of(statement.get(), i));
        table.rows.push_back(std::move(row));
    }
    if (code != SQLITE_DONE) throw QueryError(fmt::format("SQL: {}", sqlite3_errmsg(database_.get())));
    return table;
}

}  // namespace tilewright::sweeps
