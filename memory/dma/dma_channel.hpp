// SPDX-License-Identifier: Apache-2.0
// TLM-2.0 initiator that moves bursts between the fabric and memory through one AXI port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <systemc>

#include <tlm.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "memory/burst_extension.hpp"

namespace tilewright::memory {

class DmaChannel : public sc_core::sc_module {
  public:
    tlm_utils::simple_initiator_socket<DmaChannel> socket{"socket"};

    // Bursts are at most `burst_beats` beats of `beat_bytes` bytes.
    DmaChannel(sc_core::sc_module_name name, std::int64_t beat_bytes, std::int64_t burst_beats);
    ~DmaChannel() override;
    DmaChannel(const DmaChannel&) = delete;
    DmaChannel& operator=(const DmaChannel&) = delete;

    // Issues the bursts of one transfer now and returns the absolute time at which the last byte has arrived.
    // The data are `values` and, behind them, scales: each part is padded to whole beats, since the two go to
    // different buffers. `data`, if given, holds as many bytes, padding included, to be written or to be
    // filled. Throws std::out_of_range for an address that no memory answers.
    TimeFs transfer(std::int64_t address, std::int64_t value_bytes, std::int64_t scale_bytes, bool write,
                    std::byte* data = nullptr);

    std::int64_t bursts() const { return bursts_; }

  private:
    TimeFs burst(std::int64_t address, std::int64_t bytes, bool write, std::byte* data);
    std::int64_t padded(std::int64_t bytes) const {
        return (bytes + beat_bytes_ - 1) / beat_bytes_ * beat_bytes_;
    }

    std::int64_t beat_bytes_;
    std::int64_t burst_bytes_;
    std::int64_t bursts_ = 0;
    tlm::tlm_generic_payload payload_;
    BurstExtension timing_;
};

}  // namespace tilewright::memory
