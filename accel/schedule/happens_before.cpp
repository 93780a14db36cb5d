// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/happens_before.hpp"

#include <algorithm>

namespace tilewright::accel {

HappensBefore::HappensBefore(const TileProgram& program, std::int64_t repetitions)
    : program_(program),
      engines_(program.engines.size()),
      length_(engines_, 0),
      instance_of_(engines_),
      clocks_(engines_),
      done_(engines_, 0) {
    for (const auto& section : program.sections) {
        for (std::int64_t i = 0; i < std::min(section.runs(), repetitions); ++i) {
            Instance instance{&section, i, length_};
            for (std::size_t engine = 0; engine < engines_; ++engine) {
                const auto count = section.streams[engine].size();
                length_[engine] += static_cast<std::int32_t>(count);
                instance_of_[engine].insert(instance_of_[engine].end(), count,
                                            static_cast<std::uint32_t>(instances_.size()));
            }
            instances_.push_back(std::move(instance));
        }
    }
    for (std::size_t engine = 0; engine < engines_; ++engine) {
        clocks_[engine].assign(static_cast<std::size_t>(length_[engine]) * engines_, 0);
    }
    bool progress = true;
    while (progress) {
        progress = false;
        for (std::uint16_t engine = 0; engine < static_cast<std::uint16_t>(engines_); ++engine) {
            while (done_[engine] < length_[engine] && ready(engine, done_[engine])) {
                advance(engine, done_[engine]++);
                progress = true;
            }
        }
    }
    if (done_ != length_) describe_deadlock();
}

const Instruction& HappensBefore::instruction(std::uint16_t engine, std::int32_t index,
                                              const Instance*& instance) const {
    instance = &instances_[instance_of_[engine][static_cast<std::size_t>(index)]];
    return instance->section->streams[engine][static_cast<std::size_t>(index - instance->base[engine])];
}

bool HappensBefore::ready(std::uint16_t engine, std::int32_t index) const {
    const Instance* instance = nullptr;
    const auto& work = instruction(engine, index, instance);
    for (std::uint32_t i = 0; i < work.wait_count; ++i) {
        const auto& wait = instance->section->waits[work.wait_begin + i];
        if (done_[wait.engine] <= instance->base[wait.engine] + wait.index) return false;
    }
    return true;
}

// All that was complete when instruction `completed - 1` of `other` had completed.
void HappensBefore::merge(std::uint16_t engine, std::int32_t index, std::uint16_t other,
                          std::int32_t completed) {
    if (completed <= 0) return;
    auto* mine = &clocks_[engine][static_cast<std::size_t>(index) * engines_];
    const auto* theirs = &clocks_[other][static_cast<std::size_t>(completed - 1) * engines_];
    for (std::size_t i = 0; i < engines_; ++i) mine[i] = std::max(mine[i], theirs[i]);
    mine[other] = std::max(mine[other], completed);
}

void HappensBefore::advance(std::uint16_t engine, std::int32_t index) {
    const Instance* instance = nullptr;
    const auto& work = instruction(engine, index, instance);
    if (index > 0) {
        // The predecessor has started, so what it waited for has completed as well ...
        auto* mine = &clocks_[engine][static_cast<std::size_t>(index) * engines_];
        std::copy_n(&clocks_[engine][static_cast<std::size_t>(index - 1) * engines_], engines_, mine);
    }
    // ... and with n instructions in flight, the one n places earlier has completed.
    merge(engine, index, engine, index + 1 - program_.engines[engine].in_flight);
    for (std::uint32_t i = 0; i < work.wait_count; ++i) {
        const auto& wait = instance->section->waits[work.wait_begin + i];
        merge(engine, index, wait.engine, instance->base[wait.engine] + wait.index + 1);
    }
}

void HappensBefore::describe_deadlock() {
    deadlock_ = "deadlock: ";
    bool first = true;
    for (std::uint16_t engine = 0; engine < static_cast<std::uint16_t>(engines_); ++engine) {
        if (done_[engine] >= length_[engine]) continue;
        const Instance* instance = nullptr;
        const auto& work = instruction(engine, done_[engine], instance);
        for (std::uint32_t i = 0; i < work.wait_count; ++i) {
            const auto& wait = instance->section->waits[work.wait_begin + i];
            const auto target = instance->base[wait.engine] + wait.index;
            if (done_[wait.engine] > target) continue;
            deadlock_ += std::string(first ? "" : "; ") + program_.engines[engine].name + " instruction " +
                         std::to_string(done_[engine]) + " (" + program_.labels[work.label] + ") waits for " +
                         program_.engines[wait.engine].name + " instruction " + std::to_string(target);
            deadlock_ += target >= length_[wait.engine]
                             ? ", which does not exist"
                             : ", which has not run; that engine stands at instruction " +
                                   std::to_string(done_[wait.engine]);
            first = false;
        }
    }
}

}  // namespace tilewright::accel
