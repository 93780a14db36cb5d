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
    std::vector<TokenPass> passes;
    for (std::int64_t begin = 0; begin < total; begin += size) {
        auto& pass = passes.emplace_back();
        pass.tokens = {begin, std::min(size, total - begin)};
        pass.first = begin == 0;
        pass.last = begin + size >= total;
    }
    const TokenPass* before = nullptr;
    for (auto& pass : passes) {
        if (pass.first && design_.mapping.operator_order != OperatorOrder::naive) {
            load_convolution();
            if (design_.mapping.state_transfer == StateTransfer::per_layer) {
                load_state(0, channel_groups(design_));
            }
        }
        auto inputs = begin_pass(pass);
        in_proj(pass, inputs, in_proj_ahead, ahead);
        if (before != nullptr) {
            finish_pass(*before);
            residual_later_.push_back(
                [this, before, added = builder_.last(engines_.vector)] { store_residual(*before, added); });
        } else if (earlier) {
            finish_earlier(*earlier);
            residual_later_.push_back([this, &earlier, added = builder_.last(engines_.vector)] {
                builder_.set_stage(1);
                store_residual(earlier->pass, added);
                builder_.set_stage(0);
            });
        }
        if (!pass.last) residual_later_.push_back([this, next = &pass + 1] { load_residual(*next); });
        in_proj(pass, inputs, in_proj_rest, rest);
        move_residual(residual_later_.size());
        if (!ahead.empty()) {
            before = &pass;
            continue;
        }
        if (pass.last) open_gates(0);
        finish_pass(pass);
        if (pass.last) {
            store_convolution();
            flush_stores(0);
        }
        store_residual(pass, builder_.last(engines_.vector));
    }
    if (before == nullptr) return {};
    store_convolution();
    flush_stores(stores_left_over());
    return unfinished(*before);
}

// The first pass waits for what ran before: its last transfer is the last store of the residual stream, or,
// of blocks that overlap, comes behind that of all passes but one. Later ones find no more than two passes'
// there.
void Mamba2Schedule::load_residual(TokenPass& pass) {
    if (design_.mapping.residual == ResidualPlace::on_chip || !pass.residual.empty()) return;
    const auto dma = engines_.dma[design_.port_of(Stream::state)];
    for (const auto& piece : token_pieces(design_, pass.tokens)) {
        std::vector<InstructionRef> data;
        if (pass.first && pass.residual.empty()) data.push_back(builder_.last(dma));
        auto load = residual_transfer(design_, layout_, Opcode::load, piece);
        load.label = builder_.label("residual in");
        pass.residual.push_back(builder_.emit(dma, load, data));
        if (residual_stored_) builder_.wait_for_space(pass.residual.back(), *residual_stored_);
    }
}

// Among the weights of a pass's in_proj, so that neither they nor the port waits for the last additions of
// the pass before: what it stores when a third of them is there, what is loaded for the next pass when
// another is.
void Mamba2Schedule::move_residual(std::size_t transfers) {
    for (; transfers > 0 && !residual_later_.empty(); --transfers) {
        residual_later_.front()();
        residual_later_.pop_front();
    }
}

// Behind the vector unit's last additions.
void Mamba2Schedule::store_residual(const TokenPass& pass, InstructionRef added) {
    auto load = pass.residual.begin();
    for (const auto& piece : token_pieces(design_, pass.tokens)) {
        if (load == pass.residual.end()) return;
        auto store = residual_transfer(design_, layout_, Opcode::store, piece);
        store.label = builder_.label("residual out");
        residual_stored_ = builder_.emit(engines_.dma[design_.port_of(Stream::state)], store, {added});
        builder_.hold(Buffer::activations, store.value_bytes, *load++, *residual_stored_);
    }
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
    for (auto& load : left.pass.residual) count_back(load);
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
