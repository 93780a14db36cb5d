// SPDX-License-Identifier: Apache-2.0
// Commands that a controller has planned, and the places that they leave for others.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory/dram/dram_command.hpp"
#include "memory/dram/dram_timing.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::memory {

// Of a command that was never given.
inline constexpr MemoryClock long_ago = -(MemoryClock{1} << 40);

// Column commands, at most one a frame of column_spacing() clocks, at its begin. What lies long before the
// clocks that are asked for may be forgotten.
class PlannedColumns {
  public:
    // `groups`: bank groups, a power of two.
    PlannedColumns(const DramTiming& timing, std::int64_t groups);

    bool empty() const { return rows_.empty(); }
    // The place behind the last one, and what that one does; there must be one.
    MemoryClock end() const { return rows_.empty() ? 0 : end(rows_.back()); }
    bool last_writes() const { return rows_.back().write; }
    // Behind the last one, no rule between columns speaks against one from here on: of any group, and of one.
    MemoryClock behind(bool write) const {
        return std::max(last_[0] + apart(false, write).any, last_[1] + apart(true, write).any);
    }
    MemoryClock in_group(bool write, std::size_t group) const {
        const auto& last = last_in_group_[group];
        return std::max(last[0] + apart(false, write).group, last[1] + apart(true, write).group);
    }
    // The same where only those of the other direction speak.
    MemoryClock turned(bool write, std::size_t group) const {
        const auto other = static_cast<std::size_t>(write ? 0 : 1);
        const auto& distance = apart(!write, write);
        return std::max(last_[other] + distance.any, last_in_group_[group][other] + distance.group);
    }
    static constexpr MemoryClock none = -1;
    // The first free place from `from` on, before the last column, at which one may be given without any rule
    // speaking against it or against one that is planned; or none.
    MemoryClock free_place(MemoryClock from, bool write, std::size_t group) const {
        const auto first = place(from);
        return first >= holes_until_ ? none : search(first, write, group);
    }
    // That one, or else the first one behind the last column.
    MemoryClock earliest(MemoryClock from, bool write, std::size_t group) const {
        const auto free = free_place(from, write, group);
        return free != none ? free : place(std::max({from, behind(write), in_group(write, group)}));
    }
    // When the last but `count` - 1 is given; of those that are planned.
    MemoryClock last_but(std::int64_t count) const {
        auto row = rows_.end() - 1;
        while (row->count < count) {
            count -= row->count;
            --row;
        }
        return row->begin + (row->count - count) * frame_.value();
    }

    // Behind the last one: so many, one a frame, to one bank group after the other. Returns how many changes
    // between reading and writing there are more.
    int append(MemoryClock first, bool write, std::size_t group, std::int64_t count) {
        bind(first, write, group, count);
        if (!rows_.empty() && continues(rows_.back(), first, write, group)) {
            rows_.back().count += count;
            return 0;
        }
        const bool turn = !rows_.empty() && rows_.back().write != write;
        if (rows_.empty() || first > end(rows_.back())) holes_until_ = first;
        rows_.push_back({first, count, write, group});
        return turn ? 1 : 0;
    }
    // The same with a single one in a free place.
    int insert(MemoryClock clock, bool write, std::size_t group);
    // Nothing is asked for before `clock` from now on, and no more than the last `count`.
    void forget(MemoryClock clock, std::int64_t count) {
        if (rows_.size() >= few) drop(clock, count);
    }

  private:
    struct Row {  // one column a frame, the groups in turn
        MemoryClock begin = 0;
        std::int64_t count = 0;
        bool write = false;
        std::size_t group = 0;
    };
    struct Distance {
        MemoryClock any = 0;    // whichever group
        MemoryClock group = 0;  // within one
    };

    MemoryClock place(MemoryClock clock) const { return frame_.up(clock) * frame_.value(); }
    MemoryClock end(const Row& row) const { return row.begin + row.count * frame_.value(); }
    std::size_t group_of(const Row& row, std::int64_t i) const {
        return (row.group + static_cast<std::size_t>(i)) & (groups_ - 1);
    }
    bool continues(const Row& row, MemoryClock begin, bool write, std::size_t group) const {
        return row.write == write && end(row) == begin && group_of(row, row.count) == group;
    }
    const Distance& apart(bool from_write, bool to_write) const {
        return apart_[from_write ? 1 : 0][to_write ? 1 : 0];
    }
    // Of so many, one a frame, those before the last turn of the groups bind nothing that it does not.
    void bind(MemoryClock first, bool write, std::size_t group, std::int64_t count) {
        const auto kind = static_cast<std::size_t>(write ? 1 : 0);
        last_[kind] = std::max(last_[kind], first + (count - 1) * frame_.value());
        const auto turn = static_cast<std::int64_t>(groups_);
        for (auto i = std::max(std::int64_t{0}, count - turn); i < count; ++i) {
            auto& last = last_in_group_[(group + static_cast<std::size_t>(i)) & (groups_ - 1)][kind];
            last = std::max(last, first + i * frame_.value());
        }
    }
    MemoryClock search(MemoryClock first, bool write, std::size_t group) const;
    void drop(MemoryClock clock, std::int64_t count);
    bool goes_before(MemoryClock clock, bool write, std::size_t group, const Row& later) const;
    bool goes_behind(MemoryClock clock, bool write, std::size_t group, const Row& earlier) const;
    bool fits(MemoryClock clock, bool write, std::size_t group, std::size_t next) const;

    static constexpr std::size_t few = 32;  // not worth to be forgotten

    Divisor frame_;
    std::size_t groups_;
    std::array<std::array<Distance, 2>, 2> apart_;           // from reads, writes to reads, writes
    MemoryClock reach_ = 0;                                  // of all rules
    std::array<MemoryClock, 2> last_{long_ago, long_ago};    // read, write
    std::vector<std::array<MemoryClock, 2>> last_in_group_;  // the same by group
    std::vector<Row> rows_;                                  // in order
    MemoryClock holes_until_ = 0;                            // from here to the last column no place is free
};

// Activates of a rank, each in its place in a frame.
class PlannedActivates {
  public:
    PlannedActivates(const DramTiming& timing, std::int64_t groups, MemoryClock place);

    // The first one from `clock` on, whatever is planned.
    MemoryClock place(MemoryClock clock) const { return frame_.up(clock - place_) * frame_.value() + place_; }
    // The first place from `from` on that no rule between activates speaks against.
    MemoryClock earliest(MemoryClock from, std::size_t group) const {
        const auto first = place(from);
        if (first < holes_until_) return search(first, group);
        return std::max({first, behind_, place(in_group_[group])});
    }
    void add(MemoryClock clock, std::size_t group) {
        if (activates_.empty() || clock > activates_.back().clock) {
            if (clock > behind_) holes_until_ = clock;
            activates_.push_back({clock, group});
        } else {
            insert({clock, group});
        }
        in_group_[group] = std::max(in_group_[group], clock + rrd_l_);
        const auto count = activates_.size();
        const auto first = count < window ? 0 : activates_[count - window].clock + faw_;
        behind_ = place(std::max(activates_.back().clock + rrd_s_, first));
    }
    // Nothing is asked for before `clock` from now on.
    void forget(MemoryClock clock) {
        if (activates_.size() >= few) drop(clock);
    }

  private:
    struct Activate {
        MemoryClock clock = 0;
        std::size_t group = 0;
    };
    static constexpr std::size_t window = 4;  // of FAW
    static constexpr std::size_t few = 32;    // not worth to be forgotten

    MemoryClock search(MemoryClock first, std::size_t group) const;
    void insert(Activate activate);
    void drop(MemoryClock clock);
    bool fills_window(MemoryClock clock, std::size_t next) const;

    Divisor frame_;
    MemoryClock place_;
    MemoryClock rrd_s_;
    MemoryClock rrd_l_;
    MemoryClock faw_;
    std::vector<Activate> activates_;    // in order
    MemoryClock behind_ = 0;             // the first place that they leave to any group behind them
    std::vector<MemoryClock> in_group_;  // and that those of a group leave to it
    MemoryClock holes_until_ = 0;        // there is no free place between this one and the last one
};

}  // namespace tilewright::memory
