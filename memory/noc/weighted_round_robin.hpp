// SPDX-License-Identifier: Apache-2.0
// Who is served next at a point where several queues meet: deficit round robin (Shreedhar, Varghese, SIGCOMM
// 1995), so that queues that always have work share the bytes in the ratio of their weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tilewright::memory {

class WeightedRoundRobin {
  public:
    // A queue whose turn it is may send `weight` times `quantum` bytes, at least 1 each. Returns its index.
    std::size_t add(std::int64_t weight, std::int64_t quantum) {
        allowance_.push_back(weight * quantum);
        credit_.push_back(credit_.empty() ? allowance_.back() : 0);
        return allowance_.size() - 1;
    }

    // The queue to serve, and its credit is charged. `waiting[i]` are the bytes of queue i's next item, 0 if
    // it has none; at least one has. A queue that has none loses its credit.
    std::size_t pick(const std::vector<std::int64_t>& waiting) {
        for (;;) {
            if (waiting[turn_] > 0 && credit_[turn_] >= waiting[turn_]) {
                credit_[turn_] -= waiting[turn_];
                return turn_;
            }
            if (waiting[turn_] == 0) credit_[turn_] = 0;
            turn_ = (turn_ + 1) % credit_.size();
            credit_[turn_] += allowance_[turn_];
        }
    }

  private:
    std::vector<std::int64_t> allowance_;  // bytes a turn
    std::vector<std::int64_t> credit_;
    std::size_t turn_ = 0;
};

}  // namespace tilewright::memory
