// SPDX-License-Identifier: Apache-2.0
// Episodes are the same as command by command, to the clock.
#include <cstdint>
#include <memory>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "burst_runs.hpp"
#include "dram_fixtures.hpp"
#include "memory/dram/burst_queue.hpp"
#include "memory/dram/episode_queue.hpp"

using namespace tilewright::memory;
using namespace tilewright::test;

TEST_CASE("episodes that come again end where command by command they end, and are worked out once") {
    CHECK(rc::check("episodes", [] {
        const auto dram = ddr4(std::int64_t{1} << 28);
        DramControllerPolicy policy;
        policy.refreshes_postponed = *rc::gen::element(0, 8);
        policy.packet_accesses = 4;
        const AddressMapping mapping("RoBaRaCoBgCh", dram);
        // Over and over again: a few reads, and perhaps a write and a read of what lies beside it.
        const auto bytes = *rc::gen::element(4096, 8192, 7744);
        const auto gap = 4 * *rc::gen::inRange(50, 400);
        const auto reads = *rc::gen::inRange(1, 5);
        const auto together = *rc::gen::inRange(1, 3);
        const bool writes = *rc::gen::element(false, true);
        std::vector<DramBurstQueue::Burst> bursts;
        MemoryClock clock = 100;
        std::int64_t weights = 0;
        std::int64_t state = dram.organization.channel_bytes / 2;
        const auto add = [&](std::int64_t address, std::int64_t length, bool write) {
            const auto id = static_cast<std::int64_t>(bursts.size());
            bursts.push_back({id, clock, address, length, write, clock + length / 8});
        };
        for (int turn = 0; turn < 60; ++turn) {
            for (int i = 0; i < reads; ++i) {
                for (int j = 0; j < together; ++j, weights += bytes) add(weights, bytes, false);
                clock += gap;
            }
            if (!writes) continue;
            add(state, 8192, true);
            add(state + 8704, 8192, false);
            state += 8704;
            clock += 1200;
        }
        const auto slow = run(DramBurstQueue(dram, policy, mapping, false), bursts, 96, 1, true);
        const auto store = std::make_shared<DramEpisodeStore>(*rc::gen::element(1, 2));
        std::size_t known = 0;
        for (int times = 0; times < 3; ++times) {
            known = store->size();
            const auto leaps = run(DramEpisodeQueue(dram, policy, mapping, store), bursts, 96, 50, false);
            check_same(leaps, slow);
        }
        // The third run finds most of them: the second one works those out to their end that others joined in
        // the first one, and of what joins an episode that is known, more can be told to be alike.
        RC_ASSERT(store->size() <= known + known / 2 + 4);
        // Few, if the channel has time to rest: by rows, by what follows a refresh, and by where one falls
        // in, if it is not put off.
        if (gap < together * 600) return;
        RC_ASSERT(known > 0U);
        if (!writes && policy.refreshes_postponed > 0) RC_ASSERT(known < bursts.size() / 2);
    }));
}

TEST_CASE("an episode stands for several clocks at which a refresh comes due") {
    const auto dram = ddr4(std::int64_t{1} << 28);
    const AddressMapping mapping("RoBaRaCoBgCh", dram);
    // Clock by clock the refresh comes due sooner after a read of 128 accesses begins.
    std::vector<DramBurstQueue::Burst> bursts;
    for (std::int64_t i = 0; i < 500; ++i) {
        const auto arrival = (i + 1) * (dram.timing.refi + 1) - 550;
        bursts.push_back({i, arrival, 65536 * i, 8192, false, arrival});
    }
    const auto slow = run(DramBurstQueue(dram, {}, mapping, false), bursts, 96, 1, false);
    const auto store = std::make_shared<DramEpisodeStore>();
    const auto leaps = run(DramEpisodeQueue(dram, {}, mapping, store), bursts, 96, 50, false);
    CHECK(leaps.served == slow.served);
    CHECK(same(leaps.statistics, slow.statistics));
    // Four, as a column is given every fourth clock; one by one before the first column.
    CHECK(store->size() > 120);
    CHECK(store->size() < 170);
}

TEST_CASE("an episode that others join each time is worked out by itself once") {
    const auto dram = ddr4(std::int64_t{1} << 28);
    const AddressMapping mapping("RoBaRaCoBgCh", dram);
    // A read of 128 accesses, into which a refresh falls, and another one before it is done; each time alike.
    std::vector<DramBurstQueue::Burst> bursts;
    for (std::int64_t i = 0; i < 40; i += 2) {
        const auto arrival = (i + 1) * dram.timing.refi - 300;
        bursts.push_back({i, arrival, 65536 * i, 8192, false, arrival});
        bursts.push_back({i + 1, arrival + 600, 65536 * i + 8192, 8192, false, arrival + 600});
    }
    const auto slow = run(DramBurstQueue(dram, {}, mapping, false), bursts, 96, 1, false);
    const auto episodes = [&](std::size_t repetitions) {
        const auto some =
            std::vector(bursts.begin(), bursts.begin() + 2 * static_cast<std::ptrdiff_t>(repetitions));
        const auto store = std::make_shared<DramEpisodeStore>();
        const auto leaps = run(DramEpisodeQueue(dram, {}, mapping, store), some, 96, 50, false);
        for (const auto& [id, data] : leaps.served) CHECK(data == slow.served.at(id));
        return store->size();
    };
    // The first finds other rows than those behind it.
    const auto both = episodes(2);
    const auto alone_too = episodes(3);
    CHECK(alone_too == both + 1);
    CHECK(episodes(20) == alone_too);
}

TEST_CASE("episodes: bursts that were once taken for others") {
    using Bursts = std::vector<DramBurstQueue::Burst>;
    const auto check = [](const DramSpecification& dram, const DramControllerPolicy& policy,
                          const Bursts& bursts, MemoryClock ahead, MemoryClock stride,
                          const std::vector<MemoryClock>& early = {}) {
        const AddressMapping mapping("RoBaRaCoBgCh", dram);
        const auto slow = run(DramBurstQueue(dram, policy, mapping, false), bursts, ahead, 1, false);
        const auto leaps = run(DramEpisodeQueue(dram, policy, mapping), bursts, ahead, stride, false, early);
        CHECK(leaps.served == slow.served);
        CHECK(leaps.accepted == slow.accepted);
        CHECK(same(leaps.statistics, slow.statistics));
    };
    // A read that comes before one that is known already.
    check(ddr4(), {},
          {{0, 1000, 0, 640, false, 1000},
           {1, 5000, 1 << 20, 4096, true, 6000},
           {2, 5500, 2 << 20, 640, false, 5500},
           {3, 5200, 3 << 20, 640, false, 5200}},
          100, 50, {300, 300, 700, 0});
    // A write that comes in the last clock of a refresh for which a read waits.
    for (const MemoryClock arrival : {13059, 13060, 13061, 13062}) {
        check(ddr4(), {},
              {{0, 1000, 0, 640, true, 1000},
               {1, 12600, 65536, 640, false, 12600},
               {2, arrival, 131072, 640, true, arrival}},
              96, 50);
    }
    // Another row of the same banks just before a refresh: the second time a row is open in a bank that no
    // read goes to, and has to be closed for it.
    const auto place = [](std::int64_t row, std::int64_t bank) { return (row * 4 + bank) * 32768; };
    const MemoryClock refi = ddr4().timing.refi;
    check(ddr4(std::int64_t{1} << 28), {},
          {{0, refi + 3000, place(0, 0), 512, false, 0},
           {1, 2 * refi - 4, place(1, 0), 512, false, 0},
           {2, 2 * refi + 3000, place(0, 0), 512, false, 0},
           {3, 2 * refi + 6000, place(0, 1), 512, false, 0},
           {4, 3 * refi - 4, place(1, 0), 512, false, 0}},
          100, 50);
    // A read of what is being written, behind one that waits for a refresh.
    auto slower = ddr4();
    slower.timing.refi = 3900;
    slower.timing.cl = 36;
    slower.timing.cwl = 12;
    slower.timing.rp_all = 30;
    slower.organization.banks_per_group = 2;
    DramControllerPolicy policy;
    policy.read_queue = 64;
    policy.refreshes_postponed = 2;
    check(slower, policy,
          {{0, 1000, 0, 64, false, 1000},
           {1, 456864, 55574592, 64, true, 456868},
           {2, 460255, 636864, 2858, false, 460255},
           {3, 460284, 196608, 9793, true, 460896},
           {4, 460654, 196608, 53, false, 460654}},
          400, 37);
}

TEST_CASE("figures in the middle of an episode are those of the clock") {
    const auto dram = ddr4();
    for (const auto postponed : {0, 8}) {
        DramControllerPolicy policy;
        policy.refreshes_postponed = postponed;
        const AddressMapping mapping("RoBaRaCoBgCh", dram);
        for (MemoryClock clock = 12380; clock < 13600; clock += 45) {
            CAPTURE(postponed, clock);
            DramBurstQueue slow(dram, policy, mapping, false);
            DramEpisodeQueue leaps(dram, policy, mapping);
            for (const auto& burst : {DramBurstQueue::Burst{0, 100, 0, 640, false, 100},
                                      DramBurstQueue::Burst{1, 12400, 65536, 4096, false, 12400}}) {
                slow.add(burst);
                leaps.add(burst);
            }
            slow.advance(clock);
            leaps.advance(clock);
            CHECK(same(leaps.statistics(), slow.statistics()));
        }
    }
}
