// SPDX-License-Identifier: Apache-2.0
// How much time a set of intervals covers, for intervals that come nearly in the order of their begins.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "memory/time.hpp"

namespace tilewright::memory {

// Keeps the last hundreds of disjoint intervals and adds up what lies before them. An interval that begins
// before those kept is cut there.
class IntervalUnion {
  public:
    void add(TimeFs begin, TimeFs end) {
        if (!kept_.empty() && begin >= kept_.back().begin && begin <= kept_.back().end) {  // nearly always
            kept_.back().end = std::max(kept_.back().end, end);
            return;
        }
        begin = std::max(begin, settled_until_);
        if (end <= begin) return;
        auto at = kept_.end();
        while (at != kept_.begin() && (at - 1)->begin > begin) --at;
        if (at != kept_.begin() && (at - 1)->end >= begin) {
            --at;
            at->end = std::max(at->end, end);
        } else {
            at = kept_.insert(at, {begin, end});
        }
        auto behind = at + 1;
        while (behind != kept_.end() && behind->begin <= at->end) {
            at->end = std::max(at->end, behind->end);
            ++behind;
        }
        kept_.erase(at + 1, behind);
        if (kept_.size() > 2 * kept_intervals) settle();
    }

    TimeFs covered() const {
        auto total = settled_;
        for (const auto& interval : kept_) total += interval.end - interval.begin;
        return total;
    }

  private:
    static constexpr std::size_t kept_intervals = 512;
    struct Interval {
        TimeFs begin = 0;
        TimeFs end = 0;
    };

    void settle() {
        for (std::size_t i = 0; i < kept_intervals; ++i) settled_ += kept_[i].end - kept_[i].begin;
        settled_until_ = kept_[kept_intervals - 1].end;
        kept_.erase(kept_.begin(), kept_.begin() + kept_intervals);
    }

    std::vector<Interval> kept_;  // disjoint, in order
    TimeFs settled_ = 0;
    TimeFs settled_until_ = 0;
};

}  // namespace tilewright::memory
