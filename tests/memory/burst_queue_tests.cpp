// SPDX-License-Identifier: Apache-2.0
// Bursts in front of the controller: runs in closed form are the same as command by command, to the clock.
#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "dram_fixtures.hpp"
#include "memory/dram/burst_queue.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

struct Outcome {
    std::map<std::int64_t, std::pair<MemoryClock, MemoryClock>> served;  // first and last data
    std::map<std::int64_t, MemoryClock> accepted;
    DramChannelStatistics statistics;
    MemoryClock busy = 0;
};

// Bursts that are added `ahead` clocks before they arrive, with time advancing from one to the next in
// `strides`.
Outcome run(const DramSpecification& dram, const DramControllerPolicy& policy, const std::string& mapping,
            const std::vector<DramBurstQueue::Burst>& bursts, bool closed_form, MemoryClock ahead,
            MemoryClock stride) {
    DramBurstQueue queue(dram, policy, AddressMapping(mapping, dram), closed_form);
    Outcome result;
    std::size_t next = 0;
    MemoryClock busy_end = 0;
    for (MemoryClock clock = 0; next < bursts.size() || queue.next_event(); clock += stride) {
        while (next < bursts.size() && bursts[next].arrival <= clock + ahead) queue.add(bursts[next++]);
        const auto soonest = queue.next_event();
        const auto room = queue.next_room();
        RC_ASSERT(room.has_value() != queue.has_room());
        const auto from = queue.now();
        queue.advance(clock + ahead);
        // What happened was foreseen.
        for (const auto& one : queue.take_served()) {
            RC_ASSERT(soonest && one.last_data >= *soonest);
            const bool fresh =
                result.served.emplace(one.id, std::make_pair(one.first_data, one.last_data)).second;
            RC_ASSERT(fresh);
        }
        for (const auto& one : queue.take_accepted()) {
            RC_ASSERT(soonest && one.clock >= *soonest);
            const bool fresh = result.accepted.emplace(one.id, one.clock).second;
            RC_ASSERT(fresh);
        }
        if (room && queue.has_room()) RC_ASSERT(queue.now() >= *room);
        RC_ASSERT(queue.now() >= from);
        for (const auto& piece : queue.take_busy()) {
            RC_ASSERT(piece.begin >= busy_end);
            RC_ASSERT(piece.end > piece.begin);
            busy_end = piece.end;
            result.busy += piece.end - piece.begin;
        }
    }
    queue.advance(bursts.back().arrival + 1'000'000);  // as many refreshes, however time went on
    result.statistics = queue.statistics();
    return result;
}

bool same(const DramChannelStatistics& a, const DramChannelStatistics& b) {
    return a.reads == b.reads && a.writes == b.writes && a.forwarded_reads == b.forwarded_reads &&
           a.row_hits == b.row_hits && a.row_misses == b.row_misses && a.row_conflicts == b.row_conflicts &&
           a.activates == b.activates && a.refreshes == b.refreshes && a.turnarounds == b.turnarounds &&
           a.first_arrival == b.first_arrival && a.last_data == b.last_data && a.data == b.data &&
           a.losses == b.losses;
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
        policy.write_low_watermark = *rc::gen::element(0.0, 0.2);
        policy.write_high_watermark = *rc::gen::element(0.5, 0.8, 1.0);
        const auto mapping = *rc::gen::element<std::string>("RoBaRaCoBgCh", "RoBaRaCoBgCh", "RoRaBaCoBgCh",
                                                            "RoBaRaCoCh", "MOP4CLXOR", "ChRaBaRoCo");
        const auto bursts = random_bursts(dram);
        const auto ahead = *rc::gen::element<MemoryClock>(1, 96, 400);
        const auto stride = *rc::gen::element<MemoryClock>(1, 37, 500);
        const auto slow = run(dram, policy, mapping, bursts, false, ahead, 1);
        const auto fast = run(dram, policy, mapping, bursts, true, ahead, std::min(stride, ahead));
        RC_ASSERT(fast.served == slow.served);
        RC_ASSERT(fast.accepted == slow.accepted);
        RC_ASSERT(fast.busy == slow.busy);
        // What is neither data nor a loss while work is there is the latency of the last columns before a
        // pause.
        const auto& losses = fast.statistics.losses;
        const auto idle = losses[static_cast<std::size_t>(DramLoss::idle)];
        const auto lost = std::accumulate(losses.begin(), losses.end(), MemoryClock{0}) - idle;
        RC_ASSERT(fast.busy >= fast.statistics.data + lost);
        RC_ASSERT(fast.busy <= fast.statistics.last_data - fast.statistics.first_arrival);
        RC_ASSERT(same(fast.statistics, slow.statistics));
        RC_ASSERT(fast.served.size() == bursts.size());
    }));
}
