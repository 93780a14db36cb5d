// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/command_controller.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "memory/burst_extension.hpp"
#include "memory/integer_math.hpp"
#include "memory/simulation_time.hpp"

namespace tilewright::memory {

DramCommandController::DramCommandController(sc_core::sc_module_name name, Agenda& agenda,
                                             const DramSpecification& channel,
                                             const DramControllerPolicy& policy,
                                             const AddressMapping& mapping, std::int64_t base_address,
                                             TimeFs lookahead, std::shared_ptr<DramEpisodeStore> store)
    : DramController(name, channel, base_address),
      Member(agenda),
      queue_(channel, policy, mapping, std::move(store)),
      access_bytes_(channel.access_bytes()),
      period_(period_fs(channel.timing.clock_hz)),
      access_time_(channel.timing.column_spacing() * period_),
      lookahead_(lookahead) {}

DramCommandController::Burst& DramCommandController::burst(std::int64_t id) {
    return *std::find_if(bursts_.begin(), bursts_.end(), [id](const Burst& one) { return one.id == id; });
}

tlm::tlm_sync_enum DramCommandController::nb_transport_fw(tlm::tlm_generic_payload& payload,
                                                          tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase != tlm::BEGIN_REQ) return tlm::TLM_ACCEPTED;
    if (refuse(payload)) return tlm::TLM_COMPLETED;
    const auto bytes = static_cast<std::int64_t>(payload.get_data_length());
    const auto arrival = simulation_time() + to_fs(delay);
    if (arrival < now() + lookahead_) throw std::logic_error("a burst was announced too late");
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

// A burst that is announced from now on arrives no earlier than this.
void DramCommandController::advance() {
    queue_.advance((now() + lookahead_) / period_);
}

bool DramCommandController::has_room() {
    advance();
    if (queue_.has_news()) notify(0);
    if (queue_.has_room()) return true;
    room_awaited_ = true;
    wake_for_next();
    return false;
}

// Something may happen from the next event on. What is known by then is told at once, though it lies up to
// the lookahead in the future. Room is told that much before it is there.
void DramCommandController::wake_for_next() {
    const auto now = this->now();
    std::optional<TimeFs> next;
    if (const auto event = queue_.next_event()) {
        next = std::max(time(*event), time(queue_.now() + 1) - lookahead_);
    } else if (last_written_ > now) {
        next = last_written_;  // the run does not end before the data have passed
    }
    if (room_awaited_) {
        const auto room = time(queue_.next_room().value_or(queue_.now())) - lookahead_;
        const auto at = std::max(room, now + access_time_);  // and no more often than an access takes
        next = std::min(next.value_or(at), at);
    }
    if (next) notify(std::max(*next - now, TimeFs{0}));
}

void DramCommandController::answer(tlm::tlm_generic_payload& payload, TimeFs done) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    auto delay = to_sc_time(std::max(done - simulation_time(), TimeFs{0}));
    socket->nb_transport_bw(payload, phase, delay);
    payload.release();
}

void DramCommandController::answer_all() {
    answers_.clear();
    queue_.take_accepted(accepted_);
    for (const auto& accepted : accepted_) {
        auto& posted = burst(accepted.id);
        posted.payload->get_extension<BurstExtension>()->last_data = time(accepted.clock);
        answers_.emplace_back(std::exchange(posted.payload, nullptr), time(accepted.clock));
    }
    queue_.take_served(served_);
    for (const auto& done : served_) {
        auto& one = burst(done.id);
        one.served.first_data = time(done.first_data);
        one.served.last_data = time(done.last_data);
        if (one.served.write) last_written_ = std::max(last_written_, one.served.last_data);
        tell(one.served);
        if (one.payload != nullptr) {
            auto& extension = *one.payload->get_extension<BurstExtension>();
            extension.first_data = one.served.first_data;
            extension.last_data = one.served.last_data;
            answers_.emplace_back(one.payload, one.served.last_data);
        }
        bursts_.erase(bursts_.begin() + (&one - bursts_.data()));
    }
    for (const auto& [payload, done] : answers_) answer(*payload, done);
}

void DramCommandController::tell_busy_pieces() {
    queue_.take_busy(busy_pieces_);
    for (const auto& piece : busy_pieces_) {
        busy_ += time(piece.end - piece.begin);
        tell_busy(time(piece.begin), time(piece.end));
    }
}

void DramCommandController::called() {
    advance();
    tell_busy_pieces();
    answer_all();
    if (room_awaited_ && queue_.has_room()) {
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
    result.forwarded_bytes = commands.forwarded_reads * access_bytes_;
    result.refresh_stall = lost(DramLoss::refresh);
    result.row_stall = lost(DramLoss::row_miss);
    result.conflict_stall = lost(DramLoss::row_conflict);
    result.turnaround_stall = lost(DramLoss::turnaround);
    result.bank_group_stall = lost(DramLoss::bank_group);
    result.activate_stall = lost(DramLoss::activate_window);
    result.spacing_stall = lost(DramLoss::column_spacing);
    // The rest: from the last commands of a run of work to the end of its data.
    result.column_stall = busy_ - result.served();
    return result;
}

}  // namespace tilewright::memory
