// SPDX-License-Identifier: Apache-2.0
// The controller of DramChannel, access by access and clock by clock: every command is tried at one clock
// after the other until no rule of the table in command_checker.hpp speaks against it. Slow; it shares the
// controller's definition with the closed form (places in a frame, order, queue, what a refresh goes before)
// and nothing else.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "command_checker.hpp"
#include "memory/dram/dram_command.hpp"
#include "memory/dram/dram_timing.hpp"

namespace tilewright::test {

class InOrderReference {
  public:
    struct Times {
        memory::MemoryClock first = 0;
        memory::MemoryClock last = 0;
    };

    InOrderReference(const memory::DramSpecification& dram, std::int64_t queue)
        : dram_(dram), rules_(pair_rules(dram.timing)), queue_(queue), due_(dram.timing.refi) {}

    // A burst whose data have all arrived, if they are written.
    Times serve(memory::MemoryClock arrival, std::int64_t address, std::int64_t bytes, bool write) {
        const auto size = dram_.access_bytes();
        const auto first = address / size;
        const auto count = (address + bytes - 1) / size - first + 1;
        Times times;
        for (std::int64_t i = 0; i < count; ++i) {
            times.last = access(arrival, first + i, write);
            if (i == 0) times.first = times.last;
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

    bool allowed(const memory::DramCommand& wanted) const {
        std::vector<Clock> activates;
        for (auto before = given_.rbegin(); before != given_.rend(); ++before) {
            if (before - given_.rbegin() > 400) break;  // long before
            if (before->clock > wanted.clock) continue;
            if (before->kind == Kind::activate) activates.push_back(before->clock);
            for (const auto& rule : rules_) {
                const bool group = before->bank_group == wanted.bank_group;
                const bool place = rule.place == 'r' || (rule.place == 'g' && group) ||
                                   (rule.place == 'b' && group && before->bank == wanted.bank);
                if (place && std::string(rule.first).find(letter(before->kind)) != std::string::npos &&
                    std::string(rule.second).find(letter(wanted.kind)) != std::string::npos &&
                    wanted.clock - before->clock < rule.clocks) {
                    return false;
                }
            }
        }
        return wanted.kind != Kind::activate || activates.size() < 4 ||
               wanted.clock - activates[3] >= dram_.timing.faw;
    }

    // As soon as allowed, in the place of its kind and behind the last one of its kind and of its bank.
    memory::DramCommand soonest(memory::DramCommand wanted, Clock from) const {
        const auto kind = letter(wanted.kind);
        const Clock in_frame = kind == 'A' ? 1 : kind == 'R' || kind == 'W' ? 0 : 2;
        const std::string same = kind == 'A' ? "A" : kind == 'R' || kind == 'W' ? "RW" : "PQF";
        for (const auto& before : given_) {
            const bool bank = before.bank_group == wanted.bank_group && before.bank == wanted.bank;
            if (bank || kind == 'Q' || kind == 'F' || same.find(letter(before.kind)) != std::string::npos) {
                from = std::max(from, before.clock + 1);
            }
        }
        for (wanted.clock = from;; ++wanted.clock) {
            if (wanted.clock % frame() == in_frame % frame() && allowed(wanted)) return wanted;
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
        const auto queued = count < queue_
                                ? arrival
                                : std::max(arrival, columns_[static_cast<std::size_t>(count - queue_)] + 1);
        for (;;) {
            const auto before = given_.size();
            const auto open = open_.find({group, bank});
            auto from = std::max(queued, refreshed_);  // what an access needs comes in this order
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
                columns_.push_back(column.clock);
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
    std::vector<Clock> columns_;
    std::map<std::pair<int, int>, std::int64_t> open_;
};

}  // namespace tilewright::test
