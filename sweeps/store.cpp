// SPDX-License-Identifier: Apache-2.0
#include "sweeps/store.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

namespace tilewright::sweeps {
namespace {

constexpr long long application_id = 0x54574753;  // "TWGS" in the file header, for `file` and for us
constexpr long long store_format = 1;             // PRAGMA user_version; raise with every change of the table
constexpr std::size_t rows_per_commit = 100;
constexpr std::chrono::seconds commit_interval{1};

void bind_text(sqlite3_stmt* statement, int position, std::string_view text) {
    sqlite3_bind_text64(statement, position, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

std::string column(sqlite3_stmt* statement, int position) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, position));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, position));
    return text == nullptr ? std::string() : std::string(text, size);
}

// A path inside a "file:" name (RFC 3986, section 2).
std::string escaped_for_uri(const std::string& path) {
    std::string escaped;
    for (const char byte : path) {
        if (byte == '%' || byte == '?' || byte == '#') {
            escaped += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
        } else {
            escaped += byte;
        }
    }
    return escaped;
}

}  // namespace

std::string point_key(std::string_view canonical_design, std::string_view fidelity) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    const auto add = [&](char byte) { hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL; };
    std::for_each(canonical_design.begin(), canonical_design.end(), add);
    add('\0');
    std::for_each(fidelity.begin(), fidelity.end(), add);
    return fmt::format("{:016x}", hash);
}

void Store::CloseDatabase::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}

void Store::FinalizeStatement::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

void Store::fail(int code) const {
    const std::string name = path_.string();
    const std::string folder = path_.has_parent_path() ? path_.parent_path().string() : ".";
    switch (code & 0xff) {  // the low byte is the kind; the rest says where SQLite noticed
        case SQLITE_NOTADB:
            throw StoreError(
                fmt::format("{} is not an SQLite database; name another file for the store", name));
        case SQLITE_CORRUPT:
            throw StoreError(
                fmt::format("{} is a damaged SQLite database; remove it or name another store", name));
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            throw StoreError(
                fmt::format("{} is locked by another process; wait for it or name another store", name));
        case SQLITE_READONLY:
            throw StoreError(fmt::format("{} cannot be written: the file or its folder is read-only", name));
        case SQLITE_CANTOPEN:
            throw StoreError(fmt::format(
                "{} cannot be opened: the folder {} does not exist or does not allow it", name, folder));
        case SQLITE_FULL:
            throw StoreFullError(fmt::format("{} cannot be written: the disk is full", name));
        default:
            throw StoreError(fmt::format("the result store {} failed: {}", name,
                                         database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code)));
    }
}

void Store::execute(const char* sql) {
    const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code);
}

Store::Statement Store::prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr);
    if (code != SQLITE_OK) fail(code);
    return Statement(statement);
}

long long Store::read_integer(const char* sql) {
    const Statement statement = prepare(sql);
    const int code = sqlite3_step(statement.get());
    if (code != SQLITE_ROW) fail(code);
    return sqlite3_column_int64(statement.get(), 0);
}

Store::Store(const std::filesystem::path& path, std::string program_version, Access access,
             std::chrono::milliseconds busy_timeout)
    : path_(path), program_version_(std::move(program_version)), busy_timeout_(busy_timeout) {
    if (access == Access::read) {
        open_to_read();
    } else {
        open_to_write();
    }
    find_ =
        prepare("SELECT status, message, report FROM results WHERE point_key = ?1 AND program_version = ?2");
    if (access == Access::read) return;
    insert_ = prepare(
        "INSERT OR REPLACE INTO results (point_key, program_version, status, message, report) "
        "VALUES (?1, ?2, ?3, ?4, ?5)");
}

void Store::open(const std::string& name, int flags) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &opened, flags, nullptr);
    database_.reset(opened);  // also after an error: the handle carries the message and has to be closed
    if (code != SQLITE_OK) fail(code);
    sqlite3_busy_timeout(database_.get(), static_cast<int>(busy_timeout_.count()));
}

void Store::open_to_write() {
    open(path_.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    // SQLite falls back to reading when it may not write; a sweep that cannot store should say so at its
    // start.
    if (sqlite3_db_readonly(database_.get(), "main") == 1) fail(SQLITE_READONLY);
    prepare_file();
}

// A store keeps its log in a file beside it, which SQLite wants to open even to read. Where it may not and
// there is none, the file is read as it is: nobody is at work.
void Store::open_to_read() {
    open(path_.string(), SQLITE_OPEN_READWRITE);  // or to read alone; who may write removes the log again
    const auto code =
        sqlite3_exec(database_.get(), "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr) & 0xff;
    if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) {
        std::error_code error;
        const auto log = std::filesystem::file_size(path_.string() + "-wal", error);
        if (!error && log > 0) {
            throw StoreError(
                fmt::format("{0} has rows in {0}-wal that cannot be read here: the folder is "
                            "read-only; copy the files to another one",
                            path_.string()));
        }
        open("file:" + escaped_for_uri(path_.string()) + "?immutable=1",
             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    }
    if (is_fresh()) throw StoreError(fmt::format("{} has no results", path_.string()));
}

// Whether nothing is there yet. Throws for what is not a store of this format.
bool Store::is_fresh() {
    const long long application = read_integer("PRAGMA application_id");
    const long long format = read_integer("PRAGMA user_version");
    if (application == 0 && format == 0 && read_integer("SELECT count(*) FROM sqlite_master") == 0) {
        return true;
    }
    if (application != application_id)
        throw StoreError(
            fmt::format("{} is an SQLite database of another application; name another file for the store",
                        path_.string()));
    if (format != store_format)
        throw StoreError(
            fmt::format("{} has store format {}; this program reads format {}; name another store",
                        path_.string(), format, store_format));
    return false;
}

void Store::prepare_file() {
    // Under the write lock, since two processes may make the same file at once; looked at before anything is
    // changed, since the file may be somebody else's.
    execute("BEGIN IMMEDIATE");
    if (is_fresh()) {
        execute(fmt::format("PRAGMA application_id = {}", application_id).c_str());
        execute(fmt::format("PRAGMA user_version = {}", store_format).c_str());
        execute(
            "CREATE TABLE results (point_key TEXT NOT NULL, program_version TEXT NOT NULL, status TEXT NOT "
            "NULL, "
            "message TEXT NOT NULL, report TEXT NOT NULL, PRIMARY KEY (point_key, program_version))");
    }
    execute("COMMIT");
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = NORMAL");
}

Store::~Store() {
    try {
        close();
    } catch (const StoreError&) {
        // A destructor cannot report it; the points count as not computed and the next run computes them
        // again.
    }
}

std::optional<PointResult> Store::find(const std::string& key) {
    for (const PendingRow& row : pending_)
        if (row.key == key) return row.result;
    sqlite3_stmt* statement = find_.get();
    bind_text(statement, 1, key);
    bind_text(statement, 2, program_version_);
    const int code = sqlite3_step(statement);
    std::optional<PointResult> found;
    if (code == SQLITE_ROW) {
        const std::string status = column(statement, 0);
        // An unknown status can only come from a later program: as good as not computed.
        if (status == to_string(PointStatus::ok) || status == to_string(PointStatus::does_not_fit))
            found = PointResult{
                status == to_string(PointStatus::ok) ? PointStatus::ok : PointStatus::does_not_fit,
                column(statement, 2), column(statement, 1)};
    }
    sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) fail(code);
    return found;
}

void Store::insert(const std::string& key, const PointResult& result) {
    if (result.status == PointStatus::failed) return;
    if (pending_.empty()) oldest_pending_ = Clock::now();
    pending_.push_back({key, result});
    if (pending_.size() >= rows_per_commit) flush();
    flush_if_due();
}

void Store::flush_if_due() {
    if (!pending_.empty() && Clock::now() - oldest_pending_ >= commit_interval) flush();
}

void Store::write_pending() {
    for (const PendingRow& row : pending_) {
        sqlite3_stmt* statement = insert_.get();
        bind_text(statement, 1, row.key);
        bind_text(statement, 2, program_version_);
        bind_text(statement, 3, to_string(row.result.status));
        bind_text(statement, 4, row.result.message);
        bind_text(statement, 5, row.result.report_json);
        const int code = sqlite3_step(statement);
        sqlite3_reset(statement);
        if (code != SQLITE_DONE) fail(code);
    }
}

void Store::flush() {
    if (pending_.empty()) return;
    execute("BEGIN IMMEDIATE");
    try {
        write_pending();
        execute("COMMIT");
    } catch (const StoreError&) {
        sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
    pending_.clear();
}

void Store::close() {
    if (!database_) return;
    flush();
    find_.reset();
    insert_.reset();
    database_.reset();
}

}  // namespace tilewright::sweeps
