// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_memory.hpp"

#include <map>
#include <set>
#include <stdexcept>

#include <fmt/ranges.h>

#include "accel/design/config_error.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/schema.hpp"
#include "memory/dram/address_mapping.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

std::string allowed_names(const std::set<std::string>& names) {
    return fmt::format("allowed: {}", fmt::join(names, ", "));
}

// The device's memory of that name.
const DeviceMemory& device_memory(const std::string& name, const Device& device, const std::string& file,
                                  const std::string& pointer) {
    const auto found = device.memories.find(name);
    if (found != device.memories.end()) return found->second;
    std::set<std::string> names;
    for (const auto& [one, ignored] : device.memories) names.insert(one);
    throw ConfigError(file, pointer, "the device has no memory \"" + name + "\"", allowed_names(names));
}

MemoryPort parse_port(const json& from, const Device& device, const std::string& file,
                      const std::string& pointer) {
    MemoryPort port;
    port.name = from.at("name").get<std::string>();
    port.memory = from.at("memory").get<std::string>();
    const auto& memory = device_memory(port.memory, device, file, pointer + "/memory");
    port.burst_beats = from.at("burst_beats").get<int>();
    port.outstanding = from.at("outstanding").get<int>();
    port.outstanding_bursts = from.value("outstanding_bursts", port.outstanding_bursts);
    port.qos_weight = from.value("qos_weight", port.qos_weight);
    port.gmio = from.value("gmio", 0);
    if (from.contains("hops")) {
        port.hops = from.at("hops").get<int>();
        if (port.hops != 0 && device.interconnect.switch_latency_cycles == 0) {
            throw ConfigError(file, pointer + "/hops",
                              from.at("hops").dump() +
                                  " switches take no time on a device whose "
                                  "interconnect has no switch_latency_cycles",
                              "allowed: 0, or no hops");
        }
    }
    port.first_channel = from.value("first_channel", 0);
    port.channels = from.value("channels", 1);
    if (port.gmio % port.channels != 0) {
        throw ConfigError(file, pointer + "/gmio",
                          std::to_string(port.gmio) + " GMIO do not divide by " +
                              std::to_string(port.channels) + " channels",
                          "allowed: as many GMIO for each channel");
    }
    if (port.gmio == 0 && !from.contains("width_bits")) {
        throw ConfigError(file, pointer, "the key \"width_bits\" is missing",
                          "required: width_bits, or gmio in its place");
    }
    port.width_bits = port.gmio > 0 ? 32 * port.gmio / port.channels : from.at("width_bits").get<int>();
    port.scales_inside_burst = from.value("scales_inside_burst", true);
    const auto channels = memory.dram.organization.channels;
    if (port.first_channel + port.channels > channels) {
        throw ConfigError(file, pointer + "/channels",
                          "channels " + std::to_string(port.first_channel) + " to " +
                              std::to_string(port.first_channel + port.channels - 1) +
                              " are beyond the memory",
                          "allowed: " + std::to_string(channels) + " channel(s) in all");
    }
    for (const auto& stream : from.at("carries")) {
        port.carries.push_back(choice<Stream>(
            stream,
            {{"weights", Stream::weights}, {"state", Stream::state}, {"convolution", Stream::convolution}}));
    }
    return port;
}

void check_port_names(const Design& design, const std::string& file) {
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (design.memory_ports[i].name != design.memory_ports[j].name) continue;
            throw ConfigError(file, "/memory_ports/" + std::to_string(i) + "/name",
                              "\"" + design.memory_ports[i].name + "\" names another port already",
                              "allowed: a name of its own");
        }
    }
}

// Each port takes an AXI port of the memory for every channel that it goes to.
void check_axi_ports(const Design& design, const std::string& file) {
    std::map<std::string, int> taken;
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        const auto& port = design.memory_ports[i];
        const auto& available = design.device.memories.at(port.memory).axi_ports;
        const auto all = taken[port.memory] += port.channels;
        if (!available || all <= *available) continue;
        throw ConfigError(file, "/memory_ports/" + std::to_string(i) + "/channels",
                          std::to_string(port.channels) + " channels, an AXI port for each, make " +
                              std::to_string(all) + " ports to \"" + port.memory + "\"",
                          "allowed: " + std::to_string(*available) + " in all");
    }
}

std::set<std::string> names_of_used_memories(const Design& design) {
    std::set<std::string> names;
    for (const auto& port : design.memory_ports) names.insert(port.memory);
    return names;
}

// Two ports that share a channel, and whose bursts take different times to reach it.
bool at_different_distances(const Design& design, const std::string& memory) {
    const auto hops = [&](const MemoryPort& port) {
        return port.hops.value_or(design.device.interconnect.hops);
    };
    const auto& ports = design.memory_ports;
    for (auto one = ports.begin(); one != ports.end(); ++one) {
        for (auto other = ports.begin(); other != one; ++other) {
            const bool share = one->memory == memory && other->memory == memory &&
                               one->first_channel < other->first_channel + other->channels &&
                               other->first_channel < one->first_channel + one->channels;
            if (share && hops(*one) != hops(*other)) return true;
        }
    }
    return false;
}

// The model of whole bursts knows one rank. It plans bursts in the order in which ports have their turns,
// which has to be that of their arrivals.
DramModel usual_model(const Design& design, const std::string& memory) {
    const bool ranks = design.device.memories.at(memory).dram.organization.ranks > 1;
    return ranks || at_different_distances(design, memory) ? DramModel::commands : DramModel::automatic;
}

// What the model of whole bursts cannot do is refused with it.
MemoryControl parse_control(const json& from, const DeviceMemory& memory, DramModel usual,
                            const std::string& file, const std::string& pointer) {
    MemoryControl control;
    control.model = choice<DramModel>(
        from.value("model", json(to_string(DramModel::automatic))),
        {{"auto", usual}, {"bursts", DramModel::bursts}, {"commands", DramModel::commands}});
    if (control.model == DramModel::bursts && memory.dram.organization.ranks > 1) {
        throw ConfigError(file, pointer + "/model",
                          "\"bursts\" serves a memory of one rank, and this one has " +
                              std::to_string(memory.dram.organization.ranks),
                          "allowed: \"commands\"");
    }
    control.page = choice<memory::PagePolicy>(
        from.value("page", json("open")),
        {{"open", memory::PagePolicy::open}, {"closed", memory::PagePolicy::closed}});
    control.refreshes_postponed = from.value("refreshes_postponed", 0);
    const auto needs_commands = [&](const std::string& key, const json& only) {
        if (control.model == DramModel::automatic) control.model = DramModel::commands;
        if (control.model == DramModel::commands) return;
        throw ConfigError(file, pointer + "/" + key,
                          from.at(key).dump() + " needs the controller that works command by command",
                          "allowed: " + only.dump() + ", or \"model\": \"auto\" or \"commands\" beside it");
    };
    if (control.page != memory::PagePolicy::open) needs_commands("page", "open");
    if (control.refreshes_postponed > 0) needs_commands("refreshes_postponed", 0);
    if (from.contains("address_mapping")) {
        const MemoryControl standard;
        control.address_mapping = from.at("address_mapping").get<std::string>();
        try {
            const memory::AddressMapping mapping(control.address_mapping, memory.dram.channel());
        } catch (const std::invalid_argument& error) {
            throw ConfigError(file, pointer + "/address_mapping", error.what(), "");
        }
        if (control.address_mapping != standard.address_mapping) {
            needs_commands("address_mapping", standard.address_mapping);
        }
    }
    return control;
}

}  // namespace

void parse_memories(const json& document, Design& design, const std::string& file) {
    const auto& ports = document.at("memory_ports");
    for (std::size_t i = 0; i < ports.size(); ++i) {
        design.memory_ports.push_back(
            parse_port(ports[i], design.device, file, "/memory_ports/" + std::to_string(i)));
    }
    check_port_names(design, file);
    check_axi_ports(design, file);
    for (const auto& [name, memory] : design.device.memories) {
        const auto usual = usual_model(design, name);
        if (usual != DramModel::automatic) design.memory_controls[name].model = usual;
    }
    if (!document.contains("memories")) return;
    const auto used = names_of_used_memories(design);
    for (const auto& [name, from] : document.at("memories").items()) {
        const auto pointer = "/memories/" + pointer_token(name);
        const auto& memory = device_memory(name, design.device, file, pointer);
        if (used.count(name) == 0) {
            throw ConfigError(file, pointer, "no memory port goes to \"" + name + "\"", allowed_names(used));
        }
        design.memory_controls[name] = parse_control(from, memory, usual_model(design, name), file, pointer);
    }
}

}  // namespace tilewright::accel
