// SPDX-License-Identifier: Apache-2.0
// The part of the block's schedule between in_proj and the gated norm: convolution, SSM, their state, and the
// gates.
#include <algorithm>

#include "accel/schedule/mamba2_schedule.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

void Mamba2Schedule::load_convolution() {
    const auto elements = convolution_elements(design_);
    const auto& format = design_.recipe.convolution;
    convolution_loads_ = {
        transfer(Opcode::load, Traffic::convolution_state, Stream::convolution, layout_.convolution_state,
                 layout_.convolution_state_stride, elements, format, {}, "conv state in"),
        transfer(Opcode::load, Traffic::convolution_weights, Stream::convolution, layout_.convolution_weights,
                 layout_.convolution_weights_stride, elements, format, {}, "conv weights in")};
}

// Loads the state of `groups` consecutive groups in one transfer.
void Mamba2Schedule::load_state(std::int64_t group, std::int64_t groups) {
    const auto channels = group_channels(design_);
    const auto inner = design_.network.d_inner();
    const auto elements = std::min(groups * channels, inner - group * channels) * design_.network.d_state;
    // Written back two groups later, so that the port does not wait for the SSM; earlier if the buffer is
    // smaller.
    constexpr std::int64_t groups_behind = 2;
    if (groups == 1 && pass_tokens(design_) == design_.workload.tokens)
        flush_stores(static_cast<std::size_t>(std::min(state_slots_ - 1, groups_behind)));
    const auto load = transfer(Opcode::load, Traffic::ssm_state, Stream::state,
                               layout_.ssm_state + group * state_group_stride(design_),
                               layout_.ssm_state_stride, elements, design_.recipe.state, {}, "state in");
    for (auto i = group; i < group + groups; ++i) state_loads_[static_cast<std::size_t>(i)] = load;
}

void Mamba2Schedule::store_state(const PendingStore& first, const PendingStore& last) {
    const auto channels = group_channels(design_);
    const auto inner = design_.network.d_inner();
    const auto groups = last.group - first.group + 1;
    const auto elements =
        std::min(groups * channels, inner - first.group * channels) * design_.network.d_state;
    const auto store =
        transfer(Opcode::store, Traffic::ssm_state, Stream::state,
                 layout_.ssm_state + first.group * state_group_stride(design_), layout_.ssm_state_stride,
                 elements, design_.recipe.state, {last.user}, "state out");
    builder_.hold(Buffer::state, models::stored_bytes(design_.recipe.state, elements), first.load, store);
    for (auto i = first.group; i <= last.group; ++i) state_stores_[static_cast<std::size_t>(i)] = store;
}

// Writes back the state of groups that are done, oldest first, until `keep` are left.
void Mamba2Schedule::flush_stores(std::size_t keep) {
    if (design_.mapping.state_transfer == StateTransfer::per_layer) {
        if (keep == 0 && !pending_stores_.empty()) {
            store_state(pending_stores_.front(), pending_stores_.back());
            pending_stores_.clear();
        }
        return;
    }
    while (pending_stores_.size() > keep) {
        store_state(pending_stores_.front(), pending_stores_.front());
        pending_stores_.pop_front();
    }
}

// A load may overwrite its slot once the group that used it has been written back: in this repetition, or for
// the first loads in an earlier one.
void Mamba2Schedule::reuse_state_slots() {
    const auto groups = channel_groups(design_);
    const auto length = builder_.size(engines_.dma[design_.port_of(Stream::state)]);
    for (std::int64_t group = 0; group < groups; ++group) {
        auto before = group - state_slots_;
        const auto back = before >= 0 ? 0 : divide_up(-before, groups);
        before += back * groups;
        auto freed_by = state_stores_[static_cast<std::size_t>(before)];
        const auto repetitions = back - (stored_later_[static_cast<std::size_t>(before)] ? 1 : 0);
        const auto& load = state_loads_[static_cast<std::size_t>(group)];
        if (repetitions == 0 && freed_by.index >= load.index) continue;  // one transfer for all groups
        freed_by.index -= static_cast<std::int32_t>(repetitions) * length;
        builder_.wait_for_space(load, freed_by);
    }
}

// The naive order: every operator waits until the one before it has finished with all channels.
void Mamba2Schedule::run_ssm_for_all(const TokenPass& pass) {
    const auto inner = design_.network.d_inner();
    const auto products = engines_.linear.last(builder_);
    if (pass.first) load_convolution();
    auto data = products;
    data.insert(data.end(), convolution_loads_.begin(), convolution_loads_.end());
    convolved_ = vector_work(Opcode::convolution, "mixer.conv1d", 2, pass.tokens, 0,
                             design_.network.convolution_channels(), data, "conv xBC");
    b_c_ready_ = convolved_;
    const auto heads = design_.network.heads();
    const auto dt =
        vector_work(Opcode::softplus, "dt.softplus", 1, pass.tokens, 0, heads, products, "softplus dt");
    auto instruction =
        work(Opcode::discretize, operator_index("ssm.discretize"), 1, "discretize", pass.tokens);
    instruction.n = static_cast<std::uint32_t>(heads);
    instruction.k = static_cast<std::uint32_t>(design_.network.d_state);
    discretized_ = builder_.emit(engines_.ssm, instruction, {dt});
    if (pass.first) {
        // In the pieces in which it is written back: that is how it lies in memory.
        const bool whole = design_.mapping.state_transfer == StateTransfer::per_layer;
        const auto groups = channel_groups(design_);
        for (std::int64_t group = 0; group < groups; group += whole ? groups : 1) {
            load_state(group, whole ? groups : 1);
        }
    }
    ssm_group(pass, 0, inner);
    waiting_gates_.push_back({pass.tokens, 0, inner, ssm_done_, products});
    open_gates(0);
}

void Mamba2Schedule::ssm_group(const TokenPass& pass, std::int64_t channel, std::int64_t channels) {
    const auto group = static_cast<std::size_t>(channel / group_channels(design_));
    auto instruction = work(Opcode::ssm_fused, operator_index("ssm.outer_product"), 5, "ssm", pass.tokens);
    instruction.n0 = static_cast<std::uint32_t>(channel);
    instruction.n = static_cast<std::uint32_t>(channels);
    instruction.k = static_cast<std::uint32_t>(design_.network.d_state);
    std::vector<InstructionRef> data = {convolved_, discretized_};
    const auto groups = static_cast<std::size_t>(divide_up(channels, group_channels(design_)));
    if (pass.first) data.push_back(state_loads_[group + groups - 1]);
    const auto value_bytes = divide_up(design_.recipe.ssm_intermediate.bits, 8);
    if (design_.mapping.fusion == Fusion::fine_grained) {
        ssm_done_ = builder_.emit(engines_.ssm, instruction, data);
        // Four FIFOs (B x, A h, h, h C), each with one tile being written and one being read.
        const auto tile = std::min(design_.mapping.tile.state, design_.network.d_state) *
                          std::min(channels, group_channels(design_));
        builder_.hold(Buffer::intermediates, 4 * 2 * tile * value_bytes, ssm_done_, ssm_done_);
    } else {
        instruction.opcode = Opcode::ssm_operator;
        const struct {
            const char* op;
            std::uint8_t count;
            const char* label;
        } steps[] = {{"ssm.outer_product", 1, "ssm B x"},
                     {"ssm.decay_state", 1, "ssm A h"},
                     {"ssm.update_state", 1, "ssm h"},
                     {"ssm.contract_state", 2, "ssm h C"}};
        if (channel == 0) first_intermediate_ = {engines_.ssm, builder_.size(engines_.ssm)};
        for (const auto& step : steps) {
            instruction.operator_first = operator_index(step.op);
            instruction.operator_count = step.count;
            instruction.label = builder_.label(step.label);
            ssm_done_ = builder_.emit(engines_.ssm, instruction, data);
            data.clear();
        }
        // Each of the four tensors has its place for all channels of the block.
        if (channel + channels == design_.network.d_inner()) {
            builder_.hold(Buffer::intermediates,
                          4 * design_.network.d_inner() * design_.network.d_state * value_bytes,
                          first_intermediate_, ssm_done_);
        }
    }
    for (auto i = group; pass.last && i < group + groups; ++i) {
        pending_stores_.push_back({static_cast<std::int64_t>(i), state_loads_[i], ssm_done_});
    }
    const bool by_group = design_.mapping.state_transfer == StateTransfer::per_group;
    if (by_group && runs_ahead_ > 0) flush_stores(stores_left_over());
}

void Mamba2Schedule::open_gates(std::size_t keep) {
    while (waiting_gates_.size() > keep) {
        const auto& gate = waiting_gates_.front();
        std::vector<InstructionRef> data = {gate.ssm};
        data.insert(data.end(), gate.z.begin(), gate.z.end());
        builder_.set_stage(gate.stage);
        vector_work(Opcode::gate, "mixer.gate", 1, gate.tokens, gate.channel, gate.channels, data, "gate");
        waiting_gates_.pop_front();
    }
    builder_.set_stage(0);
}

}  // namespace tilewright::accel
