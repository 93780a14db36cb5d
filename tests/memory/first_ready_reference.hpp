// SPDX-License-Identifier: Apache-2.0
// The controller of DramPlanningScheduler, access by access and clock by clock: every command is tried at one
// clock after the other until no rule of the table in command_checker.hpp speaks against it, beside all that
// older accesses have been given, before it and behind it. Slow; it shares the controller's definition with
// the closed form (places in a frame, queue, who makes way for whom, what a refresh goes before) and nothing
// else.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "command_checker.hpp"
#include "memory/dram/dram_command.hpp"
#include "memory/dram/dram_timing.hpp"

namespace tilewright::test {

class FirstReadyReference {
  public:
    struct Times {
        memory::MemoryClock first = 0;
        memory::MemoryClock last = 0;
    };

    FirstReadyReference(const memory::DramSpecification& dram, std::int64_t queue)
        : dram_(dram), rules_(pair_rules(dram.timing)), queue_(queue), due_(dram.timing.refi) {}

    // A burst whose data have all arrived, if they are written.
    Times serve(memory::MemoryClock arrival, std::int64_t address, std::int64_t bytes, bool write) {
        const auto size = dram_.access_bytes();
        const auto first = address / size;
        const auto count = (address + bytes - 1) / size - first + 1;
        Times times;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto data = access(arrival, first + i, write);
            times.first = i == 0 ? data : std::min(times.first, data);
            times.last = std::max(times.last, data);
        }
        return times;
    }

    // In the order of their clocks.
    std::vector<memory::DramCommand> commands() const {
        auto all = given_;
        std::stable_sort(all.begin(), all.end(),
                         [](const auto& a, const auto& b) { return a.clock < b.clock; });
        return all;
    }
    std::int64_t count(char kind) const {
        return std::count_if(given_.begin(), given_.end(),
                             [kind](const auto& command) { return letter(command.kind) == kind; });
    }

  private:
    using Kind = memory::DramCommandKind;
    using Clock = memory::MemoryClock;

    Clock frame() const { return std::max(dram_.timing.ccd_s, dram_.timing.burst_length / 2); }

    static bool any_of(const char* letters, Kind kind) {
        return std::string(letters).find(letter(kind)) != std::string::npos;
    }

    // No rule between the two, of which the first one comes first.
    bool apart(const memory::DramCommand& first, const memory::DramCommand& second) const {
        const bool group = first.bank_group == second.bank_group;
        const bool bank = group && first.bank == second.bank;
        return std::none_of(rules_.begin(), rules_.end(), [&](const PairRule& rule) {
            return second.clock - first.clock < rule.clocks &&
                   (rule.place == 'r' || (rule.place == 'g' && group) || (rule.place == 'b' && bank)) &&
                   any_of(rule.first, first.kind) && any_of(rule.second, second.kind);
        });
    }

    bool allowed(const memory::DramCommand& wanted) const {
        std::vector<Clock> activates = {wanted.clock};
        for (auto other = given_.rbegin(); other != given_.rend(); ++other) {
            if (other - given_.rbegin() > 800) break;  // long before
            if (other->kind == Kind::activate) activates.push_back(other->clock);
            const bool free = other->clock != wanted.clock || place_of(other->kind) != place_of(wanted.kind);
            const bool before = other->clock <= wanted.clock;
            if (!free || !(before ? apart(*other, wanted) : apart(wanted, *other))) return false;
        }
        if (wanted.kind != Kind::activate) return true;
        std::sort(activates.begin(), activates.end());
        for (std::size_t i = 4; i < activates.size(); ++i) {
            if (activates[i] - activates[i - 4] < dram_.timing.faw) return false;
        }
        return true;
    }

    // In a frame.
    static Clock place_of(Kind kind) { return any_of("RW", kind) ? 0 : any_of("A", kind) ? 1 : 2; }

    // As soon as allowed, in the place of its kind. A row is closed and opened behind all that its bank was
    // given; a column may go before others of its row. A refresh and what it needs go behind everything.
    memory::DramCommand soonest(memory::DramCommand wanted, Clock from) const {
        for (const auto& before : given_) {
            const bool bank = before.bank_group == wanted.bank_group && before.bank == wanted.bank;
            const bool behind = any_of("QF", wanted.kind) ||
                                (bank && (!any_of("RW", wanted.kind) || before.kind == Kind::activate));
            if (behind) from = std::max(from, before.clock + 1);
        }
        for (wanted.clock = from;; ++wanted.clock) {
            if (wanted.clock % frame() == place_of(wanted.kind) % frame() && allowed(wanted)) return wanted;
        }
    }

    Clock access(Clock arrival, std::int64_t index, bool write) {
        const auto& organization = dram_.organization;
        const auto in_row = organization.row_bytes / dram_.access_bytes();
        const auto group = static_cast<int>(index % organization.bank_groups);
        const auto set = index / organization.bank_groups / in_row;
        const auto bank = static_cast<int>(set % organization.banks_per_group);
        const auto row = set / organization.banks_per_group;
        const auto count = static_cast<std::int64_t>(columns_.size());
        // Behind those before it, when so many of them have left the queue that there is room.
        entered_ = std::max(entered_, arrival);
        if (count >= queue_) {
            entered_ = std::max(entered_, columns_[static_cast<std::size_t>(count - queue_)] + 1);
        }
        for (;;) {
            const auto before = given_.size();
            const auto open = open_.find({group, bank});
            auto from = std::max(entered_, refreshed_);  // what an access needs comes in this order
            if (open != open_.end() && open->second != row) {
                given_.push_back(soonest({0, Kind::precharge, 0, group, bank, 0}, from));
                from = given_.back().clock;
            }
            if (open == open_.end() || open->second != row) {
                given_.push_back(soonest({0, Kind::activate, 0, group, bank, row}, from));
                from = given_.back().clock;
            }
            const auto column = soonest({0, write ? Kind::write : Kind::read, 0, group, bank, row}, from);
            if (column.clock < due_) {
                given_.push_back(column);
                open_[{group, bank}] = row;
                columns_.insert(std::upper_bound(columns_.begin(), columns_.end(), column.clock),
                                column.clock);
                const auto& t = dram_.timing;
                return column.clock + (write ? t.cwl : t.cl) + t.burst_length / 2;
            }
            given_.resize(before);  // the refresh goes first
            auto from_due = due_;
            if (!open_.empty()) {
                given_.push_back(soonest({0, Kind::precharge_all, 0, 0, 0, 0}, from_due));
                from_due = given_.back().clock;
            }
            given_.push_back(soonest({0, Kind::refresh, 0, 0, 0, 0}, from_due));
            refreshed_ = given_.back().clock;
            open_.clear();
            due_ += dram_.timing.refi;
        }
    }

    memory::DramSpecification dram_;
    std::vector<PairRule> rules_;
    std::int64_t queue_;
    Clock due_;
    Clock refreshed_ = 0;
    std::vector<memory::DramCommand> given_;  // in the order of planning
    Clock entered_ = 0;                       // the last access, into the queue
    std::vector<Clock> columns_;              // by clock
    std::map<std::pair<int, int>, std::int64_t> open_;
};

}  // namespace tilewright::test
