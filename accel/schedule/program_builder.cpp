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
    waits_.links.clear();
    effects_.links.clear();
    earlier_holds_.clear();
    stage_ = 0;
    serialize_ = serialize;
    previous_.reset();
}

std::uint16_t ProgramBuilder::label(const std::string& text) {
    const auto found = std::find(program_.labels.begin(), program_.labels.end(), text);
    if (found != program_.labels.end()) return static_cast<std::uint16_t>(found - program_.labels.begin());
    program_.labels.push_back(text);
    return static_cast<std::uint16_t>(program_.labels.size() - 1);
}

template <typename T, typename Same>
T* ProgramBuilder::find_or_append(Pool<T>& pool, std::int32_t& first, const T& value, Same same) {
    std::int32_t last = end_of_list;
    for (auto at = first; at != end_of_list; at = pool.links[static_cast<std::size_t>(at)].next) {
        if (same(pool.links[static_cast<std::size_t>(at)].value)) {
            return &pool.links[static_cast<std::size_t>(at)].value;
        }
        last = at;
    }
    const auto added = static_cast<std::int32_t>(pool.links.size());
    pool.links.push_back({value, end_of_list});
    (last == end_of_list ? first : pool.links[static_cast<std::size_t>(last)].next) = added;
    return nullptr;
}

void ProgramBuilder::add_wait(Pending& pending, Wait wait) {
    auto* const other = find_or_append(waits_, pending.waits, wait,
                                       [&](const Wait& one) { return one.engine == wait.engine; });
    if (other == nullptr) return;
    // In-order engines: the later instruction implies the earlier one.
    if (wait.index > other->index) *other = wait;
    if (wait.index == other->index) other->data = other->data || wait.data;
}

InstructionRef ProgramBuilder::emit(std::uint16_t engine, const Instruction& instruction,
                                    const std::vector<InstructionRef>& data,
                                    const std::vector<InstructionRef>& space) {
    Pending pending;
    const bool ordered = program_.engines[engine].in_flight == 1;
    for (const auto& ref : data) {
        if (ref.engine != engine || !ordered) add_wait(pending, {ref.engine, ref.index, true});
    }
    for (const auto& ref : space) {
        if (ref.engine != engine || !ordered) add_wait(pending, {ref.engine, ref.index, false});
    }
    const InstructionRef self{engine, size(engine)};
    if (serialize_ && program_.engines[engine].kind != EngineKind::dma) {
        if (previous_ && previous_->engine != engine) {
            add_wait(pending, {previous_->engine, previous_->index, true});
        }
        previous_ = self;
    }
    section().streams[engine].push_back(instruction);
    section().streams[engine].back().stage = stage_;
    pending_[engine].push_back(pending);
    return self;
}

void ProgramBuilder::wait_for_space(InstructionRef instruction, InstructionRef freed_by) {
    add_wait(pending(instruction), {freed_by.engine, freed_by.index, false});
}

void ProgramBuilder::wait_for_data(InstructionRef instruction, InstructionRef made_by) {
    add_wait(pending(instruction), {made_by.engine, made_by.index, true});
}

void ProgramBuilder::add_effect(std::int32_t& effects, Buffer buffer, std::int64_t bytes) {
    auto* const other = find_or_append(effects_, effects, {buffer, bytes},
                                       [&](const BufferEffect& one) { return one.buffer == buffer; });
    if (other != nullptr) other->bytes += bytes;
}

void ProgramBuilder::set_stage(std::uint8_t stage) {
    stage_ = stage;
    section().stages = std::max<std::uint8_t>(section().stages, stage + 1);
}

void ProgramBuilder::hold(Buffer buffer, std::int64_t bytes, InstructionRef holder, InstructionRef releaser) {
    if (holder.index < 0) {
        earlier_holds_.push_back({buffer, bytes, holder, releaser});
    } else {
        add_effect(pending(holder).acquires, buffer, bytes);
    }
    add_effect(pending(releaser).releases, buffer, bytes);
    section().holds.push_back({buffer, bytes, holder, releaser});
}

// Appends a list to `target` and returns its length.
template <typename T>
std::size_t ProgramBuilder::move_to(std::vector<T>& target, const Pool<T>& pool, std::int32_t first) {
    const auto before = target.size();
    for (auto at = first; at != end_of_list; at = pool.links[static_cast<std::size_t>(at)].next) {
        target.push_back(pool.links[static_cast<std::size_t>(at)].value);
    }
    return target.size() - before;
}

void ProgramBuilder::end_section() {
    auto& target = section();
    for (auto [buffer, bytes, holder, releaser] : earlier_holds_) {
        holder.index += size(holder.engine);
        add_effect(pending(holder).acquires, buffer, bytes);
    }
    target.waits.reserve(waits_.links.size());
    target.effects.reserve(effects_.links.size());
    for (std::size_t engine = 0; engine < target.streams.size(); ++engine) {
        for (std::size_t i = 0; i < target.streams[engine].size(); ++i) {
            auto& instruction = target.streams[engine][i];
            const auto& lists = pending_[engine][i];
            instruction.wait_begin = static_cast<std::uint32_t>(target.waits.size());
            instruction.wait_count = static_cast<std::uint32_t>(move_to(target.waits, waits_, lists.waits));
            instruction.effect_begin = static_cast<std::uint32_t>(target.effects.size());
            instruction.acquire_count =
                static_cast<std::uint8_t>(move_to(target.effects, effects_, lists.acquires));
            instruction.release_count =
                static_cast<std::uint8_t>(move_to(target.effects, effects_, lists.releases));
        }
    }
}

}  // namespace tilewright::accel
