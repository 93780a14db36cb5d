// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/agenda.hpp"

#include <algorithm>

namespace tilewright::accel {

using memory::TimeFs;

void Agenda::assign(const std::vector<Member*>& members) {
    members_ = members;
    states_.assign(members.size(), {});
}

void Agenda::run() {
    for (;;) {
        for (; !next_.empty(); call_due()) collect_next();
        while (!heap_.empty() && !stands(heap_.front())) extract_first();
        if (heap_.empty()) return;
        now_ = heap_.front().time;
        const auto member = extract_first().member;
        states_[member].pending = Pending::nothing;
        if (heap_.empty() || heap_.front().time != now_) {  // nearly always
            members_[member]->on_done();
            continue;
        }
        due_.assign(1, member);
        collect_timed();
        call_due();
    }
}

void Agenda::collect_next() {
    due_.assign(next_.rbegin(), next_.rend());
    next_.clear();
}

void Agenda::collect_timed() {
    while (!heap_.empty() && heap_.front().time == now_) {
        const auto entry = extract_first();
        if (!stands(entry)) continue;
        states_[entry.member].pending = Pending::nothing;
        due_.push_back(entry.member);
    }
}

void Agenda::call_due() {
    for (const auto member : due_) states_[member].pending = Pending::nothing;
    for (const auto member : due_) members_[member]->on_done();
}

void Agenda::notify(std::size_t member, TimeFs delay) {
    auto& state = states_[member];
    if (state.pending == Pending::next) return;
    if (delay == 0) {
        state.pending = Pending::next;
        next_.push_back(member);
        return;
    }
    const auto time = now_ + delay;
    if (state.pending == Pending::timed && state.time <= time) return;
    state = {Pending::timed, state.generation + 1, time};
    insert({time, static_cast<std::uint32_t>(member), state.generation});
}

void Agenda::cancel(std::size_t member) {
    auto& state = states_[member];
    if (state.pending == Pending::next) {
        *std::find(next_.begin(), next_.end(), member) = next_.back();
        next_.pop_back();
    }
    state.pending = Pending::nothing;
}

inline void Agenda::insert(const Entry& entry) {
    auto at = heap_.size();
    heap_.push_back(entry);
    for (; at > 0 && heap_[(at - 1) / 2].time > entry.time; at = (at - 1) / 2)
        heap_[at] = heap_[(at - 1) / 2];
    heap_[at] = entry;
}

inline Agenda::Entry Agenda::extract_first() {
    const auto first = heap_.front();
    const auto last = heap_.back();
    heap_.pop_back();
    const auto size = heap_.size();
    if (size == 0) return first;
    std::size_t at = 0;
    for (auto child = std::size_t{1}; child < size; child = 2 * at + 1) {
        if (child + 1 < size && heap_[child + 1].time < heap_[child].time) ++child;
        if (heap_[child].time >= last.time) break;
        heap_[at] = heap_[child];
        at = child;
    }
    heap_[at] = last;
    return first;
}

}  // namespace tilewright::accel
