// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/burst_queue.hpp"

#include <algorithm>
#include <utility>

#include "memory/integer_math.hpp"

namespace tilewright::memory {

DramBurstQueue::DramBurstQueue(const DramSpecification& specification, const DramControllerPolicy& policy,
                               const AddressMapping& mapping, bool closed_form)
    : mapping_(mapping),
      timing_(specification.timing),
      access_bytes_(specification.access_bytes()),
      run_accesses_(closed_form ? mapping.accesses_over_groups() : 0),
      scheduler_(specification, policy) {}

std::int64_t DramBurstQueue::accesses(const Burst& burst) const {
    return (burst.address + burst.bytes - 1) / access_bytes_ - burst.address / access_bytes_ + 1;
}

DramBurstQueue::Open& DramBurstQueue::open(std::int64_t id) {
    return *std::find_if(open_.begin(), open_.end(), [id](const Open& burst) { return burst.id == id; });
}

// Access i of n, counted from 1, comes i n-ths of the way behind the burst's arrival.
std::int64_t DramBurstQueue::Waiting::there(MemoryClock clock) const {
    if (clock >= last_arrival) return left;
    const auto come = (clock - arrival) * accesses / (last_arrival - arrival);
    return std::max(std::int64_t{0}, come - (accesses - left));
}

MemoryClock DramBurstQueue::Waiting::next_arrival(MemoryClock clock) const {
    const auto nth = accesses - left + there(clock) + 1;
    return arrival + divide_up(nth * (last_arrival - arrival), accesses);
}

void DramBurstQueue::add(Burst burst) {
    burst.last_arrival = burst.write ? std::max(burst.arrival, burst.last_arrival) : burst.arrival;
    const auto later = [](MemoryClock arrival, const Burst& other) { return arrival < other.arrival; };
    arriving_.insert(std::upper_bound(arriving_.begin(), arriving_.end(), burst.arrival, later), burst);
    open_.push_back({burst.id, burst.write, accesses(burst), accesses(burst), burst.last_arrival});
}

// Bursts that have arrived by now queue up outside.
void DramBurstQueue::admit() {
    auto end = arriving_.begin();
    for (; end != arriving_.end() && end->arrival <= now(); ++end) {
        const auto count = accesses(*end);
        waiting_[end->write ? 1 : 0].push_back(
            {end->id, end->address / access_bytes_, count, count, end->arrival, end->last_arrival});
    }
    arriving_.erase(arriving_.begin(), end);
}

// The next accesses of the front burst are in the queue, the last one since `clock`.
void DramBurstQueue::enter(bool write, std::int64_t accesses, MemoryClock clock) {
    auto& waiting = waiting_[write ? 1 : 0];
    auto& front = waiting.front();
    front.next += accesses;
    front.left -= accesses;
    youngest_[write ? 1 : 0] = front.next - 1;
    auto& burst = open(front.id);
    burst.outside -= accesses;
    if (burst.outside == 0 && write) accepted_.push_back({front.id, clock});
    if (front.left == 0) waiting.pop_front();
    room_since_ = std::max(room_since_, clock);
}

// As many accesses as the queue has room for.
void DramBurstQueue::feed(bool write) {
    const auto& waiting = waiting_[write ? 1 : 0];
    while (!waiting.empty() && scheduler_.accepts(write) && waiting.front().there(now()) > 0) {
        const auto& front = waiting.front();
        scheduler_.enqueue(now(), front.id, write, mapping_.decode(front.next * access_bytes_));
        enter(write, 1, now());
    }
}

// Serves what follows open rows in closed form, if there is such a run.
bool DramBurstQueue::run(MemoryClock limit) {
    if (run_accesses_ == 0) return false;
    const bool write = scheduler_.runs_would_write();
    const auto& waiting = waiting_[write ? 1 : 0];
    const auto youngest = youngest_[write ? 1 : 0];
    std::int64_t id = 0;
    std::int64_t following = 0;
    // What has not come yet does so no sooner than the limit.
    const auto there = waiting.empty() ? 0 : waiting.front().there(now());
    bool more = there > 0;
    if (more && waiting.front().next == youngest + 1) {
        const auto& front = waiting.front();
        id = front.id;
        // Up to the end of the block of the youngest access in the queue.
        following = std::min(there, run_accesses_ - 1 - youngest % run_accesses_);
        more = following < there || (there == front.left && waiting.size() > 1);
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
    if (gone > 0) enter(write, gone, clock(gone));
    for (auto nth = gone + 1; nth <= entered; ++nth) {
        const auto& front = waiting.front();
        scheduler_.enqueue(now(), front.id, write, mapping_.decode(front.next * access_bytes_));
        enter(write, 1, clock(nth));
    }
    return true;
}

void DramBurstQueue::collect() {
    for (const auto& done : scheduler_.take_completions()) {
        auto& burst = open(done.id);
        burst.unserved -= done.accesses;
        if (burst.first_data == 0 || done.first < burst.first_data) burst.first_data = done.first;
        burst.last_data = std::max(burst.last_data, done.last);
        if (burst.unserved > 0) continue;
        served_.push_back({burst.id, burst.first_data, burst.last_data});
        open_.erase(open_.begin() + (&burst - open_.data()));
    }
}

// When more comes that has not come by now, at most `until`.
MemoryClock DramBurstQueue::next_arrival(MemoryClock until) const {
    if (!arriving_.empty()) until = std::min(until, arriving_.front().arrival);
    for (const auto& waiting : waiting_) {
        if (waiting.empty() || waiting.front().there(now()) == waiting.front().left) continue;
        until = std::min(until, waiting.front().next_arrival(now()));
    }
    return until;
}

// Accesses that have come and wait outside a queue.
std::int64_t DramBurstQueue::outside(bool write) const {
    std::int64_t accesses = 0;
    for (const auto& burst : waiting_[write ? 1 : 0]) {
        accesses += burst.there(now());
        if (burst.there(now()) < burst.left) break;
    }
    return accesses;
}

void DramBurstQueue::advance(MemoryClock until) {
    while (now() < until) {
        admit();
        feed(false);
        feed(true);
        const auto limit = next_arrival(until);
        if (!run(limit)) scheduler_.step(limit);
        feed(false);
        feed(true);
        collect();
    }
}

std::vector<DramBurstQueue::Served> DramBurstQueue::take_served() {
    return std::exchange(served_, {});
}

std::vector<DramBurstQueue::Accepted> DramBurstQueue::take_accepted() {
    return std::exchange(accepted_, {});
}

std::optional<MemoryClock> DramBurstQueue::room_since() const {
    const auto reads = [](const Burst& burst) { return !burst.write; };
    if (outside(false) > 0 || outside(true) > 0 || std::any_of(arriving_.begin(), arriving_.end(), reads)) {
        return {};
    }
    return room_since_;
}

std::optional<MemoryClock> DramBurstQueue::next_event(bool room) const {
    std::optional<MemoryClock> soonest;
    const auto consider = [&](MemoryClock clock) { soonest = std::min(soonest.value_or(clock), clock); };
    // A read may be answered from a write in the queue.
    const bool forwards =
        std::any_of(open_.begin(), open_.end(), [](const Open& burst) { return burst.write; });
    for (const auto& burst : open_) {
        const auto at = std::find_if(arriving_.begin(), arriving_.end(),
                                     [&](const Burst& other) { return other.id == burst.id; });
        const bool arrived = at == arriving_.end();
        const auto begin = arrived ? now() : at->arrival;
        if (burst.write && burst.outside > 0) {
            // All there and not in the queue: it is full, and a command makes room for one.
            consider(arrived && burst.last_arrival <= now() ? begin + burst.outside : burst.last_arrival);
        }
        const auto columns = !burst.write && forwards ? burst.unserved - burst.outside : burst.unserved;
        const auto latency = (burst.write ? timing_.cwl : timing_.cl) + timing_.data_clocks();
        const auto columns_end = begin + (columns - 1) * timing_.column_spacing() + latency;
        consider(columns > 0 ? std::max(columns_end, burst.last_arrival + latency) : begin + 1);
    }
    if (room && !room_since()) {
        const auto waiting = std::max(outside(false), outside(true));
        if (waiting > 0) consider(now() + waiting);
        if (waiting == 0 && !arriving_.empty()) consider(arriving_.front().arrival);
    }
    return soonest;
}

}  // namespace tilewright::memory
