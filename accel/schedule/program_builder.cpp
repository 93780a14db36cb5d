// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/program_builder.hpp"

#include <algorithm>
#include <utility>

namespace tilewright::accel {

void ProgramBuilder::begin_section(const std::string& name, std::int64_t repeat,
                                   std::vector<models::Operator> operators, bool serialize) {
    Section section;
    section.name = name;
    section.repeat = repeat;
    section.operators = std::move(operators);
    section.streams.resize(program_.engines.size());
    program_.sections.push_back(std::move(section));
    pending_.assign(program_.engines.size(), {});
    serialize_ = serialize;
    previous_.reset();
}

std::uint16_t ProgramBuilder::label(const std::string& text) {
    const auto found = std::find(program_.labels.begin(), program_.labels.end(), text);
    if (found != program_.labels.end()) return static_cast<std::uint16_t>(found - program_.labels.begin());
    program_.labels.push_back(text);
    return static_cast<std::uint16_t>(program_.labels.size() - 1);
}

void ProgramBuilder::add_wait(std::vector<Wait>& waits, Wait wait) {
    for (auto& other : waits) {
        if (other.engine != wait.engine) continue;
        // In-order engines: the later instruction implies the earlier one.
        if (wait.index > other.index) other = wait;
        if (wait.index == other.index) other.data = other.data || wait.data;
        return;
    }
    waits.push_back(wait);
}

InstructionRef ProgramBuilder::emit(std::uint16_t engine, const Instruction& instruction,
                                    const std::vector<InstructionRef>& data,
                                    const std::vector<InstructionRef>& space) {
    Pending pending;
    const bool ordered = program_.engines[engine].in_flight == 1;
    for (const auto& ref : data) {
        if (ref.engine != engine || !ordered) add_wait(pending.waits, {ref.engine, ref.index, true});
    }
    for (const auto& ref : space) {
        if (ref.engine != engine || !ordered) add_wait(pending.waits, {ref.engine, ref.index, false});
    }
    const InstructionRef self{engine, size(engine)};
    if (serialize_ && program_.engines[engine].kind != EngineKind::dma) {
        if (previous_ && previous_->engine != engine) {
            add_wait(pending.waits, {previous_->engine, previous_->index, true});
        }
        previous_ = self;
    }
    section().streams[engine].push_back(instruction);
    pending_[engine].push_back(std::move(pending));
    return self;
}

void ProgramBuilder::wait_for_space(InstructionRef instruction, InstructionRef freed_by) {
    add_wait(pending_[instruction.engine][static_cast<std::size_t>(instruction.index)].waits,
             {freed_by.engine, freed_by.index, false});
}

void ProgramBuilder::add_effect(std::vector<BufferEffect>& effects, Buffer buffer, std::int64_t bytes) {
    for (auto& effect : effects) {
        if (effect.buffer == buffer) {
            effect.bytes += bytes;
            return;
        }
    }
    effects.push_back({buffer, bytes});
}

void ProgramBuilder::hold(Buffer buffer, std::int64_t bytes, InstructionRef holder, InstructionRef releaser) {
    add_effect(pending_[holder.engine][static_cast<std::size_t>(holder.index)].acquires, buffer, bytes);
    add_effect(pending_[releaser.engine][static_cast<std::size_t>(releaser.index)].releases, buffer, bytes);
    section().holds.push_back({buffer, bytes, holder, releaser});
}

void ProgramBuilder::end_section() {
    auto& target = section();
    for (std::size_t engine = 0; engine < target.streams.size(); ++engine) {
        for (std::size_t i = 0; i < target.streams[engine].size(); ++i) {
            auto& instruction = target.streams[engine][i];
            const auto& pending = pending_[engine][i];
            instruction.wait_begin = static_cast<std::uint32_t>(target.waits.size());
            instruction.wait_count = static_cast<std::uint32_t>(pending.waits.size());
            target.waits.insert(target.waits.end(), pending.waits.begin(), pending.waits.end());
            instruction.effect_begin = static_cast<std::uint32_t>(target.effects.size());
            instruction.acquire_count = static_cast<std::uint8_t>(pending.acquires.size());
            instruction.release_count = static_cast<std::uint8_t>(pending.releases.size());
            target.effects.insert(target.effects.end(), pending.acquires.begin(), pending.acquires.end());
            target.effects.insert(target.effects.end(), pending.releases.begin(), pending.releases.end());
        }
    }
}

}  // namespace tilewright::accel
