// SPDX-License-Identifier: Apache-2.0
// What the engines do next, and when, where nothing but engines decides it: memories that answer at once need
// no kernel to tell engines the time, and most of a run would else be spent in the kernel. The engines then
// run ahead of the kernel's time, as loosely timed initiators of TLM-2.0 may; bursts carry the difference.
//
// Notifications have the rules of sc_event, and the heap of those to come is the kernel's, to the order of
// what comes at the same time: whether a run needs the kernel can not be seen from what happens in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory/time.hpp"

namespace tilewright::accel {

class Agenda {
  public:
    class Member {
      public:
        virtual ~Member() = default;
        // What it is notified of has come.
        virtual void on_done() = 0;
    };

    // Members are called by their index from now on.
    void assign(const std::vector<Member*>& members);
    // Calls them until none has anything to do.
    void run();

    memory::TimeFs now() const { return now_; }

    // As the notification of an event of the member's own: an earlier one pending wins, a later one goes.
    void notify(std::size_t member, memory::TimeFs delay);
    void cancel(std::size_t member);

  private:
    enum class Pending : std::uint8_t { nothing, next, timed };
    struct State {
        Pending pending = Pending::nothing;
        std::uint32_t generation = 0;  // of its notifications; entries of earlier ones mean nothing
        memory::TimeFs time = 0;
    };
    struct Entry {
        memory::TimeFs time = 0;
        std::uint32_t member = 0;
        std::uint32_t generation = 0;
    };

    bool stands(const Entry& entry) const {
        const auto& state = states_[entry.member];
        return state.pending == Pending::timed && state.generation == entry.generation;
    }
    void collect_next();
    void collect_timed();
    void call_due();
    void insert(const Entry& entry);
    Entry extract_first();

    memory::TimeFs now_ = 0;
    std::vector<Member*> members_;
    std::vector<State> states_;
    std::vector<Entry> heap_;        // the children of i are 2 i + 1 and 2 i + 2
    std::vector<std::size_t> next_;  // without delay: behind all that is due now
    std::vector<std::size_t> due_;
};

}  // namespace tilewright::accel
