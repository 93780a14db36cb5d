// SPDX-License-Identifier: Apache-2.0
// Memory traffic of known kinds, the same on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "memory/dram/dram_trace.hpp"

namespace tilewright::test {

// A request every `gap` clocks on average, evenly: "sequential" and "random" 64-byte reads, "bursts" of 4 KiB
// at random places, "streams": two sequential ones 1 GiB apart in turn, "mix": random, half of them writes,
// "sequential mix".
inline std::vector<memory::DramTraceRequest> pattern(const std::string& kind, int count, double gap) {
    std::vector<memory::DramTraceRequest> requests;
    std::uint64_t state = 0x9E3779B97F4A7C15ULL;
    const auto random = [&] {  // xorshift64* (Vigna 2016)
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return (state * 0x2545F4914F6CDD1DULL) >> 20;
    };
    constexpr std::uint64_t lines = (std::uint64_t{8} << 30) / 64;
    for (int i = 0; i < count; ++i) {
        memory::DramTraceRequest request;
        request.clock = static_cast<std::int64_t>(i * gap);
        request.bytes = 64;
        if (kind == "sequential") {
            request.address = std::int64_t{i} * 64;
        } else if (kind == "random") {
            request.address = static_cast<std::int64_t>(random() % lines) * 64;
        } else if (kind == "bursts") {
            request.address = static_cast<std::int64_t>(random() % (lines / 64)) * 4096;
            request.bytes = 4096;
        } else if (kind == "streams") {
            request.address = std::int64_t{i / 2} * 64 + (i % 2) * (std::int64_t{1} << 30);
        } else if (kind == "mix") {
            request.address = static_cast<std::int64_t>(random() % lines) * 64;
            request.write = random() % 2 == 1;
        } else {  // sequential mix
            request.address = std::int64_t{i} * 64;
            request.write = random() % 2 == 1;
        }
        requests.push_back(request);
    }
    return requests;
}

}  // namespace tilewright::test
