// SPDX-License-Identifier: Apache-2.0
// The shells that carry a program out: each takes the next instruction of its list, waits for what it must
// wait for, occupies the engine for the cycles of its timing model, and signals. All they know of the work is
// its duration.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <systemc>
#include <vector>

#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/activity.hpp"
#include "accel/simulation/executor.hpp"
#include "accel/simulation/observer.hpp"
#include "memory/agenda.hpp"
#include "memory/scratchpad/scratchpad.hpp"

namespace tilewright::accel {

// What all engines of an accelerator share.
struct EngineEnvironment {
    memory::Agenda* agenda = nullptr;
    const TileProgram* program = nullptr;
    memory::TimeFs clock_period = 0;
    std::vector<memory::Scratchpad>* buffers = nullptr;  // by Buffer
    std::vector<std::int64_t>* completed = nullptr;      // by engine: instructions, together for all who wait
    Observer* observer = nullptr;                        // may be null
    Executor* executor = nullptr;                        // null: no data are carried
};

class Engine : public sc_core::sc_module, protected memory::Agenda::Member {
  public:
    Engine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment);

    // Engines signal each other directly; call once all exist, before the simulation starts.
    void connect(const std::vector<Engine*>& engines) { engines_ = engines; }
    // Takes up the first instruction.
    void begin() { proceed(); }

    bool finished() const { return work_ == nullptr; }
    std::int64_t completed() const { return completed_[index_]; }
    // What an unfinished engine waits for, for a message about a deadlock.
    std::string waiting_for() const;
    // Figures of a run that has come to its end, where the clock must stand.
    EngineActivity activity(memory::TimeFs end) const;
    memory::TimeFs idle_since() const { return idle_since_; }
    // By engine: work in the chain that ends with the last instruction here.
    const std::vector<memory::TimeFs>& chain() const { return chain_; }
    // Busy time by label.
    const std::vector<memory::TimeFs>& busy_by_label() const { return busy_by_label_; }
    memory::TimeFs section_begin(std::size_t section) const { return section_begin_[section]; }

  protected:
    // Tries to take up instructions until one has to wait, the engine is occupied or nothing is left.
    virtual void proceed() = 0;

    // True when the current instruction may start; otherwise the engine is woken when it may.
    bool waits_satisfied();
    // From now on the engine does nothing because of what waits_satisfied() found.
    void note_stall();
    void start_current(memory::TimeFs now);
    void advance();
    // An instruction of this section; `step` is for the executor.
    void complete(const Step& step, const Section& section, const Instruction& work);
    // Of the current instruction; it is known by its block.
    Step step() const { return {index_, section_, Section::block(current(), repetition_), position_}; }
    // Whether the current instruction has a block to work for; otherwise skip it, once its waits are over.
    bool works() const { return section().works(current(), repetition_); }
    void skip_current();
    const Section& section() const { return *here_; }
    const Instruction& current() const { return *work_; }
    void became_idle();

    const std::uint16_t index_;
    const EngineEnvironment environment_;
    std::vector<Engine*> engines_;
    std::size_t section_ = 0;
    std::int64_t repetition_ = 0;
    std::size_t position_ = 0;
    // Where these three point to; null behind the last instruction.
    const Section* here_ = nullptr;
    const Instruction* work_ = nullptr;
    EngineActivity activity_;
    std::vector<memory::TimeFs> busy_by_label_;
    memory::TimeFs idle_since_ = 0;
    // By engine: work in the chain of which this one goes on with the next piece. All of it together is the
    // time that has gone by when this engine takes up work, and when it completes some.
    std::vector<memory::TimeFs> chain_;

  private:
    struct Sleeper {
        Engine* engine = nullptr;
        std::int64_t index = 0;  // wakes when this instruction has completed
    };

    void enter_section();
    void enter_repetition();
    void repeat_or_leave_section();
    void acquire(const Section& section, const Instruction& work);
    void release(const Section& section, const Instruction& work);
    void tell_fill(Buffer buffer);
    void count_completed() {
        if (++completed_[index_] > first_awaited_) wake_sleepers();
    }
    void wake_sleepers();

    std::int64_t* const completed_;  // of the environment
    memory::Scratchpad* const buffers_;
    const Instruction* stream_end_ = nullptr;               // of the current section
    std::vector<std::int64_t> base_;                        // by engine: start of the current repetition
    std::vector<std::vector<std::int64_t>> section_bases_;  // by section and engine
    std::vector<memory::TimeFs> section_begin_;
    std::vector<Sleeper> sleepers_;
    std::int64_t first_awaited_ = std::numeric_limits<std::int64_t>::max();  // instruction, by any of them
    std::uint32_t next_wait_ = 0;
    bool asleep_ = false;  // in the list of the engine that it waits for
    StallCause wait_cause_ = StallCause::waits_for_dma;
    bool stalled_ = false;
    StallCause stall_cause_ = StallCause::waits_for_dma;
    memory::TimeFs stalled_since_ = 0;
};

inline bool Engine::waits_satisfied() {
    if (asleep_) return false;
    const auto& work = *work_;
    const auto* waits = here_->waits.data() + work.wait_begin;
    for (; next_wait_ < work.wait_count; ++next_wait_) {
        const auto& wait = waits[next_wait_];
        const auto target = base_[wait.engine] + wait.index;
        if (completed_[wait.engine] > target) continue;
        auto* other = engines_[wait.engine];
        other->sleepers_.push_back({this, target});
        other->first_awaited_ = std::min(other->first_awaited_, target);
        asleep_ = true;
        wait_cause_ = wait.data ? waits_for(environment_.program->engines[wait.engine].kind)
                                : StallCause::waits_for_space;
        return false;
    }
    return true;
}

inline void Engine::acquire(const Section& section, const Instruction& work) {
    const auto* effect = section.effects.data() + work.effect_begin;
    for (const auto* end = effect + work.acquire_count; effect != end; ++effect) {
        buffers_[static_cast<std::size_t>(effect->buffer)].acquire(effect->bytes);
        if (environment_.observer != nullptr) tell_fill(effect->buffer);
    }
}

inline void Engine::release(const Section& section, const Instruction& work) {
    const auto* effect = section.effects.data() + work.effect_begin + work.acquire_count;
    for (const auto* end = effect + work.release_count; effect != end; ++effect) {
        buffers_[static_cast<std::size_t>(effect->buffer)].release(effect->bytes);
        if (environment_.observer != nullptr) tell_fill(effect->buffer);
    }
}

inline void Engine::start_current(memory::TimeFs time) {
    if (stalled_) {
        activity_.stalled[static_cast<std::size_t>(stall_cause_)] += time - stalled_since_;
        stalled_ = false;
    }
    next_wait_ = 0;
    const auto& work = current();
    if (position_ == 0) {
        if (repetition_ == 0) section_begin_[section_] = time;
        if (environment_.observer != nullptr) {
            environment_.observer->section(time, section_, step().repetition);
        }
    }
    if (work.acquire_count > 0) acquire(*here_, work);
    if (environment_.executor != nullptr) environment_.executor->start(step());
}

inline void Engine::complete(const Step& step, const Section& section, const Instruction& work) {
    if (environment_.executor != nullptr) environment_.executor->complete(step);
    if (work.release_count > 0) release(section, work);
    count_completed();
}

// An engine that computes: one instruction at a time.
class ComputeEngine : public Engine {
  public:
    // `cycles[section][position]` is the duration of every instruction.
    ComputeEngine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment,
                  std::vector<std::vector<std::int64_t>> cycles);

  private:
    void called() override;  // when the current instruction is done
    void proceed() override;

    std::vector<std::vector<std::int64_t>> cycles_;
    bool occupied_ = false;
};

}  // namespace tilewright::accel
