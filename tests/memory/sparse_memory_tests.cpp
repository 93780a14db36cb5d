// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <catch2/catch.hpp>

#include "memory/storage/sparse_memory.hpp"

using tilewright::memory::SparseMemory;

namespace {
std::vector<std::byte> pattern(std::size_t size, int seed) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 7 + static_cast<std::size_t>(seed));
    return bytes;
}
}  // namespace

TEST_CASE("a sparse memory keeps what is written, across pages, and nothing else") {
    SparseMemory memory;
    const auto first = pattern(10000, 1);
    const std::int64_t far = std::int64_t{7} << 32;
    memory.write(far + 100, first);
    std::vector<std::byte> back(first.size());
    memory.read(far + 100, back);
    CHECK(back == first);
    CHECK(memory.pages() == 3);
    const auto second = pattern(50, 9);
    memory.write(far + 4090, second);
    memory.read(far + 4090, std::span(back).first(50));
    CHECK(std::equal(second.begin(), second.end(), back.begin()));
    CHECK_THROWS_AS(memory.read(0, std::span(back).first(1)), std::out_of_range);
    CHECK_THROWS_AS(memory.read(far + 3 * 4096 - 1, std::span(back).first(2)), std::out_of_range);
    // Only whole pages are given up.
    memory.discard(far + 100, far + 2 * 4096);
    CHECK(memory.pages() == 2);
    CHECK_NOTHROW(memory.read(far + 100, std::span(back).first(10)));
    CHECK_THROWS_AS(memory.read(far + 4096, std::span(back).first(1)), std::out_of_range);
}
