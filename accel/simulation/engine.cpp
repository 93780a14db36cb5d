// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/engine.hpp"

#include <algorithm>
#include <utility>

#include "accel/engines/timing.hpp"

namespace tilewright::accel {

using memory::TimeFs;

Engine::Engine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment)
    : sc_module(name), index_(index), environment_(environment) {
    const auto& program = *environment.program;
    const auto& description = program.engines[index];
    activity_.name = description.name;
    activity_.kind = description.kind;
    busy_by_label_.assign(program.labels.size(), 0);
    section_begin_.assign(program.sections.size(), -1);
    std::vector<std::int64_t> base(program.engines.size(), 0);
    for (const auto& section : program.sections) {
        section_bases_.push_back(base);
        std::vector<std::int64_t> macs;
        for (const auto& work : section.streams[index]) macs.push_back(instruction_macs(section, work));
        macs_.push_back(std::move(macs));
        for (std::size_t i = 0; i < base.size(); ++i) {
            base[i] += section.runs() * static_cast<std::int64_t>(section.streams[i].size());
        }
    }
    skip_empty_sections();
    if (!finished()) {
        base_ = section_bases_[section_];
        next_wait_ = 0;
    }
}

void Engine::skip_empty_sections() {
    while (!finished() && section().streams[index_].empty()) ++section_;
}

void Engine::enter_section() {
    base_ = section_bases_[section_];
    for (std::size_t i = 0; i < base_.size(); ++i) {
        base_[i] += repetition_ * static_cast<std::int64_t>(section().streams[i].size());
    }
}

bool Engine::waits_satisfied() {
    if (asleep_) return false;
    const auto& work = current();
    const auto& waits = section().waits;
    for (; next_wait_ < work.wait_count; ++next_wait_) {
        const auto& wait = waits[work.wait_begin + next_wait_];
        const auto target = base_[wait.engine] + wait.index;
        auto* other = engines_[wait.engine];
        if (other->completed_ > target) continue;
        other->sleepers_.push_back({this, target});
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

void Engine::start_current(TimeFs time) {
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
    if (work.acquire_count > 0)
        apply(section(), work.effect_begin, work.effect_begin + work.acquire_count, true);
    if (environment_.executor != nullptr) environment_.executor->start(step());
}

void Engine::skip_current() {
    next_wait_ = 0;
    advance();
    count_completed();
}

void Engine::apply(const Section& section, std::uint32_t begin, std::uint32_t end, bool acquire) {
    for (auto i = begin; i < end; ++i) {
        const auto& effect = section.effects[i];
        auto& buffer = (*environment_.buffers)[static_cast<std::size_t>(effect.buffer)];
        if (acquire) {
            buffer.acquire(effect.bytes);
        } else {
            buffer.release(effect.bytes);
        }
        if (environment_.observer != nullptr) {
            environment_.observer->buffer_fill(now(), effect.buffer, buffer.fill_bytes());
        }
    }
}

void Engine::advance() {
    if (++position_ < section().streams[index_].size()) return;
    position_ = 0;
    if (++repetition_ < section().runs()) {
        enter_section();
        return;
    }
    repetition_ = 0;
    ++section_;
    skip_empty_sections();
    if (!finished()) enter_section();
}

void Engine::complete(const Step& step) {
    const auto& section = environment_.program->sections[step.section];
    const auto& work = instruction(step);
    if (environment_.executor != nullptr) environment_.executor->complete(step);
    if (work.release_count > 0) {
        const auto begin = work.effect_begin + work.acquire_count;
        apply(section, begin, begin + work.release_count, false);
    }
    activity_.macs += macs_[step.section][step.position];
    ++activity_.instructions;
    count_completed();
}

void Engine::count_completed() {
    ++completed_;
    if (!sleepers_.empty()) wake_sleepers();
}

void Engine::wake_sleepers() {
    // An engine that wakes may go to sleep here again, so it leaves the list first.
    for (std::size_t i = 0; i < sleepers_.size();) {
        if (sleepers_[i].index >= completed_) {
            ++i;
            continue;
        }
        auto* engine = sleepers_[i].engine;
        sleepers_.erase(sleepers_.begin() + static_cast<std::ptrdiff_t>(i));
        engine->asleep_ = false;
        engine->proceed();
        i = 0;
    }
}

void Engine::became_idle() {
    idle_since_ = now();
    if (stalled_) activity_.stalled[static_cast<std::size_t>(stall_cause_)] += idle_since_ - stalled_since_;
    stalled_ = false;
    if (environment_.observer != nullptr) environment_.observer->idle(idle_since_, index_);
}

std::string Engine::waiting_for() const {
    const auto& program = *environment_.program;
    std::string text = activity_.name + " stands at instruction " + std::to_string(completed_);
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
    SC_METHOD(on_done);
    sensitive << done_;
    dont_initialize();
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
    started_ = now();
    start_current(started_);
    const auto duration = cycles_[section_][position_] * environment_.clock_period;
    occupied_ = true;
    done_.notify(memory::to_sc_time(duration));
    if (environment_.observer != nullptr) {
        environment_.observer->work(started_, started_ + duration, index_, current());
    }
}

void ComputeEngine::on_done() {
    const auto duration = now() - started_;
    activity_.busy += duration;
    busy_by_label_[current().label] += duration;
    const auto done = step();
    advance();
    occupied_ = false;
    complete(done);
    proceed();
}

DmaEngine::DmaEngine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment,
                     const MemoryPort& port, const TransferLayout& layout)
    : Engine(name, index, environment),
      port_(port),
      layout_(layout),
      beat_bytes_(port.width_bits / 8 * static_cast<std::int64_t>(port.channels)) {
    for (int i = 0; i < port.channels; ++i) {
        channels.push_back(std::make_unique<memory::DmaChannel>(("channel" + std::to_string(i)).c_str(),
                                                                port.width_bits / 8, port.burst_beats,
                                                                port.outstanding_bursts));
    }
    port_activity_.name = port.name;
    port_activity_.memory = port.memory;
    SC_METHOD(on_done);
    sensitive << done_;
    dont_initialize();
}

// A deque keeps its elements in place while others come and go at its ends.
void DmaEngine::issue(Transfer& transfer, const Instruction& work) {
    auto* executor = environment_.executor;
    transfer.unanswered = channels.size();
    for (std::size_t i = 0; i < channels.size(); ++i) {
        auto* data = executor == nullptr ? nullptr : executor->transfer_bytes(transfer.step, i).data();
        const memory::DmaTransfer part{layout_.address(work, transfer.step.repetition, i),
                                       layout_.share(work.value_bytes), layout_.share(work.scale_bytes),
                                       work.opcode == Opcode::store, data};
        if (!channels[i]->answers_later()) {
            moved(transfer, channels[i]->transfer(part));
            continue;
        }
        channels[i]->request(part, [this, &transfer](TimeFs done) { moved(transfer, done); });
    }
}

// One channel's part of a transfer.
void DmaEngine::moved(Transfer& transfer, TimeFs done) {
    transfer.done = std::max(transfer.done, done);
    if (--transfer.unanswered == 0 && &transfer == &in_flight_.front()) expect_oldest(now());
}

// The oldest transfer is reported at its end, if that is known by now, and not before those in front of it.
void DmaEngine::expect_oldest(TimeFs time) {
    if (in_flight_.empty() || in_flight_.front().unanswered > 0) return;
    done_.cancel();  // of one that was the oldest; a later notification would not replace an earlier one
    done_.notify(memory::to_sc_time(std::max(in_flight_.front().done, time) - time));
    show_oldest(time);
}

void DmaEngine::count(const Instruction& work) {
    const auto value_beats = beat_bytes_.up(work.value_bytes);
    const auto scale_beats = beat_bytes_.up(work.scale_bytes);
    const auto stripes = static_cast<std::int64_t>(channels.size());
    auto& traffic = port_activity_.traffic[static_cast<std::size_t>(work.traffic)];
    const auto beats = (value_beats + scale_beats) * stripes;
    const auto bytes = work.value_bytes + work.scale_bytes;
    if (work.opcode == Opcode::store) {
        traffic.write_beats += beats;
        traffic.write_bytes += bytes;
    } else {
        traffic.read_beats += beats;
        traffic.read_bytes += bytes;
    }
    traffic.scale_beats += scale_beats * stripes;
}

void DmaEngine::show_oldest(TimeFs time) {
    if (environment_.observer == nullptr) return;
    const auto& oldest = in_flight_.front();
    environment_.observer->work(time, std::max(oldest.done, time), index_, instruction(oldest.step));
}

void DmaEngine::proceed() {
    while (in_flight_.size() < static_cast<std::size_t>(port_.outstanding)) {
        if (finished()) {
            if (in_flight_.empty()) became_idle();
            return;
        }
        if (!waits_satisfied()) {
            if (in_flight_.empty()) note_stall();
            return;
        }
        if (!works()) {
            // Transfers complete in order.
            if (!in_flight_.empty()) return;
            skip_current();
            continue;
        }
        const auto time = now();
        start_current(time);
        const auto& work = current();
        count(work);
        in_flight_.push_back({step()});
        if (in_flight_.size() == 1) busy_since_ = time;
        issue(in_flight_.back(), work);
        advance();
    }
}

void DmaEngine::on_done() {
    const auto time = now();
    while (!in_flight_.empty() && in_flight_.front().unanswered == 0 && in_flight_.front().done <= time) {
        const auto transfer = in_flight_.front();
        in_flight_.pop_front();
        activity_.busy += time - busy_since_;
        busy_by_label_[instruction(transfer.step).label] += time - busy_since_;
        busy_since_ = time;
        expect_oldest(time);
        complete(transfer.step);
    }
    proceed();
}

PortActivity DmaEngine::port_activity() const {
    auto result = port_activity_;
    for (const auto& channel : channels) {
        result.bursts += channel->bursts();
        result.arbitration += channel->arbitration();
    }
    return result;
}

}  // namespace tilewright::accel
