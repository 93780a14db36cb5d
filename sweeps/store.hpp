// SPDX-License-Identifier: Apache-2.0
// Results of earlier points, kept in an SQLite file so that a sweep goes on where it stopped.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sweeps/point.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace tilewright::sweeps {

// The store cannot be used; what() is a sentence with the file's name.
class StoreError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// It has no room for more; nothing was wrong with what was asked for.
class StoreFullError : public StoreError {
  public:
    using StoreError::StoreError;
};

// 16 hex digits: FNV-1a, 64 bits, over the canonical text of the resolved design, a zero byte and the
// fidelity.
std::string point_key(std::string_view canonical_design, std::string_view fidelity);

// Rows are found by (key, program version), so that results of another build are not passed off as this
// one's. Several processes of one machine may share a store (a network file system is not good enough for
// SQLite's WAL).
class Store {
  public:
    enum class Access { read, write };

    // To write, opens the file or makes it; to read, it must be there, and need not be writable.
    // `busy_timeout`: how long to wait for another process's lock. Throws StoreError if the file is not an
    // SQLite database, belongs to another application or to another version of the format, cannot be opened
    // as wanted, or stays locked. Such a file is never changed.
    Store(const std::filesystem::path& path, std::string program_version, Access access = Access::write,
          std::chrono::milliseconds busy_timeout = std::chrono::seconds(5));
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    ~Store();  // writes what is pending if it can; call close() to hear of errors

    // A finished result of this program version, if there is one.
    [[nodiscard]] std::optional<PointResult> find(const std::string& key);

    // Keeps an ok or does_not_fit result; failed ones are left out, so that they are tried again.
    // Rows are gathered in memory and written at 100 rows or after a second, so a lock is held for moments
    // only. Not for a store that was opened to read.
    void insert(const std::string& key, const PointResult& result);

    // Writes pending rows if the oldest has waited for a second. Call it now and then when no results come
    // in.
    void flush_if_due();

    // Writes pending rows and closes the file.
    void close();

  private:
    struct CloseDatabase {
        void operator()(sqlite3* database) const;
    };
    struct FinalizeStatement {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;
    using Clock = std::chrono::steady_clock;

    struct PendingRow {
        std::string key;
        PointResult result;
    };

    void open(const std::string& name, int flags);
    void open_to_read();
    void open_to_write();
    void execute(const char* sql);
    bool is_fresh();
    void prepare_file();
    void flush();
    void write_pending();
    [[nodiscard]] Statement prepare(const char* sql);
    [[nodiscard]] long long read_integer(const char* sql);
    [[noreturn]] void fail(int code) const;

    std::filesystem::path path_;
    std::string program_version_;
    std::unique_ptr<sqlite3, CloseDatabase> database_;  // before the statements: they have to go first
    Statement find_;
    Statement insert_;
    std::vector<PendingRow> pending_;
    Clock::time_point oldest_pending_;
    std::chrono::milliseconds busy_timeout_;
};

}  // namespace tilewright::sweeps
