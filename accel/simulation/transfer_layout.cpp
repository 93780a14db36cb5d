// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/transfer_layout.hpp"

#include <algorithm>

namespace tilewright::accel {

namespace {

// Part `index` of bytes that are cut into equal shares, as far as there are any.
template <typename Bytes>
Bytes part_of(Bytes bytes, std::int64_t share, std::size_t index) {
    const auto begin = std::min(static_cast<std::size_t>(share) * index, bytes.size());
    return bytes.subspan(begin, std::min(static_cast<std::size_t>(share), bytes.size() - begin));
}

}  // namespace

TransferLayout::TransferLayout(const Design& design, const MemoryPort& port)
    : beat_bytes_(port.width_bits / 8), channel_count_(port.channels) {
    const auto& organization = design.device.memories.at(port.memory).dram.organization;
    for (int i = 0; i < port.channels; ++i) {
        channel_addresses_.push_back((port.first_channel + i) * organization.channel_bytes);
    }
}

std::int64_t TransferLayout::padded(std::int64_t bytes) const {
    return beat_bytes_.up(bytes) * beat_bytes_.value();
}

std::int64_t TransferLayout::padded_bytes(const Instruction& transfer) const {
    return padded(share(transfer.value_bytes)) + padded(share(transfer.scale_bytes));
}

std::vector<std::vector<std::byte>> TransferLayout::scatter(const Instruction& transfer,
                                                            std::span<const std::byte> bytes) const {
    const auto values = bytes.first(static_cast<std::size_t>(transfer.value_bytes));
    const auto scales = bytes.subspan(values.size());
    const auto scale_begin = static_cast<std::ptrdiff_t>(padded(share(transfer.value_bytes)));
    std::vector<std::vector<std::byte>> parts(channels());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i].resize(static_cast<std::size_t>(padded_bytes(transfer)));
        std::ranges::copy(part_of(values, share(transfer.value_bytes), i), parts[i].begin());
        std::ranges::copy(part_of(scales, share(transfer.scale_bytes), i), parts[i].begin() + scale_begin);
    }
    return parts;
}

std::vector<std::byte> TransferLayout::gather(const Instruction& transfer,
                                              const std::vector<std::vector<std::byte>>& parts) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(transfer.value_bytes + transfer.scale_bytes));
    const std::span<std::byte> all(bytes);
    const auto values = all.first(static_cast<std::size_t>(transfer.value_bytes));
    const auto scales = all.subspan(values.size());
    const auto scale_begin = static_cast<std::ptrdiff_t>(padded(share(transfer.value_bytes)));
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto to_values = part_of(values, share(transfer.value_bytes), i);
        std::copy_n(parts[i].begin(), to_values.size(), to_values.begin());
        const auto to_scales = part_of(scales, share(transfer.scale_bytes), i);
        std::copy_n(parts[i].begin() + scale_begin, to_scales.size(), to_scales.begin());
    }
    return bytes;
}

}  // namespace tilewright::accel
