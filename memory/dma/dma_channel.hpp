// SPDX-License-Identifier: Apache-2.0
// TLM-2.0 initiator that moves bursts between the fabric and memory through one AXI port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <systemc>
#include <vector>

#include <tlm.h>

#include "memory/agenda.hpp"
#include "memory/burst_extension.hpp"
#include "memory/integer_math.hpp"
#include "memory/noc/channel_arbiter.hpp"

namespace tilewright::memory {

struct DmaTransfer {
    std::int64_t address = 0;
    std::int64_t value_bytes = 0;
    std::int64_t scale_bytes = 0;
    bool write = false;
    std::byte* data = nullptr;  // if given, as many bytes, padding included, to be written or to be filled
    // Since when it has been there to be issued, but for others that are in flight; at most now.
    TimeFs wanted = std::numeric_limits<TimeFs>::max();
};

// Whoever has requested a transfer.
class TransferWatcher {
  public:
    virtual ~TransferWatcher() = default;
    // Its last byte will have arrived at `end`; told as soon as that is known.
    virtual void transferred(TimeFs end) = 0;
};

class DmaChannel : public sc_core::sc_module,
                   public BurstSource,
                   public tlm::tlm_mm_interface,
                   public tlm::tlm_bw_transport_if<> {
  public:
    tlm::tlm_initiator_socket<> socket{"socket"};

    // Bursts are at most `burst_beats` beats of `beat_bytes` bytes, `outstanding_bursts` of them on their
    // way.
    DmaChannel(sc_core::sc_module_name name, const Agenda& agenda, std::int64_t beat_bytes,
               std::int64_t burst_beats, std::int64_t outstanding_bursts);
    ~DmaChannel() override;
    DmaChannel(const DmaChannel&) = delete;
    DmaChannel& operator=(const DmaChannel&) = delete;

    // Issues the bursts of one transfer, each as soon as there may be one more on its way, and returns the
    // absolute time at which the last byte has arrived. The data are values and, behind them, scales: each
    // part is padded to whole beats, since the two go to different buffers. Throws std::out_of_range for an
    // address that no memory answers.
    TimeFs transfer(const DmaTransfer& transfer);

    // The channel's bursts wait for an arbiter.
    void share(ChannelArbiter& arbiter) { arbiter_ = &arbiter; }
    // The memory answers later, in the phases of nb_transport.
    void expect_phases() { phased_ = true; }
    // In both cases transfers are requested.
    bool answers_later() const { return phased_ || arbiter_ != nullptr; }
    // As transfer(), but the time is told later. Transfers are issued in order.
    void request(const DmaTransfer& transfer, TransferWatcher& watcher);

    std::int64_t bursts() const { return bursts_; }
    std::int64_t burst_bytes() const { return burst_bytes_; }

    std::int64_t next_burst_bytes() const override;
    TimeFs next_burst_allowed() const override { return ends_[oldest_]; }
    TimeFs issue_burst() override;
    void waited(TimeFs time) override { arbitration_ += time; }

    // Time that bursts were ready and waited for their turn at a shared channel.
    TimeFs arbitration() const { return arbitration_; }

    // For the payloads of bursts: a channel has them back.
    void free(tlm::tlm_generic_payload* payload) override;

  private:
    static constexpr TimeFs unknown = std::numeric_limits<TimeFs>::max();
    struct Request {
        DmaTransfer rest;
        std::int64_t left = 0;        // bytes to be issued
        std::int64_t unanswered = 0;  // bursts
        TimeFs end = 0;
        TimeFs requested = 0;
        TimeFs wanted = 0;
        TransferWatcher* watcher = nullptr;
        Request* next = nullptr;  // to be issued behind it
    };
    // A burst that is answered later, with its payload.
    struct Burst : BurstExtension, tlm::tlm_generic_payload {
        Request* request = nullptr;
        std::size_t slot = 0;  // of ends_
    };

    TimeFs burst(TimeFs wanted, TimeFs requested, std::int64_t address, std::int64_t bytes, bool write,
                 std::byte* data);
    Burst& idle_burst();
    void send(Request& request, std::int64_t address, std::int64_t bytes, bool write, std::byte* data);
    void answered(Request& request, TimeFs end);
    void issue_allowed();
    std::size_t take_slot();
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                       sc_core::sc_time& delay) override;
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
    std::int64_t padded(std::int64_t bytes) const { return beat_bytes_.up(bytes) * beat_bytes_.value(); }

    const Agenda& agenda_;
    Divisor beat_bytes_;
    std::int64_t burst_bytes_;
    std::int64_t bursts_ = 0;
    TimeFs arbitration_ = 0;
    std::vector<TimeFs> ends_;  // of the last bursts, a ring; or unknown
    std::size_t oldest_ = 0;
    ChannelArbiter* arbiter_ = nullptr;
    bool phased_ = false;
    std::deque<Request> requests_;  // in use or idle
    std::vector<Request*> idle_requests_;
    Request* to_issue_ = nullptr;  // the first one with bytes left
    Request* last_to_issue_ = nullptr;
    std::deque<Burst> bursts_in_phases_;
    std::vector<Burst*> idle_bursts_;
    tlm::tlm_generic_payload payload_;
    BurstExtension timing_;
};

}  // namespace tilewright::memory
