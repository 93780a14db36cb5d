// SPDX-License-Identifier: Apache-2.0
// Who is called next, and when: one SystemC process for all engines, controllers and arbiters of a
// simulation, which runs ahead of the kernel's time by up to a quantum, as TLM-2.0 calls it (IEEE 1666,
// temporal decoupling). All of them are called in the order of time, so that nothing that they do depends on
// the quantum; but the kernel has to be asked for the time once a quantum and not with every call, which
// would be a third of a run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <systemc>
#include <vector>

#include "memory/simulation_time.hpp"
#include "memory/time.hpp"

namespace tilewright::memory {

class Agenda : public sc_core::sc_module {
  public:
    // Has the rules of an sc_event with a process of its own. The agenda must live longer.
    class Member {
      public:
        explicit Member(Agenda& agenda);
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;
        virtual ~Member() = default;

      protected:
        // Called after so long; 0: behind everything that is called now. One call at most is pending: if that
        // is an earlier one, it stays, and a later one is replaced.
        void notify(TimeFs delay) { agenda_.notify(index_, delay); }
        void cancel() { agenda_.cancel(index_); }
        virtual void called() = 0;
        TimeFs now() const { return agenda_.now(); }

      private:
        friend class Agenda;
        Agenda& agenda_;
        std::size_t index_;
    };

    // `quantum`: how far members run ahead of other SystemC processes; 0: not at all.
    Agenda(sc_core::sc_module_name name, TimeFs quantum);

    // The time of the call that is being made or, without one, of the kernel, if that is not behind.
    TimeFs now() const { return running_ ? now_ : std::max(now_, simulation_time()); }

  private:
    SC_HAS_PROCESS(Agenda);
    enum class Pending : std::uint8_t { nothing, next, timed };
    struct State {
        Member* member = nullptr;
        Pending pending = Pending::nothing;
        TimeFs time = 0;  // if timed
    };
    struct Entry {
        TimeFs time = 0;
        std::size_t member = 0;
    };

    void notify(std::size_t member, TimeFs delay);
    void cancel(std::size_t member);
    void insert(const Entry& entry);
    void erase(std::size_t member);
    void run();
    void call_due();

    TimeFs quantum_;
    TimeFs now_ = 0;
    bool running_ = false;
    std::vector<State> states_;
    // One a member at most, the first one to come at the end; of the same time the one that was made first.
    // They are few, and most new ones come soon.
    std::vector<Entry> timed_;
    std::vector<std::size_t> next_;
    std::vector<std::size_t> due_;
    sc_core::sc_event wake_;
};

}  // namespace tilewright::memory
