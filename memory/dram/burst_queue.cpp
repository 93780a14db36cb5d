// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/burst_queue.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "memory/integer_math.hpp"

namespace tilewright::memory {

DramBurstQueue::DramBurstQueue(const DramSpecification& specification, const DramControllerPolicy& policy,
                               const AddressMapping& mapping, bool closed_form)
    : mapping_(mapping),
      timing_(specification.timing),
      policy_(policy),
      access_bytes_(specification.access_bytes()),
      closest_columns_(specification.organization.ranks > 1
                           ? std::min(MemoryClock{timing_.column_spacing()},
                                      distance(timing_, ConstraintScope::other_ranks, DramCommandKind::read,
                                               DramCommandKind::read))
                           : timing_.column_spacing()),
      run_accesses_(closed_form ? mapping.accesses_over_groups() : 0),
      scheduler_(specification, policy) {}

std::int64_t DramBurstQueue::accesses(const Burst& burst) const {
    return last_access(burst) - first_access(burst) + 1;
}

DramBurstQueue::Open& DramBurstQueue::open(std::int64_t id) {
    return *std::find_if(open_.begin(), open_.end(), [id](const Open& one) { return one.burst.id == id; });
}

// Packet i of n, counted from 1, has come i n-ths of the way behind the burst's arrival.
std::int64_t DramBurstQueue::come(const Burst& burst, std::int64_t accesses, MemoryClock clock) const {
    if (clock >= burst.last_arrival) return accesses;
    if (clock < burst.arrival) return 0;
    const auto come = (clock - burst.arrival) * accesses / (burst.last_arrival - burst.arrival);
    return come - come % policy_.packet_accesses;
}

std::int64_t DramBurstQueue::there(const Waiting& waiting, MemoryClock clock) const {
    return std::max(std::int64_t{0},
                    come(waiting.burst, waiting.accesses, clock) - (waiting.accesses - waiting.left));
}

MemoryClock DramBurstQueue::more_there(const Waiting& waiting, MemoryClock clock) const {
    const auto& burst = waiting.burst;
    const auto next =
        std::min(waiting.accesses, come(burst, waiting.accesses, clock) + policy_.packet_accesses);
    return burst.arrival + divide_up(next * (burst.last_arrival - burst.arrival), waiting.accesses);
}

void DramBurstQueue::add(Burst burst) {
    burst.last_arrival = burst.write ? std::max(burst.arrival, burst.last_arrival) : burst.arrival;
    const auto later = [](MemoryClock arrival, const Burst& other) { return arrival < other.arrival; };
    arriving_.insert(std::upper_bound(arriving_.begin(), arriving_.end(), burst.arrival, later), burst);
    open_.push_back({burst, accesses(burst), accesses(burst)});
}

// Bursts that have arrived by now queue up outside. False if there are none.
bool DramBurstQueue::admit() {
    if (arriving_.empty() || arriving_.front().arrival > now()) return false;
    auto end = arriving_.begin();
    for (; end != arriving_.end() && end->arrival <= now(); ++end) {
        const auto count = accesses(*end);
        waiting_[end->write ? 1 : 0].push_back({*end, first_access(*end), count, count});
    }
    arriving_.erase(arriving_.begin(), end);
    return true;
}

// The next accesses of the front burst are in the queue, the last one since `clock`.
void DramBurstQueue::enter(bool write, std::int64_t accesses, MemoryClock clock) {
    auto& waiting = waiting_[write ? 1 : 0];
    auto& front = waiting.front();
    front.next += accesses;
    front.left -= accesses;
    youngest_[write ? 1 : 0] = front.next - 1;
    auto& burst = open(front.burst.id);
    burst.outside -= accesses;
    if (burst.outside == 0) accepted_.push_back({front.burst.id, clock, write});
    if (front.left == 0) waiting.pop_front();
}

void DramBurstQueue::feed_both() {
    feed(false);
    feed(true);
}

// As many accesses as the queue has room for.
void DramBurstQueue::feed(bool write) {
    const auto& waiting = waiting_[write ? 1 : 0];
    if (waiting.empty()) return;
    auto room = scheduler_.room(write);
    while (!waiting.empty() && room > 0) {
        const auto& front = waiting.front();
        // A read that is answered at once takes no room; it is asked again.
        const auto count = std::min(room, there(front, now()));
        if (count == 0) return;
        enqueue(write, front.next, count, now());
        enter(write, count, now());
        room = scheduler_.room(write);
    }
}

// Accesses of the front burst, block by block.
void DramBurstQueue::enqueue(bool write, std::int64_t first, std::int64_t accesses, MemoryClock clock) {
    const auto id = waiting_[write ? 1 : 0].front().burst.id;
    while (accesses > 0) {
        const auto count = run_accesses_ == 0 ? 1 : std::min(accesses, run_accesses_ - first % run_accesses_);
        scheduler_.enqueue(clock, id, write, mapping_.decode(first * access_bytes_.value()), count);
        first += count;
        accesses -= count;
    }
}

// Serves what follows open rows in closed form, if there is such a run.
bool DramBurstQueue::run(MemoryClock until) {
    if (run_accesses_ == 0 || !scheduler_.may_run()) return false;
    const auto limit = next_arrival(until, true);
    if (!scheduler_.runs_before(limit)) return false;
    const bool write = scheduler_.runs_would_write();
    const auto& waiting = waiting_[write ? 1 : 0];
    const auto youngest = youngest_[write ? 1 : 0];
    std::int64_t id = 0;
    std::int64_t following = 0;
    // What has not come yet does so no sooner than the limit.
    const auto come = waiting.empty() ? 0 : there(waiting.front(), now());
    bool more = come > 0;
    if (more && waiting.front().next == youngest + 1) {
        const auto& front = waiting.front();
        id = front.burst.id;
        // Up to the end of the block of the youngest access in the queue.
        following = std::min(come, run_accesses_ - 1 - youngest % run_accesses_);
        more = following < come || (come == front.left && waiting.size() > 1);
    }
    const auto served = scheduler_.serve_run(limit, id, following, more);
    if (served.accesses == 0) return false;
    // Behind every column command one more access entered the queue. Those that it still holds are handed
    // over now.
    const auto entered = std::min(following, served.accesses);
    const auto clock = [&](std::int64_t nth) {
        return served.begin + (nth - 1) * timing_.column_spacing() + 1;
    };
    const auto gone = std::max(std::int64_t{0}, served.accesses - served.queued);
    if (entered > gone) enqueue(write, waiting.front().next + gone, entered - gone, clock(entered));
    if (entered > 0) enter(write, entered, clock(entered));
    return true;
}

void DramBurstQueue::collect() {
    if (!scheduler_.has_completions()) return;
    scheduler_.take_completions(completions_);
    for (const auto& done : completions_) {
        auto& one = open(done.id);
        one.unserved -= done.accesses;
        if (one.first_data == 0 || done.first < one.first_data) one.first_data = done.first;
        one.last_data = std::max(one.last_data, done.last);
        if (one.unserved > 0) continue;
        served_.push_back({done.id, one.first_data, one.last_data});
        open_.erase(open_.begin() + (&one - open_.data()));
    }
}

// When more comes that has not come by now, at most `until`. What its queue has no room for makes no
// difference to the next command, but to a run.
MemoryClock DramBurstQueue::next_arrival(MemoryClock until, bool of_run) const {
    for (const auto write : {false, true}) {
        if (!of_run && !scheduler_.accepts(write)) continue;
        const auto& waiting = waiting_[write ? 1 : 0];
        if (waiting.empty() || there(waiting.front(), now()) == waiting.front().left) continue;
        until = std::min(until, more_there(waiting.front(), now()));
    }
    for (const auto& burst : arriving_) {
        if (burst.arrival >= until) break;
        if (of_run || scheduler_.accepts(burst.write)) return burst.arrival;
    }
    return until;
}

std::int64_t DramBurstQueue::unserved_reads() const {
    auto count = scheduler_.unserved(false);
    for (const auto& burst : waiting_[0]) count += burst.left;
    for (const auto& burst : arriving_) count += burst.write ? 0 : accesses(burst);
    return count;
}

std::int64_t DramBurstQueue::unserved_writes() const {
    const auto soon = now() + policy_.write_queue * timing_.column_spacing();
    auto count = scheduler_.unserved(true);
    for (const auto& burst : waiting_[1]) count += there(burst, soon);
    for (const auto& burst : arriving_) count += burst.write ? come(burst, accesses(burst), soon) : 0;
    return count;
}

bool DramBurstQueue::meet(const Burst& one, const Burst& other) const {
    return one.write != other.write && first_access(one) <= last_access(other) &&
           first_access(other) <= last_access(one);
}

// A read may be answered from a write in the queue.
bool DramBurstQueue::may_forward() const {
    for (auto one = open_.begin(); one != open_.end(); ++one) {
        for (auto other = open_.begin(); one->burst.write && other != open_.end(); ++other) {
            if (meet(one->burst, other->burst)) return true;
        }
    }
    return false;
}

// At least so many accesses leave the queue before all of a burst is in it.
std::int64_t DramBurstQueue::leave_before(const Burst& burst) const {
    std::int64_t outside = 0;
    for (const auto& waiting : waiting_[burst.write ? 1 : 0]) {
        outside += waiting.left;
        if (waiting.burst.id == burst.id) break;
    }
    return std::max(std::int64_t{0}, outside - scheduler_.room(burst.write));
}

// At least so many reads are given before any write, if no other one comes and none of them is answered from
// one.
std::int64_t DramBurstQueue::reads_before_writes() const {
    const auto comes = [](const Burst& burst) { return burst.write; };
    if (!waiting_[1].empty() || !scheduler_.reads_go_first() ||
        std::any_of(arriving_.begin(), arriving_.end(), comes)) {
        return 0;
    }
    auto reads = policy_.read_queue - scheduler_.room(false);
    for (const auto& waiting : waiting_[0]) reads += waiting.left;
    return std::max(std::int64_t{0}, reads - scheduler_.banks());
}

// One command, or one run of them, or the time up to the next one.
void DramBurstQueue::work(MemoryClock until) {
    if (admit()) feed_both();
    if (!run(until)) scheduler_.step(next_arrival(until, false));
    feed_both();
    collect();
    if (scheduler_.idle()) first_idle_ = std::min(first_idle_, now());
}

void DramBurstQueue::advance(MemoryClock until) {
    if (empty()) scheduler_.advance(until);
    while (now() < until) work(until);
}

void DramBurstQueue::advance_served(MemoryClock until) {
    while (!empty() && now() < until) work(until);
}

void DramBurstQueue::watch_idle() {
    admit();
    feed_both();
    // Written data may be still on their way.
    first_idle_ = scheduler_.idle() ? now() - 1 : std::numeric_limits<MemoryClock>::max();
}

MemoryClock DramBurstQueue::advance_to_rest() {
    while (!empty()) work(std::numeric_limits<MemoryClock>::max());
    const auto first_idle = first_idle_;
    while (!scheduler_.rests(now())) {
        // A refresh is due, or what has been given still binds.
        work(scheduler_.quiet() > now() ? scheduler_.quiet() : now() + timing_.rfc);
    }
    return first_idle;
}

void DramBurstQueue::take_served(std::vector<Served>& taken) {
    taken.clear();
    taken.swap(served_);
}

void DramBurstQueue::take_accepted(std::vector<Accepted>& taken) {
    taken.clear();
    taken.swap(accepted_);
}

bool DramBurstQueue::has_room() const {
    return unserved_reads() < policy_.read_queue + policy_.ahead_accesses &&
           unserved_writes() < policy_.write_queue + policy_.ahead_accesses;
}

std::optional<MemoryClock> DramBurstQueue::next_room() const {
    if (has_room()) return {};
    const auto reads = unserved_reads() - policy_.ahead_accesses - policy_.read_queue;
    if (may_forward() && reads >= 0) return now() + 1;
    const auto to_serve = std::max(reads, unserved_writes() - policy_.ahead_accesses - policy_.write_queue);
    return now() + to_serve * closest_columns_ + 1;
}

MemoryClock DramBurstQueue::earliest_news(const Burst& burst, bool forwards) const {
    if (burst.write) return burst.last_arrival;
    if (forwards) return burst.arrival + 1;
    return burst.arrival + (accesses(burst) - 1) * closest_columns_ + timing_.column_to_data_end(false);
}

// Of a burst that has arrived; `forwards` as in earliest_news().
MemoryClock DramBurstQueue::next_news(const Open& open, bool forwards) const {
    const auto& burst = open.burst;
    const auto latency = timing_.column_to_data_end(burst.write);
    if (!burst.write && forwards) {
        const auto columns = open.unserved - open.outside;
        return columns > 0 ? now() + (columns - 1) * closest_columns_ + latency : now() + 1;
    }
    // An access leaves the queue with its column, or when a row is opened for it, one in a bank.
    const auto leave = open.outside > 0 ? leave_before(burst) : 0;
    const auto before = std::max(std::int64_t{0}, leave - scheduler_.banks());
    const auto begin = std::max(now(), scheduler_.columns_from());
    auto columns = std::max(open.unserved, before + 1);
    if (burst.write && !forwards) columns += reads_before_writes();
    const auto last_column = std::max(begin + (columns - 1) * closest_columns_, burst.last_arrival);
    if (!burst.write || open.outside == 0) return last_column + latency;
    // It is accepted when the last of it has come, and commands have made room.
    auto accepted = std::max(burst.last_arrival, now() + leave);
    if (before > 0) accepted = std::max(accepted, begin + (before - 1) * closest_columns_ + 1);
    return std::min(accepted, last_column + latency);
}

std::optional<MemoryClock> DramBurstQueue::next_event() const {
    std::optional<MemoryClock> soonest;
    const bool forwards = may_forward();
    for (const auto& open : open_) {
        const auto at = std::find_if(arriving_.begin(), arriving_.end(),
                                     [&](const Burst& other) { return other.id == open.burst.id; });
        const auto news = at == arriving_.end() ? next_news(open, forwards) : earliest_news(*at, forwards);
        soonest = std::min(soonest.value_or(news), news);
    }
    return soonest;
}

}  // namespace tilewright::memory
