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

void Engine::note_stall() {
    if (stalled_ && stall_cause_ == wait_cause_) return;
    const auto time = now();
    if (stalled_) activity_.stalled[static_cast<std::size_t>(stall_cause_)] += time - stalled_since_;
    stalled_ = true;
    stalled_since_ = time;
    stall_cause_ = wait_cause_;
    if (environment_.observer != nullptr) environment_.observer->stall(time, index_, stall_cause_);
}

inline void Engine::start_current(TimeFs time) {
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

void Engine::skip_current() {
    next_wait_ = 0;
    advance();
    count_completed();
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

inline void Engine::complete(const Step& step, const Section& section, const Instruction& work) {
    if (environment_.executor != nullptr) environment_.executor->complete(step);
    if (work.release_count > 0) release(section, work);
    count_completed();
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

DmaEngine::DmaEngine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment,
                     const MemoryPort& port, const TransferLayout& layout)
    : Engine(name, index, environment),
      port_(port),
      layout_(layout),
      beat_bytes_(port.width_bits / 8 * static_cast<std::int64_t>(port.channels)),
      in_flight_(static_cast<std::size_t>(port.outstanding)) {
    for (int i = 0; i < port.channels; ++i) {
        channels.push_back(std::make_unique<memory::DmaChannel>(("channel" + std::to_string(i)).c_str(),
                                                                *environment.agenda, port.width_bits / 8,
                                                                port.burst_beats, port.outstanding_bursts));
    }
    set_copies(std::vector<std::int64_t>(channels.size(), 1));
    completed_chain_ = chain_;
    for (auto& transfer : in_flight_) {
        transfer.engine = this;
        transfer.chain = chain_;
    }
    port_activity_.name = port.name;
    port_activity_.memory = port.memory;
    for (const auto& section : environment.program->sections) {
        for (const auto& work : section.streams[index]) count(work, section.times(work));
    }
}

void DmaEngine::set_copies(const std::vector<std::int64_t>& copies) {
    copies_ = copies;
    active_.clear();
    for (std::size_t i = 0; i < copies.size(); ++i) {
        if (copies[i] > 0) active_.push_back(i);
    }
}

inline void DmaEngine::issue(Transfer& transfer) {
    auto* executor = environment_.executor;
    const auto& work = *transfer.work;
    memory::DmaTransfer part;
    part.value_bytes = layout_.share(work.value_bytes);
    part.scale_bytes = layout_.share(work.scale_bytes);
    part.write = work.opcode == Opcode::store;
    part.wanted = std::exchange(ready_since_, not_ready);
    for (const auto i : active_) {
        part.address = layout_.address(work, transfer.step.repetition, i);
        if (executor != nullptr) part.data = executor->transfer_bytes(transfer.step, i).data();
        if (channels[i]->answers_later()) {
            channels[i]->request(part, transfer);
        } else {
            moved(transfer, channels[i]->transfer(part));
        }
    }
}

// One channel's part of a transfer.
void DmaEngine::moved(Transfer& transfer, TimeFs done) {
    transfer.done = std::max(transfer.done, done);
    if (--transfer.unanswered == 0 && &transfer == &oldest()) expect_oldest(now());
}

// The oldest transfer is reported at its end, if that is known by now, and not before those in front of it.
inline void DmaEngine::expect_oldest(TimeFs time) {
    if (in_flight_count_ == 0) return;
    show_oldest(time);
    if (oldest().unanswered > 0) return;
    cancel();  // of one that was the oldest; a later notification would not replace an earlier one
    notify(std::max(oldest().done, time) - time);
}

void DmaEngine::count(const Instruction& work, std::int64_t times) {
    const auto stripes = times * static_cast<std::int64_t>(channels.size());
    const auto scale_beats = beat_bytes_.up(work.scale_bytes) * stripes;
    const auto beats = beat_bytes_.up(work.value_bytes) * stripes + scale_beats;
    const auto bytes = times * (work.value_bytes + work.scale_bytes);
    auto& traffic = port_activity_.traffic[static_cast<std::size_t>(work.traffic)];
    if (work.opcode == Opcode::store) {
        traffic.write_beats += beats;
        traffic.write_bytes += bytes;
    } else {
        traffic.read_beats += beats;
        traffic.read_bytes += bytes;
    }
    traffic.scale_beats += scale_beats;
}

void DmaEngine::show_oldest(TimeFs time) {
    if (environment_.observer == nullptr) return;
    const bool known = oldest().unanswered == 0;
    const auto end = known ? std::max(oldest().done, time) : Observer::not_known;
    if (!shown_) {
        environment_.observer->work(busy_since_, end, index_, *oldest().work);
    } else if (known) {
        environment_.observer->worked(end, index_);
    }
    shown_ = true;
}

void DmaEngine::proceed() {
    for (;;) {
        if (finished()) {
            if (in_flight_count_ == 0) became_idle();
            return;
        }
        if (!waits_satisfied()) {
            if (in_flight_count_ == 0) note_stall();
            return;
        }
        if (!works()) {
            // Transfers complete in order.
            if (in_flight_count_ > 0) return;
            skip_current();
            continue;
        }
        const auto time = now();
        ready_since_ = std::min(ready_since_, time);
        if (in_flight_count_ == in_flight_.size()) return;
        start_current(time);
        const bool first = in_flight_count_ == 0;
        if (first) busy_since_ = time;
        const auto newest = oldest_ + in_flight_count_++;
        auto& transfer = in_flight_[newest < in_flight_.size() ? newest : newest - in_flight_.size()];
        transfer.step = step();
        transfer.section = here_;
        transfer.work = work_;
        std::copy(chain_.begin(), chain_.end(), transfer.chain.begin());
        transfer.begin = time;
        transfer.done = 0;
        transfer.unanswered = active_.size();
        if (first) shown_ = false;
        issue(transfer);
        if (first && transfer.unanswered > 0) show_oldest(time);
        advance();
    }
}

void DmaEngine::called() {
    const auto time = now();
    while (in_flight_count_ > 0 && oldest().unanswered == 0 && oldest().done <= time) {
        auto& transfer = oldest();
        const auto done = transfer.step;
        const auto& section = *transfer.section;
        const auto& work = *transfer.work;
        if (++oldest_ == in_flight_.size()) oldest_ = 0;
        shown_ = false;
        --in_flight_count_;
        // One that was behind another goes on with the chain of that.
        if (transfer.begin >= busy_since_) completed_chain_.swap(transfer.chain);
        completed_chain_[index_] += time - busy_since_;
        std::copy(completed_chain_.begin(), completed_chain_.end(), chain_.begin());
        activity_.busy += time - busy_since_;
        busy_by_label_[work.label] += time - busy_since_;
        busy_since_ = time;
        expect_oldest(time);
        complete(done, section, work);
    }
    proceed();
}

PortActivity DmaEngine::port_activity() const {
    auto result = port_activity_;
    for (const auto i : active_) {
        result.bursts += copies_[i] * channels[i]->bursts();
        result.arbitration += copies_[i] * channels[i]->arbitration();
    }
    return result;
}

}  // namespace tilewright::accel
