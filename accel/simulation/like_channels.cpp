// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/like_channels.hpp"

#include <cstddef>
#include <map>

namespace tilewright::accel {

std::vector<int> first_of_like_channels(const Design& design, const std::string& memory) {
    const auto channels = design.device.memories.at(memory).dram.organization.channels;
    std::map<std::vector<std::size_t>, int> first;  // by ports
    std::vector<int> result;
    for (int channel = 0; channel < channels; ++channel) {
        std::vector<std::size_t> ports;
        for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
            const auto& port = design.memory_ports[i];
            const auto begin = port.first_channel;
            if (port.memory == memory && begin <= channel && channel < begin + port.channels)
                ports.push_back(i);
        }
        result.push_back(first.emplace(ports, channel).first->second);
    }
    return result;
}

}  // namespace tilewright::accel
