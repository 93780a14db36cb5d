// SPDX-License-Identifier: Apache-2.0
// The contents of a memory of gigabytes of which little is used: bytes in pages that exist once written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

namespace tilewright::memory {

class SparseMemory {
  public:
    // Throws std::out_of_range for bytes in a page that nobody has written to: what was never stored cannot
    // be read.
    void read(std::int64_t address, std::span<std::byte> bytes) const;
    void write(std::int64_t address, std::span<const std::byte> bytes);

    // Forgets whole pages inside [begin, end).
    void discard(std::int64_t begin, std::int64_t end);

    std::size_t pages() const { return pages_.size(); }

    static constexpr std::int64_t page_bytes = 4096;

  private:
    std::unordered_map<std::int64_t, std::unique_ptr<std::byte[]>> pages_;
};

}  // namespace tilewright::memory
