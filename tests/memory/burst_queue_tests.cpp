// SPDX-License-Identifier: Apache-2.0
// Bursts in front of the controller: runs in closed form are the same as command by command, to the clock.
#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <tuple>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "dram_fixtures.hpp"
#include "memory/dram/burst_queue.hpp"
#include "memory/dram/episode_queue.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

struct Outcome {
    std::map<std::int64_t, std::pair<MemoryClock, MemoryClock>> served;  // first and last data
    std::map<std::int64_t, MemoryClock> accepted;
    DramCommandStatistics statistics;
    MemoryClock busy = 0;
};

template <typename Queue, typename Item>
std::vector<Item> taken(Queue& queue, void (Queue::*take)(std::vector<Item>&)) {
    std::vector<Item> items;
    (queue.*take)(items);
    return items;
}

// Bursts that are added `ahead` clocks before they arrive, with time advancing from one to the next in
// `strides`.
// `early`: how much sooner than that each of them is added, if at all.
template <typename Queue>
Outcome run(Queue queue, std::vector<DramBurstQueue::Burst> bursts, MemoryClock ahead, MemoryClock stride,
            bool asks_for_room, const std::vector<MemoryClock>& early = {}) {
    const auto last_arrival = bursts.back().arrival;
    const auto added = [&](const DramBurstQueue::Burst& burst) {
        return burst.arrival - (early.empty() ? 0 : early[static_cast<std::size_t>(burst.id)]);
    };
    std::stable_sort(bursts.begin(), bursts.end(),
                     [&](const auto& a, const auto& b) { return added(a) < added(b); });
    Outcome result;
    std::size_t next = 0;
    MemoryClock busy_end = 0;
    for (MemoryClock clock = 0; next < bursts.size() || queue.next_event(); clock += stride) {
        while (next < bursts.size() && added(bursts[next]) <= clock + ahead) queue.add(bursts[next++]);
        const auto soonest = queue.next_event();
        const auto room = asks_for_room ? queue.next_room() : std::nullopt;
        if (asks_for_room) RC_ASSERT(room.has_value() != queue.has_room());
        const auto from = queue.now();
        queue.advance(clock + ahead);
        // What happened was foreseen.
        for (const auto& one : taken(queue, &Queue::take_served)) {
            RC_ASSERT(soonest && one.last_data >= *soonest);
            const bool fresh =
                result.served.emplace(one.id, std::make_pair(one.first_data, one.last_data)).second;
            RC_ASSERT(fresh);
        }
        for (const auto& one : taken(queue, &Queue::take_accepted)) {
            if (!one.write) continue;
            RC_ASSERT(soonest && one.clock >= *soonest);
            const bool fresh = result.accepted.emplace(one.id, one.clock).second;
            RC_ASSERT(fresh);
        }
        if (room && queue.has_room()) RC_ASSERT(queue.now() >= *room);
        RC_ASSERT(queue.now() >= from);
        for (const auto& piece : taken(queue, &Queue::take_busy)) {
            RC_ASSERT(piece.begin >= busy_end);
            RC_ASSERT(piece.end > piece.begin);
            busy_end = piece.end;
            result.busy += piece.end - piece.begin;
        }
    }
    queue.advance(last_arrival + 3'000'000);  // as many refreshes, however time went on
    result.statistics = queue.statistics();
    return result;
}

bool same(const DramCommandStatistics& a, const DramCommandStatistics& b) {
    return a.reads == b.reads && a.writes == b.writes && a.forwarded_reads == b.forwarded_reads &&
           a.row_hits == b.row_hits && a.row_misses == b.row_misses && a.row_conflicts == b.row_conflicts &&
           a.activates == b.activates && a.refreshes == b.refreshes && a.turnarounds == b.turnarounds &&
           a.first_arrival == b.first_arrival && a.last_data == b.last_data && a.data == b.data &&
           a.losses == b.losses;
}

void check_same(const Outcome& a, const Outcome& b) {
    RC_ASSERT(a.served == b.served);
    RC_ASSERT(a.accepted == b.accepted);
    RC_ASSERT(a.busy == b.busy);
    RC_ASSERT(same(a.statistics, b.statistics));
}

// Long bursts, mostly one behind the other, of one or two streams.
std::vector<DramBurstQueue::Burst> random_bursts(const DramSpecification& dram) {
    const auto streams = *rc::gen::element(1, 1, 2);
    const auto writes = *rc::gen::element(0, 10, 50, 100);
    const auto gap = *rc::gen::element(0, 50, 600, 1100);
    const auto longest = *rc::gen::element(300, 2048, 8192);
    const auto bytes_a_clock = *rc::gen::element(4, 8, 16, 100000);  // of written data as they come
    const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, int, int>>>(
        60, rc::gen::tuple(rc::gen::inRange(0, 2 * gap + 1), rc::gen::inRange(0, 100),
                           rc::gen::inRange(1, longest), rc::gen::inRange(0, 100)));
    std::vector<DramBurstQueue::Burst> bursts;
    MemoryClock clock = 0;
    std::int64_t next[2] = {0, dram.organization.channel_bytes / 2};
    for (const auto& [pause, direction, bytes, jump] : steps) {
        clock += pause;
        const auto stream = static_cast<std::size_t>(bursts.size() % static_cast<std::size_t>(streams));
        auto& at = next[stream];
        const auto length = jump < 70 ? std::int64_t{longest} : std::int64_t{bytes};
        if (jump > 95) at = (at * 7 + 12345 * jump) % dram.organization.channel_bytes;
        if (at + length > dram.organization.channel_bytes) at = 0;
        bursts.push_back({static_cast<std::int64_t>(bursts.size()), clock, at, length, direction < writes,
                          clock + length / bytes_a_clock});
        at += length;
    }
    return bursts;
}

}  // namespace

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
        const auto leaps = run(DramEpisodeQueue(dram, policy, mapping, store), bursts, 96, 50, false);
        check_same(leaps, slow);
        // Another channel finds almost all of them: of what joins an episode that is known, more can be told
        // to be alike.
        const auto known = store->size();
        const auto again = run(DramEpisodeQueue(dram, policy, mapping, store), bursts, 96, 50, false);
        check_same(again, slow);
        RC_ASSERT(store->size() <= known + known / 10 + 1);
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
