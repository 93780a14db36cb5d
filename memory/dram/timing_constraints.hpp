// SPDX-License-Identifier: Apache-2.0
// The rules of a DRAM's command bus as a table, and the clock from which each command may be given next.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory/dram/controller_policy.hpp"
#include "memory/dram/dram_command.hpp"
#include "memory/dram/dram_timing.hpp"

namespace tilewright::memory {

// Why the data pins of a channel rest.
enum class DramLoss : std::uint8_t {
    row_miss,         // a row is opened in a bank that was closed
    row_conflict,     // another row was open and is closed first
    refresh,          // the rank is refreshed, or is being closed for it
    turnaround,       // between reads and writes, or between ranks
    bank_group,       // CCD_L: columns of one bank group follow each other slowly
    activate_window,  // RRD and FAW: rows cannot be opened faster
    column_spacing,   // CCD_S where it is longer than the data of an access
    column_latency,   // CL or CWL behind the last command of a run
    idle              // nothing to do
};
inline constexpr int dram_losses = 9;
const char* to_string(DramLoss loss);

// Where a rule holds: between commands to the same bank, bank group, rank, or to different ranks.
enum class ConstraintScope : std::uint8_t { bank, bank_group, rank, other_ranks };

// `following` may be given `clocks` after `preceding` at the earliest; with `window` > 1, after the last but
// (window - 1) `preceding`. `loss` says what an access that waits for it waits for; row_miss stands for
// misses and conflicts.
struct TimingConstraint {
    ConstraintScope scope = ConstraintScope::bank;
    DramCommandKind preceding = DramCommandKind::activate;
    DramCommandKind following = DramCommandKind::activate;
    int clocks = 0;
    DramLoss loss = DramLoss::row_miss;
    int window = 1;
};

// The rules of DDR4, LPDDR4 and HBM2 alike, in the terms of JEDEC JESD79-4 (command and timing chapters; the
// read-to-write distance is CL + burst / 2 + gap - CWL).
std::vector<TimingConstraint> timing_constraints(const DramTiming& timing);
// Of that table, but for windows of several commands: clocks between the two within a scope; 0 without a
// rule.
MemoryClock distance(const DramTiming& timing, ConstraintScope scope, DramCommandKind preceding,
                     DramCommandKind following);

// Remembers, bank by bank, from when each command may be given.
class CommandTimer {
  public:
    struct Earliest {
        MemoryClock clock = 0;
        DramLoss loss = DramLoss::idle;  // of the rule that binds
    };

    // Of the commands that the page policy gives.
    CommandTimer(const DramSpecification& specification, PagePolicy page);

    // `group` counts bank groups over all ranks, `bank` banks over all ranks.
    Earliest earliest(DramCommandKind kind, int rank, int group, int bank) const {
        const auto command = static_cast<std::size_t>(kind);
        const auto* result = &banks_[static_cast<std::size_t>(bank)][command];
        const auto& of_group = groups_[static_cast<std::size_t>(group)][command];
        if (of_group.clock > result->clock) result = &of_group;
        const auto& of_rank = ranks_[static_cast<std::size_t>(rank)][command];
        if (of_rank.clock > result->clock) result = &of_rank;
        return *result;
    }
    // For commands to a whole rank; no command to one of its banks may be given sooner.
    Earliest earliest(DramCommandKind kind, int rank) const {
        return ranks_[static_cast<std::size_t>(rank)][static_cast<std::size_t>(kind)];
    }
    void issue(DramCommandKind kind, MemoryClock clock, int rank, int group, int bank) {
        issue_in_group(kind, clock, group, bank);
        issue_in_rank(kind, clock, rank);
    }
    // What a command binds in its bank and group alone; enough where another one of its kind follows in its
    // rank before anything is asked.
    void issue_in_group(DramCommandKind kind, MemoryClock clock, int group, int bank);
    // The longest that any command may have to wait for one of a kind.
    MemoryClock longest(DramCommandKind kind) const { return longest_[static_cast<std::size_t>(kind)]; }

  private:
    using ByCommand = std::array<Earliest, dram_command_kinds>;
    struct Rule {
        DramCommandKind following = DramCommandKind::activate;
        DramLoss loss = DramLoss::row_miss;
        int clocks = 0;
    };
    struct Rules {  // of one preceding command
        std::vector<Rule> bank;
        std::vector<Rule> group;
        std::vector<Rule> rank;
        std::vector<Rule> other_ranks;
    };
    struct Table {
        std::array<Rules, dram_command_kinds> rules;  // by preceding command
        std::vector<TimingConstraint> windows;
    };

    static std::vector<Rule>& of_scope(Rules& rules, ConstraintScope scope);
    static void later(ByCommand& earliest, const std::vector<Rule>& rules, MemoryClock clock);
    void issue_in_rank(DramCommandKind kind, MemoryClock clock, int rank);

    std::shared_ptr<const Table> table_;  // copies share it
    std::array<MemoryClock, dram_command_kinds> longest_{};
    std::vector<ByCommand> banks_;
    std::vector<ByCommand> groups_;
    std::vector<ByCommand> ranks_;
    std::vector<std::vector<MemoryClock>> history_;  // by window and rank, a ring of its last commands
    std::vector<std::size_t> history_next_;
};

}  // namespace tilewright::memory
