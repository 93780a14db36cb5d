// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/engine.hpp"

#include <algorithm>
#include <utility>

#include "accel/engines/timing.hpp"

namespace tilewright::accel {

using memory::TimeFs;

Engine::Engine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment)
    : sc_module(name),
      Member(*environment.agenda),
      index_(index),
      environment_(environment),
      completed_(environment.completed->data()),
      buffers_(environment.buffers->data()) {
    const auto& program = *environment.program;
    const auto& description = program.engines[index];
    activity_.name = description.name;
    activity_.kind = description.kind;
    busy_by_label_.assign(program.labels.size(), 0);
    section_begin_.assign(program.sections.size(), -1);
    chain_.assign(program.engines.size(), 0);
    std::vector<std::int64_t> base(program.engines.size(), 0);
    for (const auto& section : program.sections) {
        section_bases_.push_back(base);
        for (const auto& work : section.streams[index]) {
            const auto times = section.times(work);
            activity_.instructions += times;
            activity_.macs += times * instruction_macs(section, work);
        }
        for (std::size_t i = 0; i < base.size(); ++i) {
            base[i] += section.runs() * static_cast<std::int64_t>(section.streams[i].size());
        }
    }
    enter_section();
}

// The first one from here on in which there is something to do.
void Engine::enter_section() {
    const auto& sections = environment_.program->sections;
    while (section_ < sections.size() && sections[section_].streams[index_].empty()) ++section_;
    here_ = nullptr;
    work_ = nullptr;
    if (section_ == sections.size()) return;
    here_ = &sections[section_];
    enter_repetition();
}

void Engine::enter_repetition() {
    const auto& stream = here_->streams[index_];
    work_ = stream.data();
    stream_end_ = work_ + stream.size();
    base_ = section_bases_[section_];
    for (std::size_t i = 0; i < base_.size(); ++i) {
        base_[i] += repetition_ * static_cast<std::int64_t>(here_->streams[i].size());
    }
}

void Engine::note_stall() {
    if (stalled_ && stall_cause_ == wait_cause_) return;
    const auto time = now();
    if (stalled_) activity_.stalled[static_cast<std::size_t>(stall_cause_)] += time - stalled_since_;
    stalled_ = true;
    stalled_since_ = time;
    stall_cause_ = wait_cause_;
    if (environment_.observer != nullptr) environment_.observer->stall(time, index_, stall_cause_);
}

void Engine::skip_current() {
    next_wait_ = 0;
    advance();
    count_completed();
}

void Engine::tell_fill(Buffer buffer) {
    environment_.observer->buffer_fill(now(), buffer,
                                       buffers_[static_cast<std::size_t>(buffer)].fill_bytes());
}

void Engine::advance() {
    ++position_;
    if (++work_ == stream_end_) repeat_or_leave_section();
}

void Engine::repeat_or_leave_section() {
    position_ = 0;
    if (++repetition_ < here_->runs()) {
        enter_repetition();
        return;
    }
    repetition_ = 0;
    ++section_;
    enter_section();
}

void Engine::wake_sleepers() {
    const auto& completed = completed_[index_];
    // An engine that wakes may go to sleep here again, so it leaves the list first.
    for (std::size_t i = 0; i < sleepers_.size();) {
        if (sleepers_[i].index >= completed) {
            ++i;
            continue;
        }
        auto* engine = sleepers_[i].engine;
        sleepers_.erase(sleepers_.begin() + static_cast<std::ptrdiff_t>(i));
        engine->asleep_ = false;
        std::copy(chain_.begin(), chain_.end(), engine->chain_.begin());
        engine->proceed();
        i = 0;
    }
    first_awaited_ = std::numeric_limits<std::int64_t>::max();
    for (const auto& sleeper : sleepers_) first_awaited_ = std::min(first_awaited_, sleeper.index);
}

void Engine::became_idle() {
    idle_since_ = now();
    if (stalled_) activity_.stalled[static_cast<std::size_t>(stall_cause_)] += idle_since_ - stalled_since_;
    stalled_ = false;
    if (environment_.observer != nullptr) environment_.observer->idle(idle_since_, index_);
}

std::string Engine::waiting_for() const {
    const auto& program = *environment_.program;
    std::string text = activity_.name + " stands at instruction " + std::to_string(completed());
    if (finished()) return text + " and has finished";
    text += " (" + program.labels[current().label] + ")";
    if (next_wait_ < current().wait_count) {
        const auto& wait = section().waits[current().wait_begin + next_wait_];
        text += " and waits for " + program.engines[wait.engine].name + " instruction " +
                std::to_string(base_[wait.engine] + wait.index);
    }
    return text;
}

EngineActivity Engine::activity(TimeFs end) const {
    auto result = activity_;
    result.idle = end - idle_since_;
    return result;
}

ComputeEngine::ComputeEngine(sc_core::sc_module_name name, std::uint16_t index,
                             const EngineEnvironment& environment,
                             std::vector<std::vector<std::int64_t>> cycles)
    : Engine(name, index, environment), cycles_(std::move(cycles)) {
    for (std::size_t i = 0; i < cycles_.size(); ++i) {
        const auto& section = environment.program->sections[i];
        for (std::size_t p = 0; p < cycles_[i].size(); ++p) {
            const auto& work = section.streams[index][p];
            const auto busy = section.times(work) * cycles_[i][p] * environment.clock_period;
            activity_.busy += busy;
            busy_by_label_[work.label] += busy;
        }
    }
}

void ComputeEngine::proceed() {
    if (occupied_) return;
    for (;; skip_current()) {
        if (finished()) {
            became_idle();
            return;
        }
        if (!waits_satisfied()) {
            note_stall();
            return;
        }
        if (works()) break;
    }
    const auto time = now();
    start_current(time);
    const auto duration = cycles_[section_][position_] * environment_.clock_period;
    chain_[index_] += duration;
    occupied_ = true;
    notify(duration);
    if (environment_.observer != nullptr) {
        environment_.observer->work(time, time + duration, index_, current());
    }
}

void ComputeEngine::called() {
    const auto done = step();
    const auto& section = *here_;
    const auto& work = *work_;
    advance();
    occupied_ = false;
    complete(done, section, work);
    proceed();
}

}  // namespace tilewright::accel
