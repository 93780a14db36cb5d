// SPDX-License-Identifier: Apache-2.0
#include "memory/agenda.hpp"

#include <algorithm>
#include <iterator>

namespace tilewright::memory {

Agenda::Member::Member(Agenda& agenda) : agenda_(agenda), index_(agenda.states_.size()) {
    agenda.states_.push_back({this});
}

Agenda::Agenda(sc_core::sc_module_name name, TimeFs quantum) : sc_module(name), quantum_(quantum) {
    SC_METHOD(run);
    sensitive << wake_;
    dont_initialize();
}

void Agenda::insert(const Entry& entry) {
    auto at = timed_.end();
    while (at != timed_.begin() && std::prev(at)->time <= entry.time) --at;
    timed_.insert(at, entry);
}

void Agenda::erase(std::size_t member) {
    timed_.erase(std::find_if(timed_.begin(), timed_.end(),
                              [member](const Entry& entry) { return entry.member == member; }));
}

void Agenda::notify(std::size_t member, TimeFs delay) {
    auto& state = states_[member];
    if (state.pending == Pending::next) return;
    if (delay == 0) {
        if (state.pending == Pending::timed) erase(member);
        state.pending = Pending::next;
        next_.push_back(member);
        if (!running_) wake_.notify(sc_core::SC_ZERO_TIME);
        return;
    }
    const auto time = now() + delay;
    if (state.pending == Pending::timed) {
        if (state.time <= time) return;
        erase(member);
    }
    state.pending = Pending::timed;
    state.time = time;
    insert({time, member});
    if (!running_) wake_.notify(to_sc_time(time - simulation_time()));
}

void Agenda::cancel(std::size_t member) {
    auto& state = states_[member];
    if (state.pending == Pending::next) next_.erase(std::find(next_.begin(), next_.end(), member));
    if (state.pending == Pending::timed) erase(member);
    state.pending = Pending::nothing;
}

void Agenda::run() {
    const auto until = simulation_time() + quantum_;
    now_ = std::max(now_, simulation_time());
    running_ = true;
    for (;;) {
        while (!next_.empty()) {
            due_.swap(next_);
            next_.clear();
            call_due();
        }
        if (timed_.empty() || timed_.back().time > until) break;
        now_ = timed_.back().time;
        due_.clear();
        for (; !timed_.empty() && timed_.back().time == now_; timed_.pop_back()) {
            due_.push_back(timed_.back().member);
        }
        call_due();
    }
    running_ = false;
    if (!timed_.empty()) wake_.notify(to_sc_time(timed_.back().time - simulation_time()));
}

// What they ask for from now on is another call.
void Agenda::call_due() {
    for (const auto member : due_) states_[member].pending = Pending::nothing;
    for (const auto member : due_) states_[member].member->called();
}

}  // namespace tilewright::memory
