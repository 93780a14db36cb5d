// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweeps/store.hpp"
#include "tests/sweeps/fake_study.hpp"

using namespace tilewright::sweeps;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

const PointResult good{PointStatus::ok, "{\"x\":1}", ""};
const PointResult large{PointStatus::does_not_fit, "{}", "2110 DSP of 1968"};

std::string open_error(const std::filesystem::path& path) {
    try {
        Store store(path, "v1", Store::Access::write, 50ms);
    } catch (const StoreError& error) {
        return error.what();
    }
    return "";
}

struct CloseDatabase {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// Another program's connection.
Database open_raw(const std::filesystem::path& path) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    return Database(database);
}

void execute(const Database& database, const char* sql) {
    REQUIRE(sqlite3_exec(database.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK);
}

void write_text(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

// Root may write anywhere, so permissions can be tested only as somebody else.
class WithoutRoot {
  public:
    WithoutRoot() {
        if (::geteuid() == 0) changed_ = ::seteuid(65534) == 0;
    }
    WithoutRoot(const WithoutRoot&) = delete;
    WithoutRoot& operator=(const WithoutRoot&) = delete;
    ~WithoutRoot() {
        if (changed_ && ::seteuid(0) != 0) std::abort();
    }

  private:
    bool changed_ = false;
};

}  // namespace

TEST_CASE("a point's key depends on every byte of the design and on the fidelity", "[sweeps]") {
    CHECK(point_key("", "") == "af63bd4c8601b7df");  // FNV-1a of one zero byte
    CHECK(point_key("{}", "timing") == point_key("{}", "timing"));
    CHECK(point_key("{}", "timing") != point_key("{}", "bound"));
    CHECK(point_key("{} ", "timing") != point_key("{}", "timing"));
    CHECK(point_key("ab", "c") != point_key("a", "bc"));
}

TEST_CASE("a store finds finished results again, of its own program version only", "[sweeps]") {
    const testing::ScratchFolder folder;
    const auto path = folder / "results.db";
    {
        Store store(path, "v1");
        CHECK_FALSE(store.find("k1"));
        store.insert("k1", good);
        CHECK(store.find("k1"));  // before it is written
        store.insert("k2", large);
        store.insert("k3", {PointStatus::failed, "", "crashed"});
        CHECK_FALSE(store.find("k3"));
        store.close();
    }
    Store store(path, "v1");
    REQUIRE(store.find("k1"));
    CHECK(store.find("k1")->status == PointStatus::ok);
    CHECK(store.find("k1")->report_json == good.report_json);
    REQUIRE(store.find("k2"));
    CHECK(store.find("k2")->status == PointStatus::does_not_fit);
    CHECK(store.find("k2")->message == large.message);
    CHECK_FALSE(store.find("k3"));  // to be tried again
    Store other(path, "v2");
    CHECK_FALSE(other.find("k1"));
}

TEST_CASE("a store commits after a hundred rows, after a second and when it is destroyed", "[sweeps]") {
    const testing::ScratchFolder folder;
    const auto path = folder / "results.db";
    Store reader(path, "v1");
    {
        Store writer(path, "v1");
        for (int i = 0; i < 100; ++i) writer.insert(fmt::format("row{}", i), good);
        CHECK(reader.find("row99"));
        writer.insert("late", good);
        CHECK_FALSE(reader.find("late"));
        std::this_thread::sleep_for(1100ms);
        writer.flush_if_due();
        CHECK(reader.find("late"));
        writer.insert("last", good);
    }
    CHECK(reader.find("last"));
}

TEST_CASE("two processes may write to one store", "[sweeps]") {
    const testing::ScratchFolder folder;
    Store first(folder / "results.db", "v1");
    Store second(folder / "results.db", "v1");
    for (int i = 0; i < 250; ++i) {
        first.insert(fmt::format("a{}", i), good);
        second.insert(fmt::format("b{}", i), good);
    }
    first.close();
    second.close();
    Store reader(folder / "results.db", "v1");
    CHECK(reader.find("a249"));
    CHECK(reader.find("b249"));
}

TEST_CASE("a file that is no store is refused and left alone", "[sweeps]") {
    const testing::ScratchFolder folder;
    SECTION("garbage") {
        const std::string garbage(5000, 'g');
        write_text(folder / "garbage.db", garbage);
        CHECK_THAT(open_error(folder / "garbage.db"),
                   Contains("garbage.db") && Contains("not an SQLite database"));
        CHECK(testing::read_file(folder / "garbage.db") == garbage);
    }
    SECTION("another application's database") {
        execute(open_raw(folder / "notes.db"), "CREATE TABLE notes (text)");
        const std::string before = testing::read_file(folder / "notes.db");
        CHECK_THAT(open_error(folder / "notes.db"), Contains("another application"));
        CHECK(testing::read_file(folder / "notes.db") == before);
    }
    SECTION("a store of a later format") {
        Store(folder / "later.db", "v1").close();
        execute(open_raw(folder / "later.db"), "PRAGMA user_version = 99");
        CHECK_THAT(open_error(folder / "later.db"), Contains("store format 99"));
    }
    SECTION("truncated") {
        {
            Store store(folder / "cut.db", "v1");
            for (int i = 0; i < 300; ++i)
                store.insert(std::to_string(i), {PointStatus::ok, std::string(900, 'x'), ""});
        }
        std::filesystem::resize_file(folder / "cut.db", 9000);
        const auto use = [&] {
            Store store(folder / "cut.db", "v1");
            for (int i = 0; i < 300; ++i) static_cast<void>(store.find(std::to_string(i)));
        };
        CHECK_THROWS_AS(use(), StoreError);
    }
}

TEST_CASE("a store that cannot be used says why", "[sweeps]") {
    const testing::ScratchFolder folder;
    SECTION("missing folder") {
        CHECK_THAT(open_error(folder / "missing/results.db"),
                   Contains("missing") && Contains("does not exist"));
    }
    SECTION("the path is a folder") {
        CHECK_THAT(open_error(folder.path()), Contains(folder.path().string()));
    }
    SECTION("locked") {
        Store(folder / "locked.db", "v1").close();
        const Database other = open_raw(folder / "locked.db");
        execute(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
        CHECK_THAT(open_error(folder / "locked.db"), Contains("locked by another process"));
    }
    SECTION("read-only folder") {
        std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
        const WithoutRoot nobody;
        CHECK_THAT(open_error(folder / "results.db"), Contains("does not allow it"));
    }
    SECTION("read-only file") {
        Store(folder / "results.db", "v1").close();
        std::filesystem::permissions(folder / "results.db", std::filesystem::perms(0444));
        std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
        const WithoutRoot nobody;
        CHECK_THAT(open_error(folder / "results.db"), Contains("read-only"));
    }
}

TEST_CASE("a store is read where nobody may write", "[sweeps]") {
    const testing::ScratchFolder folder;
    const auto path = folder / "odd name?#%41.db";
    {
        Store store(path, "v1");
        store.insert("a", good);
    }
    const auto read = [&] {
        Store store(path, "v1", Store::Access::read, 50ms);
        const auto result = store.find("a");
        REQUIRE(result);
        CHECK(result->report_json == good.report_json);
        CHECK_FALSE(store.find("b"));
    };
    const auto files = [&] {
        const std::filesystem::directory_iterator entries(folder.path());
        return std::distance(begin(entries), end(entries));
    };
    read();
    CHECK(files() == 1);
    {
        // A sweep that is at work.
        Store store(path, "v1");
        store.insert("c", good);
        read();
    }
    std::filesystem::permissions(path, std::filesystem::perms(0444));
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
    {
        const WithoutRoot nobody;
        read();
        CHECK(files() == 1);
    }
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST_CASE("what is no store is not read", "[sweeps]") {
    const testing::ScratchFolder folder;
    const auto error_of = [&](const char* name) {
        try {
            Store store(folder / name, "v1", Store::Access::read, 50ms);
        } catch (const StoreError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(error_of("nothing.db"), Contains("cannot be opened"));
    execute(open_raw(folder / "empty.db"), "PRAGMA user_version = 0; VACUUM");
    CHECK_THAT(error_of("empty.db"), Contains("has no results"));
    execute(open_raw(folder / "other.db"), "CREATE TABLE t (x)");
    CHECK_THAT(error_of("other.db"), Contains("another application"));
    CHECK_FALSE(std::filesystem::exists(folder / "nothing.db"));
}
