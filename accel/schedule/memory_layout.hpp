// SPDX-License-Identifier: Apache-2.0
// How data lie in memory: sizes of transfers in whole beats, pieces one behind the other.
#pragma once

#include <cstdint>

#include "accel/design/design.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::accel {

// Sizes of a transfer: its values and its scales.
struct TransferSize {
    std::int64_t value_bytes = 0;
    std::int64_t scale_bytes = 0;
    std::int64_t bytes() const { return value_bytes + scale_bytes; }
};
TransferSize transfer_size(const models::Quantization& format, std::int64_t elements);
// Bytes that it takes in memory behind a port: both parts in whole beats of every channel.
std::int64_t padded_bytes(const MemoryPort& port, const TransferSize& size);

// Gives out memory one piece behind the other.
class Allocator {
  public:
    static constexpr std::int64_t region_alignment = 64 * 1024;  // whole rows of every memory of the devices
    static constexpr std::int64_t piece_alignment = 4096;        // AXI bursts do not cross it

    explicit Allocator(std::int64_t alignment) : alignment_(alignment) {}
    std::int64_t place(std::int64_t bytes);
    std::int64_t end() const { return next_; }

  private:
    std::int64_t alignment_;
    std::int64_t next_ = 0;
};

}  // namespace tilewright::accel
