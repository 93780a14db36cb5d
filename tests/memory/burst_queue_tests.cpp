// SPDX-License-Identifier: Apache-2.0
// Bursts in front of the controller: runs in closed form are the same as command by command, to the clock.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "burst_runs.hpp"
#include "dram_fixtures.hpp"
#include "memory/dram/burst_queue.hpp"
#include "memory/dram/episode_queue.hpp"

using namespace tilewright::memory;
using namespace tilewright::test;

TEST_CASE("bursts in closed form end where command by command they end, to the clock") {
    CHECK(rc::check("runs", [] {
        auto dram = ddr4(std::int64_t{1} << 26);
        dram.organization.ranks = *rc::gen::element(1, 1, 2);
        dram.organization.bank_groups = *rc::gen::element(1, 2, 4);
        if (dram.organization.bank_groups == 1) dram.timing.ccd_l = dram.timing.ccd_s;
        dram.organization.row_bytes =
            *rc::gen::element(std::int64_t{512}, std::int64_t{2048}, std::int64_t{8192});
        dram.timing.refi = *rc::gen::element(1500, 12480);
        DramControllerPolicy policy;
        policy.page =
            *rc::gen::element(PagePolicy::open, PagePolicy::open, PagePolicy::open, PagePolicy::closed);
        policy.read_queue = *rc::gen::element(1, 4, 8, 32);
        policy.write_queue = *rc::gen::element(1, 4, 8, 32);
        policy.refreshes_postponed = *rc::gen::element(0, 0, 1, 8);
        policy.packet_accesses = *rc::gen::element(1, 4);
        policy.write_low_watermark = *rc::gen::element(0.0, 0.2);
        policy.write_high_watermark = *rc::gen::element(0.5, 0.8, 1.0);
        const auto mapping = *rc::gen::element<std::string>("RoBaRaCoBgCh", "RoBaRaCoBgCh", "RoRaBaCoBgCh",
                                                            "RoBaRaCoCh", "MOP4CLXOR", "ChRaBaRoCo");
        const auto bursts = random_bursts(dram);
        const auto ahead = *rc::gen::element<MemoryClock>(1, 96, 400);
        const auto stride = *rc::gen::element<MemoryClock>(1, 37, 500);
        const AddressMapping decoder(mapping, dram);
        std::vector<MemoryClock> early;  // some are known long before they come
        const auto longest = *rc::gen::element<MemoryClock>(0, 0, 300, 2000);
        for (std::size_t i = 0; i < bursts.size(); ++i) {
            early.push_back(longest == 0 ? 0 : *rc::gen::inRange<MemoryClock>(0, longest));
        }
        const auto slow = run(DramBurstQueue(dram, policy, decoder, false), bursts, ahead, 1, true, early);
        const auto fast =
            run(DramBurstQueue(dram, policy, decoder), bursts, ahead, std::min(stride, ahead), true, early);
        check_same(fast, slow);
        const auto asks = *rc::gen::element(false, false, true);
        const auto store = std::make_shared<DramEpisodeStore>(*rc::gen::element(1, 2));
        const auto leaps = run(DramEpisodeQueue(dram, policy, decoder, store), bursts, ahead,
                               std::min(stride, ahead), asks, early);
        check_same(leaps, slow);
        // The same again, where all of it is known.
        const auto again = run(DramEpisodeQueue(dram, policy, decoder, store), bursts, ahead,
                               std::min(stride, ahead), asks, early);
        check_same(again, slow);
        // What is neither data nor a loss while work is there is the latency of the last columns before a
        // pause.
        const auto& losses = fast.statistics.losses;
        const auto idle = losses[static_cast<std::size_t>(DramLoss::idle)];
        const auto lost = std::accumulate(losses.begin(), losses.end(), MemoryClock{0}) - idle;
        RC_ASSERT(fast.busy >= fast.statistics.data + lost);
        RC_ASSERT(fast.busy <= fast.statistics.last_data - fast.statistics.first_arrival);
        RC_ASSERT(fast.served.size() == bursts.size());
    }));
}

TEST_CASE("written data are in the queue packet by packet") {
    const auto dram = ddr4();
    for (const auto packet : {1, 4}) {
        CAPTURE(packet);
        DramControllerPolicy policy;
        policy.packet_accesses = packet;
        DramBurstQueue queue(dram, policy, AddressMapping("RoBaRaCoBgCh", dram));
        // Eight accesses, one every 100 clocks: the second packet of four is whole at 800.
        queue.add({0, 0, 0, 512, true, 800});
        queue.advance(5000);
        const auto served = taken(queue, &DramBurstQueue::take_served);
        REQUIRE(served.size() == 1);
        // Row, column, data behind the first packet; of the last one all rows are open.
        CHECK(served.front().first_data == 100 * packet + 22 + 16 + 4);
        CHECK(served.front().last_data == 800 + (packet - 1) * 4 + 16 + 4);
        const auto accepted = taken(queue, &DramBurstQueue::take_accepted);
        REQUIRE(accepted.size() == 1);
        CHECK(accepted.front().clock == 800);
    }
}

TEST_CASE("a refresh that comes due before any written data have come waits for none") {
    const auto dram = ddr4();
    DramControllerPolicy policy;
    policy.refreshes_postponed = 1;
    policy.packet_accesses = 4;
    const AddressMapping mapping("RoBaRaCoBgCh", dram);
    std::vector<DramBurstQueue::Burst> bursts = {{0, 100, 0, 512, false, 100}};
    for (const MemoryClock before : {30, 6, 3, 20}) {  // clocks from the arrival to the refresh
        const auto id = static_cast<std::int64_t>(bursts.size());
        const auto arrival = id * dram.timing.refi - before;
        bursts.push_back({id, arrival, 512 * id, 512, true, arrival + 100});
    }
    const auto slow = run(DramBurstQueue(dram, policy, mapping, false), bursts, 96, 1, false);
    const auto leaps = run(DramEpisodeQueue(dram, policy, mapping), bursts, 96, 50, false);
    CHECK(leaps.served == slow.served);
    CHECK(leaps.accepted == slow.accepted);
    CHECK(same(leaps.statistics, slow.statistics));
}

TEST_CASE("columns of two ranks may follow each other faster than those of one") {
    auto dram = ddr4();
    dram.organization.ranks = 2;
    dram.organization.bank_groups = 1;
    dram.organization.row_bytes = 512;
    dram.timing.ccd_s = dram.timing.ccd_l = 8;
    // Half of it in each rank, the second time in open rows; what is served is foreseen, says run().
    const auto queue = DramBurstQueue(dram, {}, AddressMapping("RoBaRaCoCh", dram), false);
    const auto slow =
        run(queue, {{0, 100, 256, 512, false, 100}, {1, 1000, 256, 512, false, 1000}}, 96, 1, true);
    REQUIRE(slow.served.size() == 2);
    CHECK(slow.served.at(1).second < 1000 + 7 * 8 + 22 + 4);
}
