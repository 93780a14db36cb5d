// SPDX-License-Identifier: Apache-2.0
// How a DMA transfer is striped over the channels of its memory port: every channel carries an equal share of
// the values and, behind it, of the scales, each padded to whole beats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

class TransferLayout {
  public:
    TransferLayout(const Design& design, const MemoryPort& port);

    std::size_t channels() const { return channel_addresses_.size(); }
    // Rounded up: the last channel's share may be padding.
    std::int64_t share(std::int64_t bytes) const { return channel_count_.up(bytes); }
    // Where the channel's part of a transfer begins, in the memory's address space.
    std::int64_t address(const Instruction& transfer, std::int64_t repetition, std::size_t channel) const {
        return channel_addresses_[channel] +
               channel_count_.down(transfer.address + repetition * transfer.address_stride);
    }
    // Bytes of a channel's part, padding included.
    std::int64_t padded_bytes(const Instruction& transfer) const;

    // The bytes of a transfer, values and scales, as the channels carry them; and back.
    std::vector<std::vector<std::byte>> scatter(const Instruction& transfer,
                                                std::span<const std::byte> bytes) const;
    std::vector<std::byte> gather(const Instruction& transfer,
                                  const std::vector<std::vector<std::byte>>& parts) const;

  private:
    std::int64_t padded(std::int64_t bytes) const;

    memory::Divisor beat_bytes_;
    memory::Divisor channel_count_;
    std::vector<std::int64_t> channel_addresses_;
};

}  // namespace tilewright::accel
