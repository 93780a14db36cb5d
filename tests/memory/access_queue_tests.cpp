// SPDX-License-Identifier: Apache-2.0
// The queue that knows who leads, against a list that is looked through.
#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "memory/dram/access_queue.hpp"

using namespace tilewright::memory;

namespace {

constexpr DramGroupTurns turns{4, 2};  // groups, banks of each

struct Pair {
    DramAccessQueue queue{turns};
    std::vector<DramAccess> list;  // oldest first
    std::int64_t next_id = 0;

    // `accesses` of one row, one group after the other.
    void push(int group, int bank, std::int64_t row, int column, std::int64_t accesses, bool waits) {
        DramAccess access;
        access.id = next_id++;
        access.row = row;
        access.column = column;
        access.group = group;
        access.next_group = (group + 1) % turns.groups;
        access.bank = group * turns.banks_per_group + bank;
        access.write = true;
        access.waits_for_read = waits;
        queue.push_back(access, waits ? 1 : accesses);
        for (std::int64_t i = 0; i < (waits ? 1 : accesses); ++i) {
            const auto place = group + static_cast<int>(i);
            list.push_back(access);
            list.back().group = place % turns.groups;
            list.back().next_group = (place + 1) % turns.groups;
            list.back().bank = list.back().group * turns.banks_per_group + bank;
            list.back().column = column + place / turns.groups - group / turns.groups;
        }
    }

    static bool same(const DramAccess& a, const DramAccess& b) {
        return a.id == b.id && same_place(a, b) && a.group == b.group && a.next_group == b.next_group &&
               a.waits_for_read == b.waits_for_read;
    }

    std::vector<DramAccessQueue::Leader> leaders() const {
        std::vector<DramAccessQueue::Leader> result;
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i].waits_for_read) continue;
            const auto known = std::find_if(result.begin(), result.end(), [&](const auto& leader) {
                return leader.bank == list[i].bank && leader.row == list[i].row;
            });
            if (known != result.end()) {
                ++known->followers;
            } else {
                result.push_back({list[i].row, list[i].bank, list[i].group, 0, list[i].write, i, 0});
            }
        }
        return result;
    }

    void check() const {
        RC_ASSERT(queue.size() == list.size());
        RC_ASSERT(queue.empty() == list.empty());
        bool in_turn = true;
        std::size_t waiting = 0;
        for (std::size_t i = 0; i < list.size(); ++i) {
            RC_ASSERT(same(queue[i], list[i]));
            in_turn = in_turn && (i == 0 || list[i].group == list[i - 1].next_group);
            waiting += list[i].waits_for_read ? 1 : 0;
        }
        RC_ASSERT(queue.in_turn() == in_turn);
        RC_ASSERT(queue.waiting() == waiting);
        const auto expected = leaders();
        RC_ASSERT(queue.leaders().size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const auto& leader = queue.leaders()[i];
            RC_ASSERT(queue.place(leader) == expected[i].at);
            RC_ASSERT(leader.bank == expected[i].bank);
            RC_ASSERT(leader.row == expected[i].row);
            RC_ASSERT(leader.group == expected[i].group);
            RC_ASSERT(leader.followers == expected[i].followers);
        }
    }
};

}  // namespace

TEST_CASE("a queue of accesses knows the oldest one to every row") {
    CHECK(rc::check("as a list", [] {
        Pair both;
        const auto rows = *rc::gen::inRange(1, 4);
        const auto waits = *rc::gen::element(0, 0, 10);
        const bool in_turn = *rc::gen::element(false, true);
        const auto steps = *rc::gen::container<std::vector<std::pair<int, unsigned>>>(
            200, rc::gen::pair(rc::gen::inRange(0, 100), rc::gen::arbitrary<unsigned>()));
        for (const auto& [what, dice] : steps) {
            const auto roll = [&, left = dice](unsigned sides) mutable {
                const auto rolled = left % sides;
                left /= sides;
                return static_cast<int>(rolled);
            };
            auto next = roll;
            if (what < 55) {
                const bool alone = next(100) < waits;
                const auto group = in_turn && !both.list.empty() ? both.list.back().next_group : next(4);
                both.push(group, next(2), next(static_cast<unsigned>(rows)), 4 * next(3), 1 + next(9), alone);
            } else if (what < 75) {
                if (both.queue.leaders().empty()) continue;
                const auto leader =
                    static_cast<std::size_t>(next(static_cast<unsigned>(both.queue.leaders().size())));
                const auto at = both.queue.place(both.queue.leaders()[leader]);
                RC_ASSERT(Pair::same(both.queue.take(leader), both.list[at]));
                both.list.erase(both.list.begin() + static_cast<std::ptrdiff_t>(at));
            } else if (what < 90) {
                if (both.list.empty() || !both.queue.in_turn() || both.queue.waiting() > 0) continue;
                const auto count = 1 + next(static_cast<unsigned>(both.list.size()));
                both.queue.take_front(static_cast<std::size_t>(count));
                both.list.erase(both.list.begin(), both.list.begin() + count);
            } else {
                const auto waiting = std::find_if(both.list.begin(), both.list.end(),
                                                  [](const auto& access) { return access.waits_for_read; });
                if (waiting == both.list.end()) continue;
                waiting->waits_for_read = false;
                both.queue.release(static_cast<std::size_t>(waiting - both.list.begin()));
            }
            both.check();
            // What is there is found, and nothing else.
            DramAccess asked;
            asked.row = next(3);
            asked.column = 4 * next(3);
            asked.bank = next(8);
            asked.group = asked.bank / turns.banks_per_group;
            const bool write = next(2) == 1;
            const auto is = [&](const DramAccess& one) {
                return one.write == write && same_place(one, asked);
            };
            RC_ASSERT(both.queue.holds(asked, write) == std::any_of(both.list.begin(), both.list.end(), is));
            const auto near = [&](const DramAccess& one) {
                return one.write == write && turns.same_row(one, asked) && one.column >= asked.column &&
                       one.column <= asked.column + 4;
            };
            RC_ASSERT(both.queue.holds_between(asked, asked.column + 4, write) ==
                      std::any_of(both.list.begin(), both.list.end(), near));
        }
    }));
}
