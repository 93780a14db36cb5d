// SPDX-License-Identifier: Apache-2.0
// Random traffic through random DRAM: no rule of the command bus is ever broken, nothing is lost, nothing is
// faster than physics.
#include <algorithm>
#include <numeric>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "command_checker.hpp"
#include "dram_fixtures.hpp"
#include "memory/dram/command_scheduler.hpp"
#include "memory/dram/dram_trace.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;
using tilewright::test::first_violation;

namespace {

// Timings and organisations around those of DDR4, in which any rule may be the one that binds.
DramSpecification random_dram() {
    auto dram = ddr4();
    auto& o = dram.organization;
    o.ranks = *rc::gen::element(1, 2, 4);
    o.bank_groups = *rc::gen::element(1, 2, 4);
    o.banks_per_group = *rc::gen::element(1, 2, 4);
    o.row_bytes = *rc::gen::element(std::int64_t{512}, std::int64_t{2048}, std::int64_t{8192});
    o.channel_bytes = o.row_bytes * o.ranks * o.banks_per_rank() * 64;
    auto& t = dram.timing;
    t.burst_length = *rc::gen::element(4, 8, 16);
    t.cl = *rc::gen::inRange(10, 40);
    t.cwl = *rc::gen::inRange(4, t.cl);
    t.rcd = *rc::gen::inRange(5, 40);
    t.rp = *rc::gen::inRange(5, 40);
    t.rp_all = t.rp + *rc::gen::inRange(0, 8);
    t.ras = t.rcd + *rc::gen::inRange(0, 60);
    t.rc = t.ras + t.rp + *rc::gen::inRange(0, 20);
    t.rtp = *rc::gen::inRange(2, 20);
    t.wr = *rc::gen::inRange(2, 40);
    t.wtr_s = *rc::gen::inRange(1, 12);
    t.wtr_l = t.wtr_s + *rc::gen::inRange(0, 12);
    t.ccd_s = *rc::gen::inRange(1, 9);
    t.ccd_l = t.ccd_s + *rc::gen::inRange(0, 6);
    t.rrd_s = *rc::gen::inRange(1, 12);
    t.rrd_l = t.rrd_s + *rc::gen::inRange(0, 8);
    t.faw = t.rrd_s + *rc::gen::inRange(0, 60);
    t.rtw_gap = *rc::gen::inRange(0, 4);
    t.rank_gap = *rc::gen::inRange(0, 5);
    t.rfc = *rc::gen::inRange(50, 600);
    t.refi = 1000 + *rc::gen::inRange(0, 4000);
    return dram;
}

DramControllerPolicy random_policy() {
    DramControllerPolicy policy;
    policy.page = *rc::gen::element(PagePolicy::open, PagePolicy::closed);
    policy.read_queue = *rc::gen::inRange(1, 40);
    policy.write_queue = *rc::gen::inRange(1, 40);
    policy.write_low_watermark = *rc::gen::inRange(0, 50) * 0.01;
    policy.write_high_watermark = policy.write_low_watermark + *rc::gen::inRange(0, 50) * 0.01;
    return policy;
}

struct Traffic {
    MemoryClock clock = 0;
    bool write = false;
    std::int64_t address = 0;
};

// Bursts and pauses, nearby and distant addresses, with repetitions.
std::vector<Traffic> random_traffic(const DramSpecification& dram) {
    const auto mean_gap = *rc::gen::element(0, 1, 8, 60);
    const auto writes = *rc::gen::element(0, 20, 50, 100);
    const auto jumps = *rc::gen::element(1, 20, 100);
    const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, int, std::uint32_t>>>(
        400, rc::gen::tuple(rc::gen::inRange(0, 2 * mean_gap + 1), rc::gen::inRange(0, 100),
                            rc::gen::inRange(0, 100), rc::gen::arbitrary<std::uint32_t>()));
    std::vector<Traffic> traffic;
    MemoryClock clock = 0;
    std::int64_t address = 0;
    for (const auto& [gap, direction, jump, where] : steps) {
        clock += gap;
        address += dram.access_bytes();
        if (jump < jumps) address = where * dram.access_bytes();
        address %= dram.capacity_bytes();
        traffic.push_back({clock, direction < writes, address});
    }
    return traffic;
}

struct Run {
    std::vector<DramCommand> commands;
    std::vector<MemoryClock> arrivals;
    std::vector<MemoryClock> ends;
    DramCommandStatistics statistics;
};

Run run(const DramSpecification& dram, const DramControllerPolicy& policy, const std::string& mapping_name,
        const std::vector<Traffic>& traffic) {
    const AddressMapping mapping(mapping_name, dram);
    DramCommandScheduler scheduler(dram, policy);
    Run result;
    scheduler.record(result.commands);
    result.ends.assign(traffic.size(), -1);
    MemoryClock source = 0;
    for (std::size_t i = 0; i < traffic.size(); ++i) {
        source = std::max(source, traffic[i].clock);
        scheduler.advance(source);
        source = std::max(source, scheduler.advance_until_accepts(traffic[i].write));
        scheduler.enqueue(source, static_cast<std::int64_t>(i), traffic[i].write,
                          mapping.decode(traffic[i].address));
        result.arrivals.push_back(source);
    }
    scheduler.drain();
    for (const auto& done : tilewright::test::completions(scheduler)) {
        auto& end = result.ends[static_cast<std::size_t>(done.id)];
        RC_ASSERT(end == -1);  // completed once
        end = done.last;
    }
    result.statistics = scheduler.statistics();
    return result;
}

}  // namespace

TEST_CASE("random traffic breaks no rule, loses nothing and beats no limit") {
    const auto outcome = rc::check("commands, conservation, limits", [] {
        const auto dram = random_dram();
        const auto policy = random_policy();
        const auto mapping = *rc::gen::element<std::string>("RoBaRaCoCh", "ChRaBaRoCo", "RoBaRaCoBgCh",
                                                            "MOP4CLXOR", "RoCoRaBaCh");
        const auto traffic = random_traffic(dram);
        const auto result = run(dram, policy, mapping, traffic);
        RC_ASSERT(first_violation(result.commands, dram) == "");

        const auto& t = dram.timing;
        const auto& statistics = result.statistics;
        std::int64_t forwarded = 0;
        for (std::size_t i = 0; i < traffic.size(); ++i) {
            const auto latency = result.ends[i] - result.arrivals[i];
            if (!traffic[i].write && latency == 1) {
                ++forwarded;
                continue;
            }
            RC_ASSERT(latency >= (traffic[i].write ? t.cwl : t.cl) + t.data_clocks());
        }
        RC_ASSERT(forwarded == statistics.forwarded_reads);
        const auto accesses = static_cast<std::int64_t>(traffic.size()) - forwarded;
        RC_ASSERT(statistics.reads + statistics.writes == accesses);
        RC_ASSERT(statistics.row_hits + statistics.row_misses + statistics.row_conflicts == accesses);
        RC_ASSERT(statistics.data <= accesses * t.data_clocks());
        const auto span = statistics.last_data - statistics.first_arrival;
        RC_ASSERT(accesses == 0 || span >= accesses * t.data_clocks());
        const auto lost = std::accumulate(statistics.losses.begin(), statistics.losses.end(), MemoryClock{0});
        RC_ASSERT(statistics.data + lost == span);
        // Only a change of direction may find a row open that was opened for an access of the other queue.
        const bool one_way = statistics.reads == 0 || statistics.writes == 0;
        if (policy.page == PagePolicy::closed && one_way) RC_ASSERT(statistics.row_conflicts == 0);
    });
    CHECK(outcome);
}

TEST_CASE("the checker sees a rule broken") {
    const auto dram = ddr4();
    const auto command = [](MemoryClock clock, DramCommandKind kind, int group, std::int64_t row) {
        return DramCommand{clock, kind, 0, group, 0, row};
    };
    using Kind = DramCommandKind;
    CHECK(first_violation({command(0, Kind::activate, 0, 1), command(22, Kind::read, 0, 1)}, dram).empty());
    CHECK(first_violation({command(0, Kind::activate, 0, 1), command(21, Kind::read, 0, 1)}, dram) ==
          "tRCD violated by R at clock 21");
    CHECK(first_violation({command(0, Kind::activate, 0, 1), command(3, Kind::activate, 1, 1)}, dram) ==
          "tRRD_S violated by A at clock 3");
    CHECK(first_violation({command(0, Kind::activate, 0, 1), command(22, Kind::read, 0, 2)}, dram) ==
          "column of the open row violated by R at clock 22");
}

TEST_CASE("requests of any size and place are split, and all of their bytes are counted") {
    CHECK(rc::check("split", [] {
        auto dram = ddr4();
        dram.organization.channels = *rc::gen::element(1, 2, 4);
        std::vector<DramTraceRequest> requests;
        MemoryClock clock = 0;
        std::int64_t accesses = 0;
        std::int64_t bytes = 0;
        for (int i = 0; i < 40; ++i) {
            clock += *rc::gen::inRange(0, 50);
            // Far apart, so that no read meets a posted write.
            const auto address = i * 100000 + *rc::gen::inRange(0, 200);
            const auto size = *rc::gen::inRange(1, 5000);
            requests.push_back({clock, *rc::gen::arbitrary<bool>(), address, size});
            accesses += (address + size - 1) / 64 - address / 64 + 1;
            bytes += size;
        }
        const auto result = run_dram_trace(dram, {}, AddressMapping("RoBaRaCoCh", dram), requests);
        RC_ASSERT(result.channels.reads + result.channels.writes == accesses);
        RC_ASSERT(result.read_bytes + result.write_bytes == bytes);
        RC_ASSERT(result.reads + result.writes == 40);
        const auto& losses = result.channels.losses;
        const auto lost = std::accumulate(losses.begin(), losses.end(), MemoryClock{0});
        RC_ASSERT(result.channels.data + lost == result.cycles() * dram.organization.channels);
        // A read of a closed row and its data, or more.
        if (result.reads > 0) RC_ASSERT(result.read_latency_min >= 22 + 4);
    }));
}
