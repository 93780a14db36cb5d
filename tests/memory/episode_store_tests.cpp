// SPDX-License-Identifier: Apache-2.0
// Where episodes are kept.
#include <map>
#include <tuple>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "dram_fixtures.hpp"
#include "memory/dram/episode_queue.hpp"
#include "memory/dram/episode_store.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

TEST_CASE("a store finds what has been added, and nothing else, however much there is") {
    CHECK(rc::check("as a map", [] {
        DramEpisodeStore store;
        std::map<DramEpisodeStore::Key, std::pair<const DramEpisode*, MemoryClock>> expected;
        const auto count = *rc::gen::inRange(0, 3000);
        const auto words = *rc::gen::inRange(1, 4);
        const auto largest = *rc::gen::element(3, 20, 1000);
        for (int i = 0; i < count; ++i) {
            DramEpisodeStore::Key key;
            // Alike in all but a few bits.
            for (int word = 0; word < words; ++word) key.push_back(i * 7919 % largest << 20);
            const auto known = expected.find(key);
            const auto* found = store.find(key, 0);
            RC_ASSERT((found != nullptr) == (known != expected.end()));
            if (found != nullptr) {
                RC_ASSERT(found == known->second.first);
                RC_ASSERT(found->first_idle == known->second.second);
                continue;
            }
            DramEpisode episode;
            episode.first_idle = i;
            const auto* added = store.add(key, 0, {-1, 0}, episode);
            RC_ASSERT(added != nullptr);
            expected[key] = {added, i};
        }
        RC_ASSERT(store.size() == expected.size());
        for (const auto& [key, episode] : expected) RC_ASSERT(store.find(key, 0) == episode.first);
    }));
}

TEST_CASE("an episode is found for every clock of its window, and for none that another one has") {
    CHECK(rc::check("windows", [] {
        DramEpisodeStore store;
        std::map<MemoryClock, const DramEpisode*> expected;
        const auto windows =
            *rc::gen::container<std::vector<std::tuple<MemoryClock, int, int>>>(rc::gen::tuple(
                rc::gen::inRange<MemoryClock>(0, 60), rc::gen::inRange(1, 5), rc::gen::inRange(0, 5)));
        for (const auto& [due, below, above] : windows) {
            if (expected.count(due) > 0) continue;
            const auto* added = store.add({7}, due, {due - below, due + above}, {});
            for (auto clock = due - below + 1; clock <= due + above; ++clock) {
                // What an older window has stays its own, and what lies behind that is nobody's.
                const bool taken = store.find({7}, clock) == added;
                if (taken) RC_ASSERT(expected.emplace(clock, added).second);
                if (clock == due) RC_ASSERT(taken);
            }
        }
        for (MemoryClock clock = -10; clock < 80; ++clock) {
            const auto at = expected.find(clock);
            RC_ASSERT(store.find({7}, clock) == (at == expected.end() ? nullptr : at->second));
        }
        RC_ASSERT(store.find({8}, windows.empty() ? 0 : std::get<0>(windows.front())) == nullptr);
    }));
}

TEST_CASE("a store remembers what has been begun, refresh by refresh") {
    DramEpisodeStore store;
    CHECK_FALSE(store.begun_again({1, 2}, 5));
    CHECK_FALSE(store.begun_again({1, 2}, 6));
    CHECK_FALSE(store.begun_again({1, 3}, 5));
    CHECK(store.begun_again({1, 2}, 5));
    CHECK(store.begun_again({1, 3}, 5));
    CHECK(store.size() == 0);
}

TEST_CASE("a store that is full takes no more, and channels do without") {
    const auto dram = ddr4(1 << 28);
    const DramControllerPolicy policy;
    const AddressMapping mapping("RoBaRaCoBgCh", dram);
    const auto run = [&](std::size_t most) {
        const auto store = std::make_shared<DramEpisodeStore>(1, most);
        DramEpisodeQueue queue(dram, policy, mapping, store);
        std::vector<DramBurstQueue::Served> served;
        std::vector<MemoryClock> ends;
        for (std::int64_t i = 0; i < 60; ++i) {
            const auto clock = 2000 * i;
            // Of five lengths, each of them to be met again.
            queue.add({i, clock, 65536 * i, 64 * (1 + i % 5), false});
            queue.advance(clock + 1000);
            queue.take_served(served);
            for (const auto& one : served) ends.push_back(one.last_data);
        }
        CHECK(store->size() <= most);
        return std::pair(ends, store->size());
    };
    const auto [ends, episodes] = run(1000);
    CHECK(ends.size() == 60);
    CHECK(episodes > 5);
    CHECK(episodes < 60);
    for (const std::size_t most : {0, 1, 3}) {
        const auto [same_ends, stored] = run(most);
        CHECK(same_ends == ends);
        CHECK(stored == most);
    }
}
