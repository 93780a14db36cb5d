// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/command_controller.hpp"

#include <algorithm>
#include <stdexcept>

#include "memory/burst_extension.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::memory {

DramCommandController::DramCommandController(sc_core::sc_module_name name, const DramSpecification& channel,
                                             const DramControllerPolicy& policy,
                                             const AddressMapping& mapping, std::int64_t base_address,
                                             TimeFs lookahead)
    : DramController(name, channel, base_address),
      queue_(channel, policy, mapping),
      period_(period_fs(channel.timing.clock_hz)),
      lookahead_(lookahead) {
    SC_METHOD(work);
    sensitive << wake_;
    dont_initialize();
}

DramCommandController::Burst& DramCommandController::burst(std::int64_t id) {
    return *std::find_if(bursts_.begin(), bursts_.end(), [id](const Burst& one) { return one.id == id; });
}

tlm::tlm_sync_enum DramCommandController::nb_transport_fw(tlm::tlm_generic_payload& payload,
                                                          tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase != tlm::BEGIN_REQ) return tlm::TLM_ACCEPTED;
    if (refuse(payload)) return tlm::TLM_COMPLETED;
    if (to_fs(delay) < lookahead_) throw std::logic_error("a burst was announced too late");
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    const auto arrival = simulation_time() + to_fs(delay);
    Burst burst;
    burst.id = next_id_++;
    burst.served = {arrival, channel_address(payload), bytes, payload.is_write(), arrival, 0, 0};
    burst.payload = &payload;
    payload.acquire();
    bursts_.push_back(burst);
    const auto* extension = payload.get_extension<BurstExtension>();
    const auto last = burst.served.write && extension != nullptr ? extension->sent : arrival;
    queue_.add({burst.id, divide_up(arrival, period_), burst.served.address, bytes, burst.served.write,
                divide_up(last, period_)});
    (burst.served.write ? write_bytes_ : read_bytes_) += bytes;
    move_data(payload);
    wake_for_next();
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
}

TimeFs DramCommandController::room_at() {
    const auto since = queue_.room_since();
    if (since) return std::max(TimeFs{0}, time(*since) - lookahead_);
    room_awaited_ = true;
    wake_for_next();
    return never;
}

// Something may happen from the next event on. What is known by then is told at once, though it lies up to
// the lookahead in the future.
void DramCommandController::wake_for_next() {
    const auto now = simulation_time();
    if (const auto event = queue_.next_event(room_awaited_)) {
        const auto at = std::max({now, time(*event), time(queue_.now() + 1) - lookahead_});
        wake_.notify(to_sc_time(at - now));
    } else if (last_data_ > now) {
        wake_.notify(to_sc_time(last_data_ - now));  // the run does not end before the data have passed
    }
}

void DramCommandController::answer(tlm::tlm_generic_payload& payload, TimeFs done) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    auto delay = to_sc_time(std::max(done - simulation_time(), TimeFs{0}));
    socket->nb_transport_bw(payload, phase, delay);
    payload.release();
}

void DramCommandController::work() {
    // A burst that is announced from now on arrives no earlier than this.
    queue_.advance((simulation_time() + lookahead_) / period_);
    std::vector<std::pair<tlm::tlm_generic_payload*, TimeFs>> answers;
    for (const auto& accepted : queue_.take_accepted()) {
        auto& posted = burst(accepted.id);
        posted.payload->get_extension<BurstExtension>()->last_data = time(accepted.clock);
        answers.emplace_back(std::exchange(posted.payload, nullptr), time(accepted.clock));
    }
    for (const auto& done : queue_.take_served()) {
        auto& one = burst(done.id);
        one.served.first_data = time(done.first_data);
        one.served.last_data = time(done.last_data);
        last_data_ = std::max(last_data_, one.served.last_data);
        busy_.add(one.served.arrival, one.served.last_data);
        tell(one.served);
        if (one.payload != nullptr) {
            auto& extension = *one.payload->get_extension<BurstExtension>();
            extension.first_data = one.served.first_data;
            extension.last_data = one.served.last_data;
            answers.emplace_back(one.payload, one.served.last_data);
        }
        bursts_.erase(bursts_.begin() + (&one - bursts_.data()));
    }
    for (const auto& [payload, done] : answers) answer(*payload, done);
    if (room_awaited_ && queue_.room_since()) {
        room_awaited_ = false;
        if (told_room_) told_room_();
    }
    wake_for_next();
}

DramStatistics DramCommandController::statistics() const {
    const auto commands = queue_.statistics();
    const auto lost = [&](DramLoss loss) { return time(commands.losses[static_cast<std::size_t>(loss)]); };
    DramStatistics result;
    result.read_bytes = read_bytes_;
    result.write_bytes = write_bytes_;
    result.row_hits = commands.row_hits;
    result.row_misses = commands.row_misses + commands.row_conflicts;
    result.row_activations = commands.activates;
    result.refreshes = commands.refreshes;
    result.turnarounds = commands.turnarounds;
    result.data_busy = time(commands.data);
    result.refresh_stall = lost(DramLoss::refresh);
    result.row_stall = lost(DramLoss::row_miss) + lost(DramLoss::row_conflict);
    result.turnaround_stall = lost(DramLoss::turnaround);
    result.spacing_stall =
        lost(DramLoss::bank_group) + lost(DramLoss::activate_window) + lost(DramLoss::column_spacing);
    // Behind the last command of a run of work, and a clock's fraction in front of it.
    result.column_stall = std::max(TimeFs{0}, busy_.covered() - result.served());
    return result;
}

}  // namespace tilewright::memory
