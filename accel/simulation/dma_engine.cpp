// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/dma_engine.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace tilewright::accel {

using memory::TimeFs;

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
