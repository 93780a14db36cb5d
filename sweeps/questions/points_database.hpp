// SPDX-License-Identifier: Apache-2.0
// A sweep's table in an SQLite database in memory, for statements that read it.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "sweeps/table.hpp"

struct sqlite3;

namespace tilewright::sweeps {

// The statement cannot be carried out; what() is a sentence.
class QueryError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// One table, `points`: a row for every point, in order, with the columns of the table by their names and
// `pareto` (0 or 1), `status` ("ok" or "does_not_fit") and `message`.
class PointsDatabase {
  public:
    // Throws QueryError if names of columns differ in case only, which SQL takes for equal.
    explicit PointsDatabase(const ResultTable& table);
    PointsDatabase(const PointsDatabase&) = delete;
    PointsDatabase& operator=(const PointsDatabase&) = delete;
    ~PointsDatabase();

    // Of one statement that changes nothing; columns without units. Throws QueryError.
    [[nodiscard]] ResultTable answer(const std::string& sql) const;

  private:
    struct Close {
        void operator()(sqlite3* database) const;
    };

    void create(const ResultTable& table);
    void fill(const ResultTable& table);

    std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace tilewright::sweeps
