// SPDX-License-Identifier: Apache-2.0
#include "memory/agenda.hpp"

#include <algorithm>

#include "memory/simulation_time.hpp"

namespace tilewright::memory {

namespace {

constexpr auto later = [](const auto& a, const auto& b) {
    return a.time != b.time ? a.time > b.time : a.number > b.number;
};

}  // namespace

Agenda::Member::Member(Agenda& agenda) : agenda_(agenda), index_(agenda.states_.size()) {
    agenda.states_.push_back({this});
}

Agenda::Agenda(sc_core::sc_module_name name, TimeFs quantum) : sc_module(name), quantum_(quantum) {
    SC_METHOD(run);
    sensitive << wake_;
    dont_initialize();
}

TimeFs Agenda::now() const {
    return running_ ? now_ : std::max(now_, simulation_time());
}

void Agenda::notify(std::size_t member, TimeFs delay) {
    auto& state = states_[member];
    if (state.pending == Pending::next) return;
    if (delay == 0) {
        state.pending = Pending::next;
        next_.push_back(member);
        if (!running_) wake_.notify(sc_core::SC_ZERO_TIME);
        return;
    }
    const auto time = now() + delay;
    if (state.pending == Pending::timed && state.time <= time) return;
    state.pending = Pending::timed;
    state.entry = entries_made_;
    state.time = time;
    timed_.push_back({time, entries_made_++, member});
    std::push_heap(timed_.begin(), timed_.end(), later);
    if (!running_) wake_.notify(to_sc_time(time - simulation_time()));
}

void Agenda::cancel(std::size_t member) {
    auto& state = states_[member];
    if (state.pending == Pending::next) next_.erase(std::find(next_.begin(), next_.end(), member));
    state.pending = Pending::nothing;
}

void Agenda::drop_first() {
    std::pop_heap(timed_.begin(), timed_.end(), later);
    timed_.pop_back();
}

void Agenda::drop_those_that_do_not_stand() {
    while (!timed_.empty() && !stands(timed_.front())) drop_first();
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
        drop_those_that_do_not_stand();
        if (timed_.empty() || timed_.front().time > until) break;
        now_ = timed_.front().time;
        due_.clear();
        for (; !timed_.empty() && timed_.front().time == now_; drop_those_that_do_not_stand()) {
            due_.push_back(timed_.front().member);
            drop_first();
        }
        call_due();
    }
    running_ = false;
    if (!timed_.empty()) wake_.notify(to_sc_time(timed_.front().time - simulation_time()));
}

// What they ask for from now on is another call.
void Agenda::call_due() {
    for (const auto member : due_) states_[member].pending = Pending::nothing;
    for (const auto member : due_) states_[member].member->called();
}

}  // namespace tilewright::memory
