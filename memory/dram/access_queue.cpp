// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/access_queue.hpp"

#include <algorithm>
#include <iterator>

namespace tilewright::memory {

namespace {

// Places of accesses that have been taken are given back when there are so many.
constexpr std::size_t most_taken = 64;

template <typename Iterator>
Iterator nth(Iterator begin, std::size_t n) {
    return begin + static_cast<typename std::iterator_traits<Iterator>::difference_type>(n);
}

}  // namespace

bool DramAccessQueue::holds(const DramAccess& access, bool write) const {
    const auto same = [&](const DramAccess& other) {
        return other.write == write && same_place(other, access);
    };
    if (waiting_ > 0) return std::any_of(nth(accesses_.begin(), head_), accesses_.end(), same);
    for (const auto& leader : leaders_) {
        if (leader.bank != access.bank || leader.row != access.row) continue;
        return std::any_of(nth(accesses_.begin(), leader.at), accesses_.end(), same);
    }
    return false;
}

bool DramAccessQueue::holds_between(const DramAccess& access, std::int64_t last_column, bool write) const {
    auto begin = head_;
    if (waiting_ == 0) {
        const auto leader = std::find_if(leaders_.begin(), leaders_.end(), [&](const Leader& one) {
            return one.write == write && turns_.same_row(one, access);
        });
        if (leader == leaders_.end()) return false;
        begin = leader->at;
    }
    return std::any_of(nth(accesses_.begin(), begin), accesses_.end(), [&](const DramAccess& other) {
        return other.column >= access.column && other.column <= last_column && other.write == write &&
               turns_.same_row(other, access);
    });
}

// This access and younger ones, so many together, go to the same row. None of those that have been entered
// here is younger.
void DramAccessQueue::lead(std::size_t at, std::size_t accesses) {
    const auto& access = accesses_[at];
    for (auto& leader : leaders_) {
        if (leader.bank == access.bank && leader.row == access.row) {
            leader.followers += accesses;
            return;
        }
    }
    leaders_.push_back({access.row, access.bank, access.group, access.rank, access.write, at, accesses - 1});
}

// Accesses that take turns over the bank groups in one row.
void DramAccessQueue::lead_turns(std::size_t begin, std::size_t end) {
    const auto groups = static_cast<std::size_t>(turns_.groups);
    for (auto at = begin; at < end && at < begin + groups; ++at) {
        lead(at, (end - at + groups - 1) / groups);
    }
}

void DramAccessQueue::find_leaders() {
    leaders_.clear();
    for (auto at = head_; at < accesses_.size();) {
        const auto begin = at++;
        if (accesses_[begin].waits_for_read) continue;
        while (at < accesses_.size() && follows(accesses_[at - 1], accesses_[at]) &&
               turns_.same_row(accesses_[begin], accesses_[at]) && !accesses_[at].waits_for_read) {
            ++at;
        }
        lead_turns(begin, at);
    }
}

void DramAccessQueue::give_back() {
    if (head_ < most_taken || head_ < size()) return;
    accesses_.erase(accesses_.begin(), nth(accesses_.begin(), head_));
    for (auto& leader : leaders_) leader.at -= head_;
    head_ = 0;
}

void DramAccessQueue::push_back(DramAccess access, std::int64_t accesses) {
    give_back();
    if (!empty() && !follows(back(), access)) ++out_of_turn_;
    const auto begin = accesses_.size();
    accesses_.push_back(access);
    if (access.waits_for_read) {
        ++waiting_;
        return;
    }
    while (--accesses > 0) {
        turns_.next(access);
        accesses_.push_back(access);
    }
    lead_turns(begin, accesses_.size());
}

// The next access to the leader's row, if there is one, becomes a leader.
void DramAccessQueue::pass_on(std::size_t leader) {
    auto next = leaders_[leader];
    if (next.followers == 0) {
        leaders_.erase(nth(leaders_.begin(), leader));
        return;
    }
    --next.followers;
    const auto follows_it = [&next](const DramAccess& access) {
        return access.bank == next.bank && access.row == next.row && !access.waits_for_read;
    };
    ++next.at;
    while (!follows_it(accesses_[next.at])) ++next.at;
    for (; leader + 1 < leaders_.size() && leaders_[leader + 1].at < next.at; ++leader) {
        leaders_[leader] = leaders_[leader + 1];
    }
    leaders_[leader] = next;
}

DramAccess DramAccessQueue::take(std::size_t leader) {
    const auto at = leaders_[leader].at;
    const auto access = accesses_[at];
    if (size() == 1) {
        clear();
        return access;
    }
    const bool first = at == head_;
    const bool last = at + 1 == accesses_.size();
    if (!first && !follows(accesses_[at - 1], access)) --out_of_turn_;
    if (!last && !follows(access, accesses_[at + 1])) --out_of_turn_;
    if (!first && !last && !follows(accesses_[at - 1], accesses_[at + 1])) ++out_of_turn_;
    pass_on(leader);
    // Older ones close up. Their leaders are those in front of this one.
    std::move_backward(nth(accesses_.begin(), head_), nth(accesses_.begin(), at),
                       nth(accesses_.begin(), at + 1));
    for (std::size_t i = 0; i < leader; ++i) ++leaders_[i].at;
    ++head_;
    return access;
}

void DramAccessQueue::take_front(std::size_t accesses) {
    if (accesses == size()) {
        clear();
        return;
    }
    head_ += accesses;
    const auto groups = static_cast<std::size_t>(turns_.groups);
    if (leaders_.size() != groups || waiting_ > 0) {
        find_leaders();
        return;
    }
    // Every group has one row: the turns go on from another group.
    std::rotate(leaders_.begin(), nth(leaders_.begin(), accesses % groups), leaders_.end());
    leaders_.resize(std::min(groups, size()));
    for (std::size_t turn = 0; turn < leaders_.size(); ++turn) {
        leaders_[turn].at = head_ + turn;
        leaders_[turn].followers = (size() - turn - 1) / groups;
    }
}

void DramAccessQueue::release(std::size_t i) {
    accesses_[head_ + i].waits_for_read = false;
    --waiting_;
    find_leaders();
}

void DramAccessQueue::clear() {
    accesses_.clear();
    head_ = 0;
    leaders_.clear();
    waiting_ = 0;
    out_of_turn_ = 0;
}

}  // namespace tilewright::memory
