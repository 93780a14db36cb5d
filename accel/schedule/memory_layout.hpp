// SPDX-License-Identifier: Apache-2.0
// How data lie in memory: sizes of transfers in whole beats, pieces one behind the other, regions of every
// port apart from those of the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

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
    static constexpr std::int64_t piece_alignment = 4096;  // AXI bursts do not cross it

    explicit Allocator(std::int64_t alignment) : alignment_(alignment) {}
    std::int64_t place(std::int64_t bytes);
    std::int64_t end() const { return next_; }

  private:
    std::int64_t alignment_;
    std::int64_t next_ = 0;
};

// Gives out the memories of a design, one region behind the other in every channel. Addresses and ends are
// bytes in the space of one port: it stripes its transfers over its channels, so byte a of it lies at
// a / channels in each of them, and ports with different channels see the same bytes at different addresses.
class MemoryMap {
  public:
    // The design must live as long as the map.
    explicit MemoryMap(const Design& design);
    // `bytes` as so many that what lies behind them begins with the first bank again: one row of every bank
    // of the port's channels, or a multiple of it.
    std::int64_t whole_rows(std::size_t port, std::int64_t bytes) const;
    // Address of a region of so many bytes that this port moves, behind all that lies in its channels, from
    // the first bank on.
    std::int64_t place(std::size_t port, std::int64_t bytes);
    // Where all that lies in the port's channels ends, of whatever port it is.
    std::int64_t end(std::size_t port) const;
    // Throws MappingError when a port does not reach as far as what lies in its channels.
    void check_ends() const;

  private:
    const Design& design_;
    std::map<std::string, std::vector<std::int64_t>> ends_;  // by memory and channel: bytes of it in use
};

}  // namespace tilewright::accel
