// SPDX-License-Identifier: Apache-2.0
// Accesses on their way into the queues of a channel's controller.
#include "memory/dram/command_scheduler.hpp"

namespace tilewright::memory {

void DramCommandScheduler::arrive(MemoryClock clock) {
    if (now_ < clock) advance(clock);
    if (!started_) {
        started_ = true;
        statistics_.refreshes = 0;  // those of the time that is counted
        statistics_.first_arrival = slot_free_ = busy_from_ = statistics_.last_data = clock;
    }
    if (idle()) {
        lose(clock, DramLoss::idle);
        if (clock > statistics_.last_data) {  // a pause behind the data of what came before
            if (statistics_.last_data > busy_from_) busy_.push_back({busy_from_, statistics_.last_data});
            busy_from_ = clock;
        }
    }
}

void DramCommandScheduler::enqueue(MemoryClock clock, std::int64_t id, bool write, const DramAddress& address,
                                   std::int64_t accesses) {
    arrive(clock);
    const auto turn = address.bank_group + 1 == turns_.groups ? 0 : address.bank_group + 1;
    DramAccess access;
    access.id = id;
    access.row = address.row;
    access.column = static_cast<int>(address.column);
    access.rank = address.rank;
    access.group = address.rank * turns_.groups + address.bank_group;
    access.next_group = address.rank * turns_.groups + turn;
    access.bank = access.group * turns_.banks_per_group + address.bank;
    access.write = write;
    const auto last_column = access.column + accesses / turns_.groups + 1;
    if (!(write ? reads_ : writes_).holds_between(access, last_column, !write) &&
        !opened_.holds_between(access, last_column, !write)) {
        last_enqueued_ = clock;
        (write ? writes_ : reads_).push_back(access, accesses);
        return;
    }
    for (; accesses > 0; --accesses) {
        enqueue(access);
        turns_.next(access);
    }
}

// One of now, which the other kind may hold up or answer.
void DramCommandScheduler::enqueue(DramAccess access) {
    if (!access.write && is_queued(true, access)) {
        ++statistics_.forwarded_reads;
        completions_.push_back({access.id, now_ + 1, now_ + 1});
        return;
    }
    last_enqueued_ = now_;
    access.waits_for_read = access.write && is_queued(false, access);
    (access.write ? writes_ : reads_).push_back(access);
}

// Whether an access to the same place waits.
bool DramCommandScheduler::is_queued(bool write, const DramAccess& access) const {
    return (write ? writes_ : reads_).holds(access, write) || opened_.holds(access, write);
}

}  // namespace tilewright::memory
