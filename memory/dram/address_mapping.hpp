// SPDX-License-Identifier: Apache-2.0
// Which channel, rank, bank, row and column an address stands for.
//
// A mapping is named by its fields from the most to the least significant: Ch channel, Ra rank, Ba bank, Ro
// row, Co column (in accesses). RoBaRaCoCh thus interleaves accesses over the channels, then walks a row. Ba
// holds the bank group in its lowest bits; with Bg the bank group is a field of its own and Ba the bank
// within it, so RoBaRaCoBgCh rotates over the bank groups from access to access.
//
// MOP4CLXOR is the minimalist open page of Kaseridis, Stuecheli and John (MICRO 2011): clusters of four cache
// lines, 256 bytes whatever the size of an access, stay in a row, the bits above them choose channel, rank,
// bank group and bank, and the lowest row bits are XORed into bank group and bank.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "memory/dram/dram_timing.hpp"

namespace tilewright::memory {

struct DramAddress {
    int channel = 0;
    int rank = 0;
    int bank_group = 0;
    int bank = 0;  // within its group
    std::int64_t row = 0;
    std::int64_t column = 0;  // in accesses
};

class AddressMapping {
  public:
    // Throws std::invalid_argument for a name that is not a mapping, with the allowed ones in its message,
    // and for an organisation whose parts are not powers of two.
    AddressMapping(const std::string& name, const DramSpecification& specification);

    // `address` in bytes from the start of the memory.
    DramAddress decode(std::int64_t address) const;

    // Within an aligned block of so many accesses only bank group and column change, the group from each to
    // the next; 0 if other fields change first.
    std::int64_t accesses_over_groups() const;

    const std::string& name() const { return name_; }
    // For messages.
    static std::string allowed_names();

  private:
    enum Field { channel, rank, bank_group, bank, row, column, column_cluster, field_count };
    struct Slice {
        Field field = channel;
        int bits = 0;
    };
    struct Place {  // of a field in an address
        int shift = 0;
        std::int64_t mask = 0;
    };
    std::int64_t value(Field field, std::int64_t address) const {
        const auto& place = places_[field];
        return (address >> place.shift) & place.mask;
    }

    std::string name_;
    std::array<Slice, field_count> slices_{};  // from the least significant
    int slice_count_ = 0;
    std::array<Place, field_count> places_{};
    int access_bits_ = 0;
    int cluster_bits_ = 0;
    int bank_group_bits_ = 0;
    bool xor_row_ = false;
};

}  // namespace tilewright::memory
