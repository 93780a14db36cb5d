// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/timing_constraints.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tilewright::memory {

const char* to_string(DramLoss loss) {
    switch (loss) {
        case DramLoss::row_miss:
            return "row_miss";
        case DramLoss::row_conflict:
            return "row_conflict";
        case DramLoss::refresh:
            return "refresh";
        case DramLoss::turnaround:
            return "turnaround";
        case DramLoss::bank_group:
            return "bank_group";
        case DramLoss::activate_window:
            return "activate_window";
        case DramLoss::column_spacing:
            return "column_spacing";
        case DramLoss::column_latency:
            return "column_latency";
        case DramLoss::idle:
            return "idle";
    }
    return "unknown";
}

std::vector<TimingConstraint> timing_constraints(const DramTiming& t) {
    using Scope = ConstraintScope;
    using Kind = DramCommandKind;
    std::vector<TimingConstraint> table;
    const auto add = [&](Scope scope, const std::vector<Kind>& preceding, const std::vector<Kind>& following,
                         int clocks, DramLoss loss) {
        for (const auto before : preceding) {
            for (const auto behind : following) table.push_back({scope, before, behind, clocks, loss});
        }
    };
    const std::vector<Kind> read = {Kind::read, Kind::read_precharge};
    const std::vector<Kind> write = {Kind::write, Kind::write_precharge};
    const std::vector<Kind> column = {Kind::read, Kind::read_precharge, Kind::write, Kind::write_precharge};
    const int data = t.data_clocks();
    const int written = t.cwl + data;  // column write to the end of its data
    const int read_to_write = std::max(1, t.cl + data + t.rtw_gap - t.cwl);

    add(Scope::rank, read, read, t.column_spacing(), DramLoss::column_spacing);
    add(Scope::rank, write, write, t.column_spacing(), DramLoss::column_spacing);
    add(Scope::rank, read, write, read_to_write, DramLoss::turnaround);
    add(Scope::rank, write, read, written + t.wtr_s, DramLoss::turnaround);
    add(Scope::bank_group, read, read, t.ccd_l, DramLoss::bank_group);
    add(Scope::bank_group, write, write, t.ccd_l, DramLoss::bank_group);
    add(Scope::bank_group, write, read, written + t.wtr_l, DramLoss::turnaround);
    add(Scope::other_ranks, read, read, data + t.rank_gap, DramLoss::turnaround);
    add(Scope::other_ranks, write, write, data + t.rank_gap, DramLoss::turnaround);
    add(Scope::other_ranks, read, write, std::max(1, t.cl + data + std::max(t.rtw_gap, t.rank_gap) - t.cwl),
        DramLoss::turnaround);
    add(Scope::other_ranks, write, read, std::max(1, written + t.rank_gap - t.cl), DramLoss::turnaround);

    const auto row = DramLoss::row_miss;
    add(Scope::bank, {Kind::activate}, column, t.rcd, row);
    add(Scope::bank, {Kind::activate}, {Kind::precharge}, t.ras, row);
    add(Scope::bank, {Kind::activate}, {Kind::activate}, t.rc, row);
    add(Scope::bank, {Kind::precharge}, {Kind::activate}, t.rp, row);
    add(Scope::bank, {Kind::read}, {Kind::precharge}, t.rtp, row);
    add(Scope::bank, {Kind::write}, {Kind::precharge}, written + t.wr, row);
    add(Scope::bank, {Kind::read_precharge}, {Kind::activate}, t.rtp + t.rp, row);
    add(Scope::bank, {Kind::write_precharge}, {Kind::activate}, written + t.wr + t.rp, row);
    add(Scope::rank, {Kind::activate}, {Kind::activate}, t.rrd_s, DramLoss::activate_window);
    add(Scope::bank_group, {Kind::activate}, {Kind::activate}, t.rrd_l, DramLoss::activate_window);
    table.push_back({Scope::rank, Kind::activate, Kind::activate, t.faw, DramLoss::activate_window, 4});

    const auto refresh = DramLoss::refresh;
    add(Scope::rank, {Kind::activate}, {Kind::precharge_all}, t.ras, refresh);
    add(Scope::rank, {Kind::read}, {Kind::precharge_all}, t.rtp, refresh);
    add(Scope::rank, {Kind::write}, {Kind::precharge_all}, written + t.wr, refresh);
    add(Scope::rank, {Kind::activate}, {Kind::refresh}, t.rc, refresh);
    add(Scope::rank, {Kind::precharge}, {Kind::refresh}, t.rp, refresh);
    add(Scope::rank, {Kind::precharge_all}, {Kind::refresh, Kind::activate}, t.rp_all, refresh);
    add(Scope::rank, {Kind::read_precharge}, {Kind::refresh}, t.rtp + t.rp, refresh);
    add(Scope::rank, {Kind::write_precharge}, {Kind::refresh}, written + t.wr + t.rp, refresh);
    add(Scope::rank, {Kind::refresh}, {Kind::activate, Kind::refresh}, t.rfc, refresh);
    return table;
}

MemoryClock distance(const DramTiming& timing, ConstraintScope scope, DramCommandKind preceding,
                     DramCommandKind following) {
    MemoryClock clocks = 0;
    for (const auto& rule : timing_constraints(timing)) {
        const bool applies = rule.scope == scope && rule.preceding == preceding &&
                             rule.following == following && rule.window == 1;
        if (applies) clocks = std::max(clocks, MemoryClock{rule.clocks});
    }
    return clocks;
}

namespace {

bool gives(PagePolicy page, DramCommandKind kind) {
    switch (kind) {
        case DramCommandKind::read:
        case DramCommandKind::write:
            return page == PagePolicy::open;
        case DramCommandKind::read_precharge:
        case DramCommandKind::write_precharge:
            return page == PagePolicy::closed;
        default:
            return true;
    }
}

}  // namespace

CommandTimer::CommandTimer(const DramSpecification& specification, PagePolicy page) {
    const auto& organization = specification.organization;
    const auto ranks = static_cast<std::size_t>(organization.ranks);
    const auto groups = ranks * static_cast<std::size_t>(organization.bank_groups);
    ranks_.resize(ranks);
    groups_.resize(groups);
    banks_.resize(groups * static_cast<std::size_t>(organization.banks_per_group));
    Table table;
    for (const auto& constraint : timing_constraints(specification.timing)) {
        auto& longest = longest_[static_cast<std::size_t>(constraint.preceding)];
        longest = std::max(longest, MemoryClock{constraint.clocks});
        if (constraint.window > 1) {
            table.windows.push_back(constraint);
            for (std::size_t rank = 0; rank < ranks; ++rank) {
                // Long ago, so that nothing waits for commands that were never given.
                history_.emplace_back(static_cast<std::size_t>(constraint.window),
                                      std::numeric_limits<MemoryClock>::min() / 2);
                history_next_.push_back(0);
            }
            continue;
        }
        if (!gives(page, constraint.following)) continue;
        auto& rules = table.rules[static_cast<std::size_t>(constraint.preceding)];
        of_scope(rules, constraint.scope)
            .push_back({constraint.following, constraint.loss, constraint.clocks});
    }
    table_ = std::make_shared<const Table>(std::move(table));
}

std::vector<CommandTimer::Rule>& CommandTimer::of_scope(Rules& rules, ConstraintScope scope) {
    switch (scope) {
        case ConstraintScope::bank:
            return rules.bank;
        case ConstraintScope::bank_group:
            return rules.group;
        case ConstraintScope::rank:
            return rules.rank;
        case ConstraintScope::other_ranks:
            break;
    }
    return rules.other_ranks;
}

void CommandTimer::later(ByCommand& earliest, const std::vector<Rule>& rules, MemoryClock clock) {
    for (const auto& rule : rules) {
        auto& one = earliest[static_cast<std::size_t>(rule.following)];
        const auto at = clock + rule.clocks;
        if (at > one.clock) one = {at, rule.loss};
    }
}

void CommandTimer::issue_in_group(DramCommandKind kind, MemoryClock clock, int group, int bank) {
    const auto& rules = table_->rules[static_cast<std::size_t>(kind)];
    later(banks_[static_cast<std::size_t>(bank)], rules.bank, clock);
    later(groups_[static_cast<std::size_t>(group)], rules.group, clock);
}

void CommandTimer::issue_in_rank(DramCommandKind kind, MemoryClock clock, int rank) {
    const auto& rules = table_->rules[static_cast<std::size_t>(kind)];
    const auto r = static_cast<std::size_t>(rank);
    later(ranks_[r], rules.rank, clock);
    for (std::size_t other = 0; other < ranks_.size(); ++other) {
        if (other != r) later(ranks_[other], rules.other_ranks, clock);
    }
    const auto& windows = table_->windows;
    for (std::size_t w = 0; w < windows.size(); ++w) {
        const auto& window = windows[w];
        if (window.preceding != kind) continue;
        const auto ring = w * ranks_.size() + r;
        auto& next = history_next_[ring];
        history_[ring][next] = clock;
        next = next + 1 == history_[ring].size() ? 0 : next + 1;
        auto& one = ranks_[r][static_cast<std::size_t>(window.following)];
        const auto at = history_[ring][next] + window.clocks;
        if (at > one.clock) one = {at, window.loss};
    }
}

}  // namespace tilewright::memory
