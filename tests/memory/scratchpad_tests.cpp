// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "memory/scratchpad/scratchpad.hpp"

using namespace tilewright::memory;

TEST_CASE("primitives cover width and depth") {
    // A block's INT8 state of Mamba2-2.7B, eight lanes wide: 64 bits x 81,920 words in URAMs of 72 x 4,096.
    CHECK(primitives({"state", RamKind::uram, 655360, 64, 1, 2}) == 20);
    // 36 Kb in one RAMB36, whatever the shape that fits.
    CHECK(primitives({"a", RamKind::bram, 4608, 72, 1, 2}) == 1);
    CHECK(primitives({"b", RamKind::bram, 4608, 36, 1, 2}) == 1);
    CHECK(primitives({"c", RamKind::bram, 4609, 72, 1, 2}) == 2);
    // A wide shallow buffer pays for its width.
    CHECK(primitives({"d", RamKind::bram, 64, 512, 1, 2}) == 8);
    // Every bank has primitives of its own.
    CHECK(primitives({"e", RamKind::uram, 1024, 64, 4, 2}) == 4);
    CHECK(primitives({"f", RamKind::bram, 0, 64, 4, 2}) == 0);
    // 196,608 words of 32 bits and 786,432 of 8: UltraScale+ has 4,096 to a URAM, however narrow.
    CHECK(primitives({"g", RamKind::uram, 786432, 32, 1, 2}) == 24);
    CHECK(primitives({"g", RamKind::uram, 786432, 32, 1, 2}, false) == 48);
    CHECK(primitives({"g", RamKind::uram, 786432, 8, 1, 2}) == 24);
    CHECK(primitives({"g", RamKind::uram, 786432, 8, 1, 2}, false) == 192);
    CHECK(primitives({"h", RamKind::bram, 4608, 36, 1, 2}, false) == 1);
    // Eight LUTs are 14 bits x 32 or 7 bits x 64: a shallow buffer pays for its width here, too.
    CHECK(primitives({"l", RamKind::lutram, 4 * 2048, 16384, 1, 2}) == 8 * 1171);
    CHECK(primitives({"l", RamKind::lutram, 64 * 7, 7 * 8, 1, 2}) == 8 * 8);
    CHECK(primitives({"l", RamKind::lutram, 64, 14, 2, 2}) == 2 * 8);
}

TEST_CASE("one port makes reads and writes alternate") {
    const ScratchpadSpecification dual{"s", RamKind::uram, 1 << 20, 64, 1, 2};
    auto single = dual;
    single.ports = 1;
    CHECK(access_cycles(dual, 128, 128) == 128);
    CHECK(access_cycles(single, 128, 128) == 256);
    auto banked = dual;
    banked.banks = 4;
    CHECK(access_cycles(banked, 128, 10) == 32);
    CHECK(access_cycles(banked, 129, 10) == 33);
}

TEST_CASE("a scratchpad remembers its fullest moment") {
    Scratchpad pad("weights", 100);
    pad.acquire(60);
    pad.release(30);
    pad.acquire(50);
    CHECK(pad.fill_bytes() == 80);
    CHECK(pad.peak_bytes() == 80);
    CHECK_FALSE(pad.overfilled());
    pad.acquire(40);
    CHECK(pad.overfilled());
}
