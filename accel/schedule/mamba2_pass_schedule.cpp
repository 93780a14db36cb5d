// SPDX-License-Identifier: Apache-2.0
// The order of a block's passes over tokens, and what a block hands to the next one where blocks overlap.
#include <algorithm>
#include <span>

#include "accel/schedule/mamba2_schedule.hpp"

namespace tilewright::accel {

std::optional<Mamba2Schedule::Unfinished> Mamba2Schedule::emit(const std::optional<Unfinished>& earlier) {
    auto rest = emit_passes(earlier);
    weights_.close(true);
    reuse_state_slots();
    return rest;
}

std::optional<Mamba2Schedule::Unfinished> Mamba2Schedule::emit_passes(
    const std::optional<Unfinished>& earlier) {
    const auto total = design_.workload.tokens;
    const auto size = pass_tokens(design_);
    const auto runs = in_proj_order(design_);
    const auto ahead = std::span(runs).first(runs_ahead_);
    const auto rest = std::span(runs).subspan(ahead.size());
    if (earlier) take_up(*earlier);
    std::optional<TokenPass> before;
    for (std::int64_t begin = 0; begin < total; begin += size) {
        TokenPass pass;
        pass.tokens = {begin, std::min(size, total - begin)};
        pass.first = begin == 0;
        pass.last = begin + size >= total;
        if (pass.first && design_.mapping.operator_order != OperatorOrder::naive) {
            load_convolution();
            if (design_.mapping.state_transfer == StateTransfer::per_layer) {
                load_state(0, channel_groups(design_));
            }
        }
        auto inputs = begin_pass(pass);
        in_proj(pass, inputs, in_proj_ahead, ahead);
        if (before) {
            finish_pass(*before);
        } else if (earlier) {
            finish_earlier(*earlier);
        }
        in_proj(pass, inputs, in_proj_rest, rest);
        if (!ahead.empty()) {
            before = pass;
            continue;
        }
        if (pass.last) open_gates(0);
        finish_pass(pass);
        if (!pass.last) continue;
        store_convolution();
        flush_stores(0);
    }
    if (!before) return {};
    store_convolution();
    flush_stores(stores_left_over());
    return unfinished(*before);
}

// State that is written back behind the first groups of the next block: their slots must be free by then.
std::size_t Mamba2Schedule::stores_left_over() const {
    if (design_.mapping.state_transfer == StateTransfer::per_layer) return 0;
    const auto ahead = design_.mapping.groups_ahead;
    return static_cast<std::size_t>(std::min(ahead, channel_groups(design_) - ahead));
}

Mamba2Schedule::Unfinished Mamba2Schedule::unfinished(const TokenPass& pass) const {
    Unfinished left{pass, waiting_gates_, pending_stores_};
    const auto count_back = [&](InstructionRef& ref) { ref.index -= builder_.size(ref.engine); };
    count_back(left.pass.norm);
    for (auto& [first, outputs] : left.pass.made) count_back(first);
    for (auto& gate : left.gates) {
        count_back(gate.ssm);
        for (auto& product : gate.z) count_back(product);
    }
    for (auto& store : left.stores) {
        count_back(store.load);
        count_back(store.user);
    }
    return left;
}

void Mamba2Schedule::take_up(const Unfinished& earlier) {
    waiting_gates_ = earlier.gates;
    for (auto& gate : waiting_gates_) gate.stage = 1;
    pending_stores_ = earlier.stores;
    for (const auto& store : pending_stores_) stored_later_[static_cast<std::size_t>(store.group)] = true;
}

void Mamba2Schedule::finish_earlier(const Unfinished& earlier) {
    builder_.set_stage(1);
    finish_pass(earlier.pass);
    flush_stores(0);
    builder_.set_stage(0);
}

}  // namespace tilewright::accel
