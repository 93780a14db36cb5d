// SPDX-License-Identifier: Apache-2.0
// A second DRAM controller, clock by clock, to compare the event-driven one with. It follows the habits of
// common cycle-level simulators where they differ from ours: an access is visible to the scheduler one clock
// behind its arrival, one access a clock enters the queues, any ready command goes oldest first (a row may be
// closed although a younger access hits it), accesses whose row was opened for them wait apart and go first,
// and reads are not answered from posted writes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "memory/dram/address_mapping.hpp"
#include "memory/dram/dram_trace.hpp"

namespace tilewright::test {

class CycleReference {
  public:
    struct Figures {
        double bandwidth_fraction = 0;  // of the peak
        double mean_read_latency = 0;   // clocks, from the trace's clock to the last data beat
    };

    explicit CycleReference(const memory::DramSpecification& dram)
        : t_(dram.timing), due_(dram.timing.refi) {}

    // One channel, one rank, open page, 64-byte requests.
    Figures run(const memory::AddressMapping& mapping,
                const std::vector<memory::DramTraceRequest>& requests) {
        std::vector<Access> trace;
        for (const auto& request : requests) {
            for (std::int64_t at = 0; at < request.bytes; at += 64) {
                const auto place = mapping.decode(request.address + at);
                trace.push_back({request.clock, request.write, place.bank_group * 4 + place.bank, place.row,
                                 place.column});
            }
        }
        std::size_t next = 0;
        std::int64_t clock = trace.front().arrival;
        const auto first = clock;
        while (next < trace.size() || !reads_.empty() || !writes_.empty() || !active_.empty()) {
            tick(clock);
            if (next < trace.size() && trace[next].arrival <= clock) {
                auto& queue = trace[next].write ? writes_ : reads_;
                if (queue.size() < 32) queue.push_back(trace[next++]);
            }
            ++clock;
        }
        const auto accesses = static_cast<double>(trace.size());
        const auto read_count = std::count_if(trace.begin(), trace.end(), [](auto& a) { return !a.write; });
        return {accesses * t_.burst_length / 2 / static_cast<double>(last_data_ - first),
                read_count > 0 ? latency_ / static_cast<double>(read_count) : 0};
    }

  private:
    enum Command { act, pre, rd, wr, none };
    struct Access {
        std::int64_t arrival = 0;
        bool write = false;
        int bank = 0;
        std::int64_t row = 0;
        std::int64_t column = 0;
    };
    static constexpr std::int64_t long_ago = -1'000'000;
    struct Bank {
        std::int64_t row = -1;
        std::array<std::int64_t, 4> last = {long_ago, long_ago, long_ago, long_ago};
    };
    using Queue = std::vector<Access>;

    Command wanted(const Access& a) const {
        const auto row = banks_[static_cast<std::size_t>(a.bank)].row;
        return row < 0 ? act : row != a.row ? pre : a.write ? wr : rd;
    }

    bool ready(Command command, int bank, std::int64_t clock) const {
        const int beats = t_.burst_length / 2;
        const auto& own = banks_[static_cast<std::size_t>(bank)];
        const auto since = [&](Command c, const Bank& b) { return clock - b.last[c]; };
        if (clock - refreshed_ < t_.rfc) return false;
        if (command == pre) {
            return since(act, own) >= t_.ras && since(rd, own) >= t_.rtp &&
                   since(wr, own) >= t_.cwl + beats + t_.wr;
        }
        if (command == act) {
            if (since(act, own) < t_.rc || since(pre, own) < t_.rp) return false;
            if (activates_.size() >= 4 && clock - activates_[activates_.size() - 4] < t_.faw) return false;
        } else if (since(act, own) < t_.rcd) {
            return false;
        }
        for (int i = 0; i < 16; ++i) {
            const auto& other = banks_[static_cast<std::size_t>(i)];
            const bool group = i / 4 == bank / 4;
            if (command == act && since(act, other) < (group ? t_.rrd_l : t_.rrd_s)) return false;
            if (command == rd && since(rd, other) < (group ? t_.ccd_l : t_.ccd_s)) return false;
            if (command == wr && since(wr, other) < (group ? t_.ccd_l : t_.ccd_s)) return false;
            if (command == rd && since(wr, other) < t_.cwl + beats + (group ? t_.wtr_l : t_.wtr_s)) {
                return false;
            }
            if (command == wr && since(rd, other) < t_.cl + beats + 2 - t_.cwl) return false;
        }
        return true;
    }

    void give(Command command, const Access& access, std::int64_t clock) {
        auto& bank = banks_[static_cast<std::size_t>(access.bank)];
        bank.last[command] = clock;
        if (command == act) {
            bank.row = access.row;
            activates_.push_back(clock);
        } else if (command == pre) {
            bank.row = -1;
        } else {
            const auto end = clock + (access.write ? t_.cwl : t_.cl) + t_.burst_length / 2;
            last_data_ = std::max(last_data_, end);
            if (!access.write) latency_ += static_cast<double>(end - access.arrival);
        }
    }

    // The oldest access of a queue whose next command is ready.
    bool serve(Queue& queue, std::int64_t clock) {
        for (std::size_t i = 0; i < queue.size(); ++i) {
            const auto access = queue[i];
            const auto command = wanted(access);
            if (!ready(command, access.bank, clock)) continue;
            const bool needed = std::any_of(active_.begin(), active_.end(),
                                            [&](const Access& other) { return other.bank == access.bank; });
            if (command == pre && needed) return false;
            give(command, access, clock);
            if (command != pre) queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(i));
            if (command == act) active_.push_back(access);
            return true;
        }
        return false;
    }

    bool refresh(std::int64_t clock) {
        if (clock < due_) return false;
        if (!active_.empty()) return true;  // they go first; nothing else starts
        std::int64_t closed = clock - closed_all_ >= t_.rp ? 1 : 0;
        for (int i = 0; i < 16; ++i) {
            auto& bank = banks_[static_cast<std::size_t>(i)];
            if (bank.row >= 0 && !ready(pre, i, clock)) return true;
            closed &= clock - bank.last[pre] >= t_.rp ? 1 : 0;
        }
        const bool open = std::any_of(banks_.begin(), banks_.end(), [](auto& b) { return b.row >= 0; });
        if (open) {
            for (auto& bank : banks_) bank.row = -1;
            closed_all_ = clock;
        } else if (closed != 0) {
            refreshed_ = clock;
            due_ += t_.refi;
        }
        return true;
    }

    void tick(std::int64_t clock) {
        if (serve(active_, clock)) return;
        if (refresh(clock)) return;
        if (!drain_) drain_ = writes_.size() > 25 || reads_.empty();
        if (drain_ && writes_.size() <= 6 && !reads_.empty()) drain_ = false;
        serve(drain_ ? writes_ : reads_, clock);
    }

    memory::DramTiming t_;
    std::array<Bank, 16> banks_;
    Queue reads_;
    Queue writes_;
    Queue active_;
    std::vector<std::int64_t> activates_;
    std::int64_t refreshed_ = long_ago;
    std::int64_t closed_all_ = long_ago;
    std::int64_t due_;
    std::int64_t last_data_ = 0;
    double latency_ = 0;
    bool drain_ = false;
};

}  // namespace tilewright::test
