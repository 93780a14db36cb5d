// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/timing_constraints.hpp"

#include <algorithm>
#include <limits>

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

CommandTimer::CommandTimer(const DramSpecification& specification) {
    const auto& organization = specification.organization;
    const auto ranks = static_cast<std::size_t>(organization.ranks);
    const auto groups = ranks * static_cast<std::size_t>(organization.bank_groups);
    ranks_.resize(ranks);
    groups_.resize(groups);
    banks_.resize(groups * static_cast<std::size_t>(organization.banks_per_group));
    for (const auto& constraint : timing_constraints(specification.timing)) {
        auto& longest = longest_[static_cast<std::size_t>(constraint.preceding)];
        longest = std::max(longest, MemoryClock{constraint.clocks});
        if (constraint.window > 1) {
            windows_.push_back(constraint);
            for (std::size_t rank = 0; rank < ranks; ++rank) {
                // Long ago, so that nothing waits for commands that were never given.
                history_.emplace_back(static_cast<std::size_t>(constraint.window),
                                      std::numeric_limits<MemoryClock>::min() / 2);
                history_next_.push_back(0);
            }
            continue;
        }
        rules_[static_cast<std::size_t>(constraint.preceding)].push_back(
            {constraint.scope, constraint.following, constraint.clocks, constraint.loss});
    }
}

void CommandTimer::later(Earliest& earliest, MemoryClock clock, DramLoss loss) {
    if (clock > earliest.clock) earliest = {clock, loss};
}

void CommandTimer::issue(DramCommandKind kind, MemoryClock clock, int rank, int group, int bank) {
    const auto r = static_cast<std::size_t>(rank);
    for (const auto& rule : rules_[static_cast<std::size_t>(kind)]) {
        const auto following = static_cast<std::size_t>(rule.following);
        const auto at = clock + rule.clocks;
        switch (rule.scope) {
            case ConstraintScope::bank:
                later(banks_[static_cast<std::size_t>(bank)][following], at, rule.loss);
                break;
            case ConstraintScope::bank_group:
                later(groups_[static_cast<std::size_t>(group)][following], at, rule.loss);
                break;
            case ConstraintScope::rank:
                later(ranks_[r][following], at, rule.loss);
                break;
            case ConstraintScope::other_ranks:
                for (std::size_t other = 0; other < ranks_.size(); ++other) {
                    if (other != r) later(ranks_[other][following], at, rule.loss);
                }
                break;
        }
    }
    for (std::size_t w = 0; w < windows_.size(); ++w) {
        const auto& window = windows_[w];
        if (window.preceding != kind) continue;
        const auto ring = w * ranks_.size() + r;
        auto& next = history_next_[ring];
        history_[ring][next] = clock;
        next = (next + 1) % history_[ring].size();
        later(ranks_[r][static_cast<std::size_t>(window.following)], history_[ring][next] + window.clocks,
              window.loss);
    }
}

}  // namespace tilewright::memory
