// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/address_mapping.hpp"

#include <algorithm>
#include <bit>
#include <string_view>
#include <vector>

namespace tilewright::memory {

namespace {

int bits_of(std::int64_t count, const char* what) {
    if (count < 1 || !std::has_single_bit(static_cast<std::uint64_t>(count))) {
        throw std::invalid_argument(std::string(what) + ": " + std::to_string(count) +
                                    " is not a power of two");
    }
    return std::countr_zero(static_cast<std::uint64_t>(count));
}

// Of a byte address within a cluster, "4CL": four cache lines of 64 bytes, which are four accesses of 64
// bytes or eight of 32.
constexpr int cluster_byte_bits = 8;

}  // namespace

std::string AddressMapping::allowed_names() {
    return "MOP4CLXOR, or the fields Ro, Ba, Ra, Co, Ch once each from the most to the least significant, "
           "such "
           "as RoBaRaCoCh or ChRaBaRoCo, with Bg for a bank group of its own, such as RoBaRaCoBgCh";
}

AddressMapping::AddressMapping(const std::string& name, const DramSpecification& specification)
    : name_(name) {
    const auto& organization = specification.organization;
    access_bits_ = bits_of(specification.access_bytes(), "bytes of an access");
    const int column_bits =
        bits_of(organization.row_bytes / specification.access_bytes(), "accesses of a row");
    const int row_bits = bits_of(organization.rows_per_bank(), "rows of a bank");
    const int rank_bits = bits_of(organization.ranks, "ranks");
    const int channel_bits = bits_of(organization.channels, "channels");
    bank_group_bits_ = bits_of(organization.bank_groups, "bank groups");
    const int bank_bits = bits_of(organization.banks_per_group, "banks of a group");
    int shift = access_bits_;
    const auto add = [&](Field field, int bits) {
        slices_[static_cast<std::size_t>(slice_count_++)] = {field, bits};
        places_[field] = {shift, (std::int64_t{1} << bits) - 1};
        shift += bits;
    };
    if (name == "MOP4CLXOR") {
        cluster_bits_ = std::clamp(cluster_byte_bits - access_bits_, 0, column_bits);
        add(column_cluster, cluster_bits_);
        add(channel, channel_bits);
        add(rank, rank_bits);
        add(bank_group, bank_group_bits_);
        add(bank, bank_bits);
        add(column, column_bits - cluster_bits_);
        add(row, row_bits);
        xor_row_ = true;
        return;
    }
    const auto unknown = [&] {
        return std::invalid_argument("\"" + name + "\" is no address mapping; allowed: " + allowed_names());
    };
    const bool own_group = name.find("Bg") != std::string::npos;
    const bool group_above_bank = name == "ChRaBaRoCo";
    std::vector<std::string_view> seen;
    if (name.size() != (own_group ? 12U : 10U)) throw unknown();
    for (std::size_t at = name.size(); at > 0; at -= 2) {
        const auto token = std::string_view(name).substr(at - 2, 2);
        if (std::find(seen.begin(), seen.end(), token) != seen.end()) throw unknown();
        seen.push_back(token);
        if (token == "Ch") {
            add(channel, channel_bits);
        } else if (token == "Ra") {
            add(rank, rank_bits);
        } else if (token == "Bg") {
            add(bank_group, bank_group_bits_);
        } else if (token == "Ba") {
            if (!own_group && !group_above_bank) add(bank_group, bank_group_bits_);
            add(bank, bank_bits);
            if (group_above_bank) add(bank_group, bank_group_bits_);
        } else if (token == "Ro") {
            add(row, row_bits);
        } else if (token == "Co") {
            add(column, column_bits);
        } else {
            throw unknown();
        }
    }
}

std::int64_t AddressMapping::accesses_over_groups() const {
    int bits = 0;
    bool group_seen = bank_group_bits_ == 0;
    for (int i = 0; i < slice_count_; ++i) {
        const auto& slice = slices_[static_cast<std::size_t>(i)];
        if (slice.bits == 0) continue;
        const auto wanted = group_seen ? column : bank_group;
        if (slice.field != wanted) return 0;
        bits += slice.bits;
        if (group_seen) return xor_row_ ? 0 : std::int64_t{1} << bits;
        group_seen = true;
    }
    return 0;
}

DramAddress AddressMapping::decode(std::int64_t address) const {
    DramAddress result;
    result.channel = static_cast<int>(value(channel, address));
    result.rank = static_cast<int>(value(rank, address));
    result.row = value(row, address);
    result.column = value(column, address) << cluster_bits_ | value(column_cluster, address);
    auto group = value(bank_group, address);
    auto bank_in_group = value(bank, address);
    if (xor_row_) {
        group ^= value(row, address) & places_[bank_group].mask;
        bank_in_group ^= (value(row, address) >> bank_group_bits_) & places_[bank].mask;
    }
    result.bank_group = static_cast<int>(group);
    result.bank = static_cast<int>(bank_in_group);
    return result;
}

}  // namespace tilewright::memory
