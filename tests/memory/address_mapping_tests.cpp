// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <tuple>

#include <catch2/catch.hpp>

#include "dram_fixtures.hpp"
#include "memory/dram/address_mapping.hpp"

using namespace tilewright::memory;
using tilewright::test::ddr4;

namespace {

auto tied(const DramAddress& a) {
    return std::tuple(a.channel, a.rank, a.bank_group, a.bank, a.row, a.column);
}

// 2 channels, 2 ranks, 4 groups of 4 banks, 2 rows of 512 bytes.
DramSpecification tiny() {
    auto dram = ddr4();
    dram.organization.channels = 2;
    dram.organization.ranks = 2;
    dram.organization.row_bytes = 512;
    dram.organization.channel_bytes = 2 * 2 * 16 * 512;
    return dram;
}

// A pseudo-channel as those of the U280's HBM2: accesses of 32 bytes, rows of 1 KB.
DramSpecification pseudo_channel() {
    auto dram = ddr4(std::int64_t{256} << 20);
    dram.timing.burst_length = 4;
    dram.organization.row_bytes = 1024;
    return dram;
}

}  // namespace

TEST_CASE("mappings read from the most to the least significant field") {
    auto dram = ddr4();
    dram.organization.channels = 2;
    dram.organization.ranks = 2;
    const std::int64_t access = 64;
    const AddressMapping usual("RoBaRaCoCh", dram);
    CHECK(tied(usual.decode(0)) == std::tuple(0, 0, 0, 0, 0, 0));
    CHECK(tied(usual.decode(63)) == std::tuple(0, 0, 0, 0, 0, 0));
    CHECK(tied(usual.decode(access)) == std::tuple(1, 0, 0, 0, 0, 0));
    CHECK(tied(usual.decode(2 * access)) == std::tuple(0, 0, 0, 0, 0, 1));
    CHECK(tied(usual.decode(2 * 128 * access)) == std::tuple(0, 1, 0, 0, 0, 0));
    CHECK(tied(usual.decode(4 * 128 * access)) == std::tuple(0, 0, 1, 0, 0, 0));  // group before bank
    CHECK(tied(usual.decode(16 * 128 * access)) == std::tuple(0, 0, 0, 1, 0, 0));
    CHECK(tied(usual.decode(64 * 128 * access)) == std::tuple(0, 0, 0, 0, 1, 0));
    const AddressMapping high("ChRaBaRoCo", dram);
    CHECK(tied(high.decode(access)) == std::tuple(0, 0, 0, 0, 0, 1));
    CHECK(tied(high.decode(128 * access)) == std::tuple(0, 0, 0, 0, 1, 0));
    const auto bank_accesses = 128 * dram.organization.rows_per_bank();
    CHECK(tied(high.decode(bank_accesses * access)) == std::tuple(0, 0, 0, 1, 0, 0));  // bank before group
    CHECK(tied(high.decode(4 * bank_accesses * access)) == std::tuple(0, 0, 1, 0, 0, 0));
    CHECK(high.decode(dram.organization.channel_bytes).channel == 1);
    const AddressMapping rotating("RoBaRaCoBgCh", dram);
    CHECK(tied(rotating.decode(2 * access)) == std::tuple(0, 0, 1, 0, 0, 0));
    CHECK(tied(rotating.decode(8 * access)) == std::tuple(0, 0, 0, 0, 0, 1));
    CHECK(tied(rotating.decode(4 * 256 * access * 2)) == std::tuple(0, 0, 0, 1, 0, 0));
}

TEST_CASE("MOP4CLXOR keeps four cache lines together and mixes row bits into the banks") {
    const AddressMapping mapping("MOP4CLXOR", ddr4());
    CHECK(tied(mapping.decode(3 * 64)) == std::tuple(0, 0, 0, 0, 0, 3));
    CHECK(tied(mapping.decode(4 * 64)) == std::tuple(0, 0, 1, 0, 0, 0));
    CHECK(tied(mapping.decode(16 * 64)) == std::tuple(0, 0, 0, 1, 0, 0));
    CHECK(tied(mapping.decode(64 * 64)) == std::tuple(0, 0, 0, 0, 0, 4));
    const std::int64_t row = 16 * 8192;
    CHECK(tied(mapping.decode(row)) == std::tuple(0, 0, 1, 0, 1, 0));
    CHECK(tied(mapping.decode(6 * row)) == std::tuple(0, 0, 2, 1, 6, 0));
}

TEST_CASE("a cluster of MOP4CLXOR has 256 bytes whatever an access moves") {
    const auto dram = pseudo_channel();
    REQUIRE(dram.access_bytes() == 32);
    const AddressMapping mapping("MOP4CLXOR", dram);
    CHECK(tied(mapping.decode(7 * 32)) == std::tuple(0, 0, 0, 0, 0, 7));
    CHECK(tied(mapping.decode(256)) == std::tuple(0, 0, 1, 0, 0, 0));
    CHECK(tied(mapping.decode(4 * 256)) == std::tuple(0, 0, 0, 1, 0, 0));
    CHECK(tied(mapping.decode(16 * 256)) == std::tuple(0, 0, 0, 0, 0, 8));
    const std::int64_t row = 16 * 1024;
    CHECK(tied(mapping.decode(6 * row)) == std::tuple(0, 0, 2, 1, 6, 0));
    // Accesses that are longer than a cluster are spread one by one, a row that is shorter stays whole.
    auto wide = ddr4();
    wide.timing.burst_length = 64;
    CHECK(tied(AddressMapping("MOP4CLXOR", wide).decode(512)) == std::tuple(0, 0, 1, 0, 0, 0));
    auto short_rows = pseudo_channel();
    short_rows.organization.row_bytes = 128;
    CHECK(tied(AddressMapping("MOP4CLXOR", short_rows).decode(96)) == std::tuple(0, 0, 0, 0, 0, 3));
    CHECK(tied(AddressMapping("MOP4CLXOR", short_rows).decode(128)) == std::tuple(0, 0, 1, 0, 0, 0));
}

TEST_CASE("every mapping gives each address a place of its own") {
    for (const int burst_length : {8, 4}) {
        auto dram = tiny();
        dram.timing.burst_length = burst_length;
        const auto access = dram.access_bytes();
        for (const auto* name : {"RoBaRaCoCh", "ChRaBaRoCo", "RoRaBaChCo", "RoCoBaRaCh", "RoBaRaCoBgCh",
                                 "RoBaBgRaCoCh", "MOP4CLXOR"}) {
            CAPTURE(name, access);
            const AddressMapping mapping(name, dram);
            std::set<std::tuple<int, int, int, int, std::int64_t, std::int64_t>> places;
            for (std::int64_t address = 0; address < dram.capacity_bytes(); address += access) {
                const auto place = mapping.decode(address);
                CHECK(place.row < 2);
                CHECK(place.column < 512 / access);
                places.insert(tied(place));
            }
            CHECK(places.size() == static_cast<std::size_t>(dram.capacity_bytes() / access));
        }
    }
}

TEST_CASE("names that are no mapping and organisations without address bits are refused") {
    for (const auto* name :
         {"", "RoBaRaCo", "RoBaRaCoCo", "RoBaRaCoXx", "robaracoch", "RoBgRaCoCh", "RoBaRaCoChBa"}) {
        CAPTURE(name);
        CHECK_THROWS_AS(AddressMapping(name, ddr4()), std::invalid_argument);
    }
    auto dram = ddr4();
    dram.organization.banks_per_group = 3;
    CHECK_THROWS_AS(AddressMapping("RoBaRaCoCh", dram), std::invalid_argument);
}
