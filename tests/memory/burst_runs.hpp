// SPDX-License-Identifier: Apache-2.0
// Random bursts, and what comes of bursts that go through one of the queues in front of a channel's
// controller.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <rapidcheck.h>

#include "memory/dram/burst_queue.hpp"

namespace tilewright::test {

using memory::DramBurstQueue;
using memory::DramCommandStatistics;
using memory::DramSpecification;
using memory::MemoryClock;

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

inline bool same(const DramCommandStatistics& a, const DramCommandStatistics& b) {
    return a.reads == b.reads && a.writes == b.writes && a.forwarded_reads == b.forwarded_reads &&
           a.row_hits == b.row_hits && a.row_misses == b.row_misses && a.row_conflicts == b.row_conflicts &&
           a.activates == b.activates && a.refreshes == b.refreshes && a.turnarounds == b.turnarounds &&
           a.first_arrival == b.first_arrival && a.last_data == b.last_data && a.data == b.data &&
           a.losses == b.losses;
}

inline void check_same(const Outcome& a, const Outcome& b) {
    RC_ASSERT(a.served == b.served);
    RC_ASSERT(a.accepted == b.accepted);
    RC_ASSERT(a.busy == b.busy);
    RC_ASSERT(same(a.statistics, b.statistics));
}

// Long bursts, mostly one behind the other, of one or two streams.
inline std::vector<DramBurstQueue::Burst> random_bursts(const DramSpecification& dram) {
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

}  // namespace tilewright::test
