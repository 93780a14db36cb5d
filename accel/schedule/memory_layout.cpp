// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/memory_layout.hpp"

#include <algorithm>

#include "accel/schedule/schedule.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

TransferSize transfer_size(const models::Quantization& format, std::int64_t elements) {
    return {divide_up(models::value_bits(format, elements), 8),
            divide_up(models::scale_bits(format, elements), 8)};
}

std::int64_t padded_bytes(const MemoryPort& port, const TransferSize& size) {
    const auto beat = port.width_bits / 8 * static_cast<std::int64_t>(port.channels);
    return divide_up(size.value_bytes, beat) * beat + divide_up(size.scale_bytes, beat) * beat;
}

std::int64_t Allocator::place(std::int64_t bytes) {
    const auto at = next_;
    next_ += divide_up(bytes, alignment_) * alignment_;
    return at;
}

MemoryMap::MemoryMap(const Design& design) : design_(design) {
    for (const auto& port : design.memory_ports) {
        const auto& organization = design.device.memories.at(port.memory).dram.organization;
        ends_[port.memory].resize(static_cast<std::size_t>(organization.channels));
    }
}

std::int64_t MemoryMap::whole_rows(std::size_t port, std::int64_t bytes) const {
    const auto& one = design_.memory_ports[port];
    const auto& organization = design_.device.memories.at(one.memory).dram.organization;
    const auto rows = organization.row_bytes * organization.banks_per_rank() * one.channels;
    return divide_up(bytes, rows) * rows;
}

std::int64_t MemoryMap::place(std::size_t port, std::int64_t bytes) {
    const auto address = whole_rows(port, end(port));
    const auto& one = design_.memory_ports[port];
    const auto channel_end = divide_up(address + whole_rows(port, bytes), one.channels);
    std::fill_n(ends_.at(one.memory).begin() + one.first_channel, one.channels, channel_end);
    return address;
}

std::int64_t MemoryMap::end(std::size_t port) const {
    const auto& one = design_.memory_ports[port];
    const auto first = ends_.at(one.memory).begin() + one.first_channel;
    return *std::max_element(first, first + one.channels) * one.channels;
}

void MemoryMap::check_ends() const {
    for (std::size_t i = 0; i < design_.memory_ports.size(); ++i) {
        const auto& port = design_.memory_ports[i];
        const auto available =
            design_.device.memories.at(port.memory).dram.organization.channel_bytes * port.channels;
        if (end(i) <= available) continue;
        throw MappingError("/memory_ports/" + std::to_string(i),
                           "the network needs " + std::to_string(end(i)) +
                               " bytes of memory but the port reaches " + std::to_string(available),
                           "a smaller network or format, or more channels");
    }
}

}  // namespace tilewright::accel
