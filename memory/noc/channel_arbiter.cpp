// SPDX-License-Identifier: Apache-2.0
#include "memory/noc/channel_arbiter.hpp"

#include <algorithm>
#include <limits>

namespace tilewright::memory {

namespace {

constexpr auto never_fs = std::numeric_limits<TimeFs>::max();

}  // namespace

ChannelArbiter::ChannelArbiter(Agenda& agenda, TimeFs lookahead) : Member(agenda), lookahead_(lookahead) {}

void ChannelArbiter::add(BurstSource& source, std::int64_t weight, std::int64_t quantum_bytes,
                         TimeFs request_latency) {
    order_.add(weight, quantum_bytes);
    sources_.push_back(&source);
    request_latency_.push_back(request_latency);
    waiting_since_.push_back(never_fs);
    waiting_bytes_.push_back(0);
}

void ChannelArbiter::called() {
    const auto now = this->now();
    for (;;) {
        auto next = never_fs;
        bool any = false;
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            const auto bytes = sources_[i]->next_burst_bytes();
            const auto allowed = bytes > 0 ? sources_[i]->next_burst_allowed() : never_fs;
            waiting_bytes_[i] = allowed <= now ? bytes : 0;
            if (allowed <= now) {
                any = true;
                waiting_since_[i] = std::min(waiting_since_[i], now);
            } else {
                next = std::min(next, allowed);
            }
        }
        if (any && has_room_) room_at_ = has_room_() ? now : never_fs;
        if (any && room_at_ > now) next = std::min(next, room_at_);
        if (!any || room_at_ > now) {
            if (next != never_fs) notify(next - now);
            return;
        }
        const auto chosen = order_.pick(waiting_bytes_);
        sources_[chosen]->waited(now - waiting_since_[chosen]);
        waiting_since_[chosen] = never_fs;
        const auto pins_done = sources_[chosen]->issue_burst();
        room_at_ = pins_done - lookahead_ - request_latency_[chosen];
    }
}

}  // namespace tilewright::memory
