// SPDX-License-Identifier: Apache-2.0
// Every timing rule of the command bus, alone, with the clocks of a hand-computed command sequence.
#include <algorithm>
#include <numeric>

#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/command_scheduler.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;
using Kind = DramCommandKind;

namespace {

// Where an access goes; rows and banks are chosen by the tests directly.
DramAddress at(int group, int bank, std::int64_t row, std::int64_t column = 0, int rank = 0) {
    return {0, rank, group, bank, row, column};
}

class Bench {
  public:
    explicit Bench(const DramSpecification& dram = ddr4(), const DramControllerPolicy& policy = {})
        : scheduler_(dram, policy) {
        scheduler_.record(log_);
    }
    void read(MemoryClock clock, const DramAddress& address) { add(clock, false, address); }
    void write(MemoryClock clock, const DramAddress& address) { add(clock, true, address); }

    // Clocks of all commands of a kind, in order.
    std::vector<MemoryClock> clocks(Kind kind) {
        scheduler_.drain();
        std::vector<MemoryClock> result;
        for (const auto& command : log_) {
            if (command.kind == kind) result.push_back(command.clock);
        }
        return result;
    }
    std::vector<MemoryClock> ends() {
        scheduler_.drain();
        for (const auto& done : tilewright::test::completions(scheduler_)) ends_.push_back(done.last);
        return ends_;
    }
    std::vector<DramCommand>& log() {
        scheduler_.drain();
        return log_;
    }
    DramCommandStatistics statistics() {
        scheduler_.drain();
        return scheduler_.statistics();
    }

  private:
    void add(MemoryClock clock, bool write, const DramAddress& address) {
        scheduler_.enqueue(clock, next_++, write, address);
    }
    DramCommandScheduler scheduler_;
    std::vector<DramCommand> log_;
    std::vector<MemoryClock> ends_;
    std::int64_t next_ = 0;
};

using Clocks = std::vector<MemoryClock>;

}  // namespace

TEST_CASE("RCD and CL: a read of a closed bank") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    CHECK(bench.clocks(Kind::activate) == Clocks{0});
    CHECK(bench.clocks(Kind::read) == Clocks{22});
    CHECK(bench.ends() == Clocks{22 + 22 + 4});
}

TEST_CASE("CWL: a write ends with its data") {
    Bench bench;
    bench.write(0, at(0, 0, 5));
    CHECK(bench.clocks(Kind::write) == Clocks{22});
    CHECK(bench.ends() == Clocks{22 + 16 + 4});
}

TEST_CASE("CCD_L: columns of one bank group") {
    Bench bench;
    bench.read(0, at(0, 0, 5, 0));
    bench.read(0, at(0, 0, 5, 1));
    CHECK(bench.clocks(Kind::read) == Clocks{22, 30});
    CHECK(bench.statistics().losses[static_cast<std::size_t>(DramLoss::bank_group)] == 4);
}

TEST_CASE("CCD_S: columns of two bank groups") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.read(0, at(1, 0, 5));
    bench.read(1000, at(0, 0, 5, 1));
    bench.read(1000, at(1, 0, 5, 1));
    CHECK(bench.clocks(Kind::read) == Clocks{22, 26, 1000, 1004});
}

TEST_CASE("RRD_S and RRD_L: activates of two banks") {
    Bench apart;
    apart.read(0, at(0, 0, 5));
    apart.read(0, at(1, 0, 5));
    CHECK(apart.clocks(Kind::activate) == Clocks{0, 4});
    Bench together;
    together.read(0, at(0, 0, 5));
    together.read(0, at(0, 1, 5));
    CHECK(together.clocks(Kind::activate) == Clocks{0, 8});
}

TEST_CASE("FAW: the fifth activate of a rank waits for the first to leave the window") {
    Bench bench;
    for (int group = 0; group < 4; ++group) bench.read(0, at(group, 0, 5));
    bench.read(0, at(0, 1, 5));
    bench.read(0, at(1, 1, 5));
    // At 34 the column of the fourth has the command bus.
    CHECK(bench.clocks(Kind::activate) == Clocks{0, 4, 8, 12, 35, 39});
    CHECK(bench.clocks(Kind::read) == Clocks{22, 26, 30, 34, 57, 61});
    CHECK(bench.statistics().losses[static_cast<std::size_t>(DramLoss::activate_window)] == 57 - 38);
}

TEST_CASE("RP: another row of an open bank") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.read(1000, at(0, 0, 6));
    CHECK(bench.clocks(Kind::precharge) == Clocks{1000});
    CHECK(bench.clocks(Kind::activate) == Clocks{0, 1022});
    CHECK(bench.clocks(Kind::read) == Clocks{22, 1044});
    CHECK(bench.statistics().row_conflicts == 1);
    CHECK(bench.statistics().losses[static_cast<std::size_t>(DramLoss::row_conflict)] == 44);
}

TEST_CASE("RAS and RC: a row that was just opened") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.read(0, at(0, 0, 6));
    CHECK(bench.clocks(Kind::precharge) == Clocks{52});
    CHECK(bench.clocks(Kind::activate) == Clocks{0, 74});
    auto dram = ddr4();
    dram.timing.rc = 90;
    Bench slow(dram);
    slow.read(0, at(0, 0, 5));
    slow.read(0, at(0, 0, 6));
    CHECK(slow.clocks(Kind::activate) == Clocks{0, 90});
}

TEST_CASE("RTP: a precharge behind a read") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.read(1000, at(0, 0, 5, 1));
    bench.read(1000, at(0, 0, 6));
    CHECK(bench.clocks(Kind::precharge) == Clocks{1012});
}

TEST_CASE("WR: a precharge behind a write") {
    Bench bench;
    bench.write(0, at(0, 0, 5));
    bench.write(1000, at(0, 0, 5, 1));
    bench.write(1000, at(0, 0, 6));
    CHECK(bench.clocks(Kind::precharge) == Clocks{1000 + 16 + 4 + 24});
}

TEST_CASE("WTR_S and WTR_L: a read behind a write") {
    for (const auto& [group, clock] : {std::pair{1, 1000 + 16 + 4 + 4}, std::pair{0, 1000 + 16 + 4 + 12}}) {
        Bench bench;
        bench.read(0, at(0, 0, 5));
        bench.read(0, at(1, 0, 5));
        bench.write(1000, at(0, 0, 5, 1));
        bench.read(1001, at(group, 0, 5, 2));
        CHECK(bench.clocks(Kind::write) == Clocks{1000});
        CHECK(bench.clocks(Kind::read).back() == clock);
        CHECK(bench.statistics().losses[static_cast<std::size_t>(DramLoss::turnaround)] == clock - 1004);
    }
}

TEST_CASE("a write behind a read leaves the pins idle for the turnaround") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.read(1000, at(0, 0, 5, 1));
    bench.write(1001, at(0, 0, 5, 2));
    CHECK(bench.clocks(Kind::write) == Clocks{1000 + 22 + 4 + 2 - 16});
    CHECK(bench.statistics().turnarounds == 1);
}

TEST_CASE("REFI and RFC: open rows are closed for a refresh, and opened again behind it") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.read(12490, at(0, 0, 5, 1));
    CHECK(bench.clocks(Kind::precharge_all) == Clocks{12480});
    CHECK(bench.clocks(Kind::refresh) == Clocks{12502});
    CHECK(bench.clocks(Kind::activate) == Clocks{0, 12502 + 560});
    CHECK(bench.clocks(Kind::read) == Clocks{22, 12502 + 560 + 22});
    // From 12490 to the activate; opening the row is counted as the refresh's too, which closed it.
    CHECK(bench.statistics().losses[static_cast<std::size_t>(DramLoss::refresh)] == 13084 - 12490);
}

TEST_CASE("a refresh that is due lets columns pass that do not delay it") {
    Bench bench;
    bench.read(12470, at(0, 0, 5));
    CHECK(bench.clocks(Kind::read) == Clocks{12492});
    bench.read(12600, at(0, 0, 5));
    bench.clocks(Kind::read);
    CHECK(bench.clocks(Kind::precharge_all) == Clocks{12470 + 52});
    CHECK(bench.clocks(Kind::refresh) == Clocks{12470 + 52 + 22});
}

TEST_CASE("an idle channel is refreshed every REFI") {
    Bench bench;
    bench.read(50000, at(0, 0, 5));
    CHECK(bench.clocks(Kind::refresh) == Clocks{12480, 24960, 37440, 49920});
    CHECK(bench.clocks(Kind::activate) == Clocks{49920 + 560});
}

TEST_CASE("a long pause is left out and its refreshes are counted") {
    for (const MemoryClock phase : {0, 100, 400, 6000, 12479}) {
        const MemoryClock far = 12480 * std::int64_t{50'000'000'000} + phase;
        const MemoryClock near = 12480 * 3 + phase;
        Bench recorded;  // gives every command
        recorded.read(0, at(0, 0, 5));
        recorded.read(near, at(1, 0, 5));
        DramCommandScheduler scheduler(ddr4(), {});
        scheduler.enqueue(0, 0, false, at(0, 0, 5));
        scheduler.enqueue(far, 1, false, at(1, 0, 5));
        scheduler.drain();
        CHECK(tilewright::test::completions(scheduler).back().last - far == recorded.ends().back() - near);
        CHECK(scheduler.statistics().refreshes == recorded.statistics().refreshes + far / 12480 - 3);
    }
}

TEST_CASE("ranks leave a gap between their data and are timed apart otherwise") {
    auto dram = ddr4();
    dram.organization.ranks = 2;
    Bench bench(dram);
    bench.read(0, at(0, 0, 5, 0, 0));
    bench.read(0, at(0, 0, 5, 0, 1));
    bench.read(1000, at(0, 0, 5, 1, 0));
    bench.read(1000, at(0, 0, 5, 1, 1));
    CHECK(bench.clocks(Kind::activate) == Clocks{0, 1});
    CHECK(bench.clocks(Kind::read) == Clocks{22, 28, 1000, 1006});
    Bench turned(dram);
    turned.read(0, at(0, 0, 5, 0, 0));
    turned.read(0, at(0, 0, 5, 0, 1));
    turned.write(1000, at(0, 0, 5, 1, 0));
    turned.read(1001, at(0, 0, 5, 1, 1));
    CHECK(turned.clocks(Kind::read).back() == 1001);  // its data come two clocks behind those of the write
}

TEST_CASE("closed page: every access closes its row") {
    DramControllerPolicy policy;
    policy.page = PagePolicy::closed;
    Bench bench(ddr4(), policy);
    bench.read(0, at(0, 0, 5));
    bench.read(0, at(0, 0, 5, 1));
    bench.write(1000, at(0, 0, 6));
    bench.read(2000, at(0, 0, 6, 1));
    CHECK(bench.clocks(Kind::activate) == Clocks{0, 74, 1000, 2000});
    CHECK(bench.clocks(Kind::read_precharge) == Clocks{22, 96, 2022});
    CHECK(bench.clocks(Kind::write_precharge) == Clocks{1022});
    CHECK(bench.clocks(Kind::precharge).empty());
    CHECK(bench.statistics().row_misses == 4);
    CHECK(bench.statistics().row_hits == 0);
    auto dram = ddr4();
    dram.timing.ras = 22;
    dram.timing.rc = 44;
    Bench quick(dram, policy);
    quick.read(0, at(0, 0, 5));
    quick.read(0, at(0, 0, 5, 1));
    CHECK(quick.clocks(Kind::activate) == Clocks{0, 22 + 12 + 22});
}

TEST_CASE("of the accesses whose command may be given the oldest goes first") {
    // The row was just opened and may not be closed before RAS: two that hit it overtake an older conflict.
    Bench hit;
    hit.read(0, at(0, 0, 5));
    hit.read(0, at(0, 0, 6));
    hit.read(0, at(0, 0, 5, 1));
    hit.read(0, at(0, 0, 5, 2));
    CHECK(hit.clocks(Kind::read) == Clocks{22, 30, 38, 52 + 22 + 22});
    CHECK(hit.statistics().row_hits == 2);
    // It may be closed at once: the older conflict goes first and the younger access misses.
    Bench conflict;
    conflict.read(0, at(0, 0, 5));
    conflict.read(1000, at(0, 0, 6));
    conflict.read(1000, at(0, 0, 5, 1));
    CHECK(conflict.clocks(Kind::read) == Clocks{22, 1000 + 22 + 22, 1000 + 22 + 52 + 22 + 22});
    CHECK(conflict.statistics().row_hits == 0);
}

TEST_CASE("a row that was opened for an access stays open until that access has been served") {
    Bench bench;
    bench.write(0, at(0, 0, 5));
    bench.read(1, at(0, 0, 6));  // from here on reads are served
    CHECK(bench.clocks(Kind::activate).size() == 2);
    CHECK(bench.clocks(Kind::write) == Clocks{22});
    CHECK(bench.clocks(Kind::precharge) == Clocks{22 + 16 + 4 + 24});
}

TEST_CASE("writes wait for the high watermark and are drained to the low one") {
    const auto first_column = [](int writes) {
        Bench bench;
        for (int i = 0; i < 32; ++i) bench.read(0, at(i % 4, 0, 5, i));
        for (int i = 0; i < writes; ++i) bench.write(0, at(i % 4, 1, 5, i));
        std::vector<DramCommand> columns;
        for (const auto& command : bench.log()) {
            if (command.kind == Kind::read || command.kind == Kind::write) columns.push_back(command);
        }
        const auto batch = std::find_if(columns.begin(), columns.end(), [&](const auto& command) {
            return command.kind != columns.front().kind;
        });
        return std::pair{columns.front().kind, batch - columns.begin()};
    };
    // 0.8 of 32 is 25.6; 0.2 of 32 is 6.4.
    CHECK(first_column(25) == std::pair{Kind::read, std::ptrdiff_t{32}});
    CHECK(first_column(26) == std::pair{Kind::write, std::ptrdiff_t{20}});
    CHECK(first_column(32) == std::pair{Kind::write, std::ptrdiff_t{26}});
}

TEST_CASE("a read of a posted write is answered from the queue; a write waits for older reads") {
    Bench bench;
    bench.read(0, at(0, 0, 5));
    bench.write(0, at(1, 0, 5));
    bench.read(1, at(1, 0, 5));
    CHECK(bench.statistics().forwarded_reads == 1);
    CHECK(bench.ends().front() == 2);
    Bench ordered;
    ordered.read(0, at(0, 0, 5));
    for (int i = 0; i < 32; ++i) ordered.write(0, at(0, 0, 5, i));
    const auto reads = ordered.clocks(Kind::read);
    CHECK(reads.size() == 1);
    // The write of the same column is the oldest, and comes behind the read.
    std::int64_t clock_of_write = 0;
    for (const auto& command : ordered.log()) {
        if (command.kind == Kind::write) clock_of_write = std::max(clock_of_write, command.clock);
    }
    CHECK(clock_of_write > reads.front());
}

TEST_CASE("queues are bounded and say when they accept again") {
    DramCommandScheduler scheduler(ddr4(), {});
    for (int i = 0; i < 32; ++i) {
        CHECK(scheduler.accepts(false));
        scheduler.enqueue(0, i, false, at(0, 0, 5, i));
    }
    CHECK_FALSE(scheduler.accepts(false));
    CHECK(scheduler.accepts(true));
    // An access leaves its queue with its activate, or with its column if its row is open already.
    CHECK(scheduler.advance_until_accepts(false) == 1);
    scheduler.enqueue(1, 32, false, at(0, 0, 5, 32));
    CHECK(scheduler.advance_until_accepts(false) == 22 + 8 + 1);
}

TEST_CASE("data and losses add up to the time of a run") {
    Bench bench;
    for (int i = 0; i < 30; ++i) bench.read(100 * i, at(i % 4, i % 3, i % 5, i));
    for (int i = 0; i < 30; ++i) bench.write(3000 + 777 * i, at(i % 4, i % 3, i % 5, i));
    const auto statistics = bench.statistics();
    const auto lost = std::accumulate(statistics.losses.begin(), statistics.losses.end(), MemoryClock{0});
    CHECK(statistics.data == 60 * 4);
    CHECK(statistics.data + lost == statistics.last_data - statistics.first_arrival);
    CHECK(statistics.row_hits + statistics.row_misses + statistics.row_conflicts == 60);
}
