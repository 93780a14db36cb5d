// SPDX-License-Identifier: Apache-2.0
// Accesses that wait in front of a DRAM channel, oldest first.
//
// Of those to one row only the oldest may be given a command next. The queue keeps track of these leaders, so
// that looking for the next command does not walk over all that wait; and of whether the accesses take their
// turns over the bank groups, as those of a run do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tilewright::memory {

struct DramAccess {
    std::int64_t id = 0;
    std::int64_t row = 0;
    int column = 0;
    int bank = 0;        // over all ranks
    int group = 0;       // over all ranks
    int next_group = 0;  // whose turn is behind that of `group`
    int rank = 0;
    bool write = false;
    bool classified = false;      // counted as hit, miss or conflict
    bool waits_for_read = false;  // of the same place
};

inline bool same_place(const DramAccess& a, const DramAccess& b) {
    return a.column == b.column && a.row == b.row && a.bank == b.bank;
}

// How accesses take turns over the bank groups of a rank.
struct DramGroupTurns {
    int groups = 1;
    int banks_per_group = 1;

    // Within its group.
    template <typename Access>
    int bank(const Access& access) const {
        return access.bank - access.group * banks_per_group;
    }
    // To the same row of the same bank of some group.
    template <typename One, typename Other>
    bool same_row(const One& one, const Other& other) const {
        return one.row == other.row && one.rank == other.rank && bank(one) == bank(other);
    }
    // From an access to the one behind it.
    void next(DramAccess& access) const {
        const auto group = access.next_group;
        access.bank += (group - access.group) * banks_per_group;
        access.column += group > access.group ? 0 : 1;
        access.group = group;
        access.next_group = group + 1 == (access.rank + 1) * groups ? access.rank * groups : group + 1;
    }
};

// Accesses to one row are all reads or all writes.
class DramAccessQueue {
  public:
    // The oldest access to a row that waits for none of the other kind.
    struct Leader {
        std::int64_t row = 0;
        int bank = 0;
        int group = 0;
        int rank = 0;
        bool write = false;
        std::size_t at = 0;         // see place()
        std::size_t followers = 0;  // younger ones to the same row that do not wait either
    };

    explicit DramAccessQueue(const DramGroupTurns& turns) : turns_(turns) {}

    std::size_t size() const { return accesses_.size() - head_; }
    bool empty() const { return accesses_.size() == head_; }
    // Oldest first.
    const DramAccess& operator[](std::size_t i) const { return accesses_[head_ + i]; }
    const DramAccess& front() const { return accesses_[head_]; }
    const DramAccess& back() const { return accesses_.back(); }
    // Oldest first.
    const std::vector<Leader>& leaders() const { return leaders_; }
    DramAccess& access(std::size_t leader) { return accesses_[leaders_[leader].at]; }
    // Where a leader stands, 0 for the oldest access.
    std::size_t place(const Leader& leader) const { return leader.at - head_; }
    // How many wait for an access of the other kind.
    std::size_t waiting() const { return waiting_; }
    // Every access goes to the bank group whose turn is behind that of the one before it.
    bool in_turn() const { return out_of_turn_ == 0; }
    // Whether there is one, a write or a read, to this one's row in any group, from its column to another.
    bool holds_between(const DramAccess& access, std::int64_t last_column, bool write) const;
    // Whether there is an access of this one's place, a write or a read.
    bool holds(const DramAccess& access, bool write) const;

    // So many from this one on, which take turns over the bank groups. None waits for the other kind unless
    // it comes alone.
    void push_back(DramAccess access, std::int64_t accesses = 1);
    // Takes a leader out of the queue.
    DramAccess take(std::size_t leader);
    // Takes the oldest ones out of a queue that is in turn.
    void take_front(std::size_t accesses);
    // The access does not wait any more.
    void release(std::size_t i);

  private:
    static bool follows(const DramAccess& before, const DramAccess& behind) {
        return behind.group == before.next_group;
    }
    void lead(std::size_t at, std::size_t accesses);
    void lead_turns(std::size_t begin, std::size_t end);
    void give_back();
    void find_leaders();
    void pass_on(std::size_t leader);
    void clear();

    DramGroupTurns turns_;
    std::vector<DramAccess> accesses_;
    std::size_t head_ = 0;  // those before it have been taken
    std::vector<Leader> leaders_;
    std::size_t waiting_ = 0;
    int out_of_turn_ = 0;  // accesses that do not follow the turn of the one before them
};

}  // namespace tilewright::memory
