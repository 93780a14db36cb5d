// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "sweeps/atomic_file.hpp"
#include "sweeps/progress.hpp"
#include "sweeps/table.hpp"
#include "tests/sweeps/fake_study.hpp"

using namespace tilewright::sweeps;
using Catch::Matchers::Contains;

namespace {

ResultTable example() {
    ResultTable table;
    table.columns = {{"format", ""}, {"throughput", "tokens/s"}, {"tile", ""}};
    table.shows_pareto = true;
    table.shows_status = true;
    table.rows.push_back({{"W4A4", 7.2123456789, 8}, true, "ok", ""});
    table.rows.push_back({{"a, \"b\"\nc", nullptr, 1024}, false, "does_not_fit", "2110 DSP, of 1968"});
    return table;
}

}  // namespace

TEST_CASE("the text table is aligned, marked and has its units", "[sweeps]") {
    CHECK(format_table(example()) ==
          "  format    throughput [tokens/s]  tile  status\n"
          "  --------  ---------------------  ----  -------------------------------\n"
          "* W4A4                     7.2123     8  ok\n"
          "  a, \"b\" c                      -  1024  does not fit: 2110 DSP, of 1968\n");
}

TEST_CASE("a table without marks and status shows neither", "[sweeps]") {
    ResultTable table;
    table.columns = {{"system", ""}, {"µ", "s"}};
    table.rows.push_back({{"ebsr", 1.5}, false, "", ""});
    CHECK(format_table(table) == "system  µ [s]\n------  -----\nebsr      1.5\n");
    CHECK(table_to_json(table).dump() == R"([{"system":"ebsr","µ":1.5}])");
    CHECK(format_csv(table) == "system,µ [s]\r\nebsr,1.5\r\n");
}

TEST_CASE("the JSON rows keep column order and full precision", "[sweeps]") {
    CHECK(table_to_json(example())[0].dump() ==
          R"({"format":"W4A4","throughput":7.2123456789,"tile":8,"pareto":true,"status":"ok","message":""})");
    CHECK(table_to_json(example())[1]["throughput"].is_null());
}

TEST_CASE("CSV is quoted as RFC 4180 says", "[sweeps]") {
    CHECK(format_csv(example()) ==
          "format,throughput [tokens/s],tile,pareto,status,message\r\n"
          "W4A4,7.2123456789,8,true,ok,\r\n"
          "\"a, \"\"b\"\"\nc\",,1024,false,does_not_fit,\"2110 DSP, of 1968\"\r\n");
}

TEST_CASE("progress shows speed without what was in the store, and the time left", "[sweeps]") {
    const ProgressState state{100, 60, 20, 4.0};  // 40 computed in 4 s
    const std::string line = format_progress(state, false);
    CHECK_THAT(line,
               Contains("60/100") && Contains("60 %") && Contains("10 points/s") && Contains("4 s left"));
    CHECK(line.size() < 80);
    CHECK(line.find('\x1b') == std::string::npos);
    CHECK(format_progress(state, true).find('\x1b') != std::string::npos);
    CHECK_THAT(format_progress({0, 0, 0, 0.0}, false), Contains("100 %"));
    CHECK(format_summary(state) == "60 of 100 points in 4.0 s: 40 computed (10 points/s), 20 from the store");
    CHECK(format_summary({100, 100, 0, 4.0, 2.25}) ==
          "100 points in 4.0 s: 100 computed (25 points/s), 0 from the store; numerics before that: 2.2 s");
    CHECK(format_summary({100, 100, 0, 4.0, 0.01}) ==
          "100 points in 4.0 s: 100 computed (25 points/s), 0 from the store");
}

TEST_CASE("a file is written whole or not at all", "[sweeps]") {
    const testing::ScratchFolder folder;
    const auto path = folder / "report.csv";
    SECTION("new and replaced") {
        write_file_atomically(path, "one");
        CHECK(testing::read_file(path) == "one");
        std::filesystem::permissions(path, std::filesystem::perms(0640));
        write_file_atomically(path, std::string("two\0three", 9));
        CHECK(testing::read_file(path) == std::string("two\0three", 9));
        CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms(0640));
        CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) ==
              1);  // nothing left beside
    }
    SECTION("missing folder") {
        try {
            write_file_atomically(folder / "missing/report.csv", "x");
            FAIL("no error");
        } catch (const FileError& error) {
            CHECK_THAT(error.what(), Contains("missing/report.csv") && Contains("No such file or directory"));
        }
    }
    SECTION("a folder in its place") {
        CHECK_THROWS_AS(write_file_atomically(folder.path(), "x"), FileError);
        CHECK(std::filesystem::is_directory(folder.path()));
    }
    SECTION("a symbolic link stays a link") {
        write_file_atomically(path, "old");
        std::filesystem::create_symlink(path, folder / "link");
        write_file_atomically(folder / "link", "new");
        CHECK(std::filesystem::is_symlink(folder / "link"));
        CHECK(testing::read_file(path) == "new");
    }
    SECTION("a device is written to, not replaced") {
        write_file_atomically("/dev/null", "x");
        CHECK(std::filesystem::is_character_file("/dev/null"));
    }
}
