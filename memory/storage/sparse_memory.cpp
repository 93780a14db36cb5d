// SPDX-License-Identifier: Apache-2.0
#include "memory/storage/sparse_memory.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace tilewright::memory {

namespace {

// Calls part(page, offset in the page, offset in the bytes, size) for every page that a range touches.
template <typename Part>
void for_each_page(std::int64_t address, std::size_t size, Part part) {
    std::size_t done = 0;
    while (done < size) {
        const auto at = address + static_cast<std::int64_t>(done);
        const auto offset = static_cast<std::size_t>(at % SparseMemory::page_bytes);
        const auto count = std::min(size - done, static_cast<std::size_t>(SparseMemory::page_bytes) - offset);
        part(at / SparseMemory::page_bytes, offset, done, count);
        done += count;
    }
}

}  // namespace

void SparseMemory::read(std::int64_t address, std::span<std::byte> bytes) const {
    for_each_page(address, bytes.size(),
                  [&](std::int64_t page, std::size_t offset, std::size_t done, std::size_t count) {
                      const auto found = pages_.find(page);
                      if (found == pages_.end()) {
                          throw std::out_of_range("address " + std::to_string(page * page_bytes) +
                                                  " is read but was never written");
                      }
                      std::copy_n(found->second.get() + offset, count, bytes.data() + done);
                  });
}

void SparseMemory::write(std::int64_t address, std::span<const std::byte> bytes) {
    for_each_page(address, bytes.size(),
                  [&](std::int64_t page, std::size_t offset, std::size_t done, std::size_t count) {
                      auto& memory = pages_[page];
                      if (!memory)
                          memory = std::make_unique<std::byte[]>(static_cast<std::size_t>(page_bytes));
                      std::copy_n(bytes.data() + done, count, memory.get() + offset);
                  });
}

void SparseMemory::discard(std::int64_t begin, std::int64_t end) {
    const auto first = (begin + page_bytes - 1) / page_bytes;
    for (auto page = first; page < end / page_bytes; ++page) pages_.erase(page);
}

}  // namespace tilewright::memory
