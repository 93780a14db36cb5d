// SPDX-License-Identifier: Apache-2.0
// Where episodes are kept, and what a later run makes of those of an earlier one.
#include <map>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "dram_fixtures.hpp"
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
            const auto* found = store.find(key);
            RC_ASSERT((found != nullptr) == (known != expected.end()));
            if (found != nullptr) {
                RC_ASSERT(found == known->second.first);
                RC_ASSERT(found->first_idle == known->second.second);
                continue;
            }
            DramEpisode episode;
            episode.first_idle = i;
            const auto* added = store.add(key, episode);
            RC_ASSERT(added != nullptr);
            expected[key] = {added, i};
        }
        RC_ASSERT(store.size() == expected.size());
        for (const auto& [key, episode] : expected) RC_ASSERT(store.find(key) == episode.first);
    }));
}

TEST_CASE("runs share episodes when memory, controller and mapping are the same") {
    const auto dram = ddr4(1 << 28);
    const DramControllerPolicy policy;
    const auto store = DramEpisodeStore::shared(dram, policy, "RoBaRaCoBgCh");
    CHECK(DramEpisodeStore::shared(dram, policy, "RoBaRaCoBgCh") == store);
    CHECK(DramEpisodeStore::shared(dram, policy, "MOP4CLXOR") != store);
    auto slower = dram;
    ++slower.timing.rp;
    CHECK(DramEpisodeStore::shared(slower, policy, "RoBaRaCoBgCh") != store);
    auto smaller = dram;
    smaller.organization.row_bytes /= 2;
    CHECK(DramEpisodeStore::shared(smaller, policy, "RoBaRaCoBgCh") != store);
    auto other = policy;
    other.refreshes_postponed = 1;
    CHECK(DramEpisodeStore::shared(dram, other, "RoBaRaCoBgCh") != store);
    DramEpisodeStore::forget_shared();
    CHECK(DramEpisodeStore::shared(dram, policy, "RoBaRaCoBgCh") != store);
}
