// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/accelerator.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "accel/engines/timing.hpp"
#include "accel/simulation/dma_engine.hpp"
#include "accel/simulation/like_channels.hpp"
#include "accel/simulation/simulation_context.hpp"
#include "memory/dram/burst_controller.hpp"
#include "memory/dram/command_controller.hpp"
#include "memory/noc/interconnect.hpp"

namespace tilewright::accel {

namespace {

using memory::TimeFs;

// One memory of the device with the interconnect in front of it.
struct MemorySystem {
    std::unique_ptr<memory::Interconnect> interconnect;
    std::vector<std::unique_ptr<memory::DramController>> controllers;
    std::vector<memory::DramCommandController*> by_command;  // the same, if they work command by command
    std::vector<int> stands_for_it;                          // by channel: the one that is simulated for it
    std::vector<std::int64_t> copies;  // by channel: for how many it stands; 0: another one does for it
    std::vector<std::unique_ptr<memory::ChannelArbiter>> arbiters;  // of the channels that ports share
};

// A port's initiator, and the memory channel that it goes to.
struct Initiator {
    memory::DmaChannel* dma = nullptr;
    const MemoryPort* port = nullptr;
    int channel = 0;
};

class Accelerator : public sc_core::sc_module {
  public:
    Accelerator(sc_core::sc_module_name name, const Design& design, const TileProgram& program,
                Observer* observer, Executor* executor, TimeFs quantum)
        : sc_module(name), design_(design), program_(program), agenda_("agenda", quantum) {
        for (int i = 0; i < buffer_count; ++i) {
            buffers_.emplace_back(to_string(static_cast<Buffer>(i)),
                                  program.buffer_bytes[static_cast<std::size_t>(i)]);
            buffers_.back().acquire(program.resident_bytes[static_cast<std::size_t>(i)]);
        }
        completed_.resize(program.engines.size());
        environment_ = {&agenda_, &program, memory::period_fs(design.clock_hz), &buffers_, &completed_,
                        observer, executor};
        build_engines();
        build_memories();
        std::vector<Engine*> all;
        for (const auto& engine : engines_) all.push_back(engine.get());
        for (const auto& engine : engines_) engine->connect(all);
        SC_METHOD(begin);
    }

    bool finished() const {
        return std::all_of(engines_.begin(), engines_.end(),
                           [](const auto& engine) { return engine->finished(); });
    }

    std::string deadlock() const {
        std::string text = "the simulation came to a halt: ";
        for (const auto& engine : engines_) {
            if (!engine->finished()) text += engine->waiting_for() + "; ";
        }
        return text.substr(0, text.size() - 2);
    }

    // Of posted data, too; no engine works any more.
    TimeFs settle() {
        TimeFs end = 0;
        for (const auto& [name, system] : memories_) {
            for (const auto& controller : system.controllers) end = std::max(end, controller->settle());
        }
        return end;
    }

    // When anything was done last.
    TimeFs now() const { return agenda_.now(); }

    Activity activity(TimeFs end) const;

  private:
    SC_HAS_PROCESS(Accelerator);

    void begin() {
        for (int i = 0; environment_.observer != nullptr && i < buffer_count; ++i) {
            const auto bytes = program_.resident_bytes[static_cast<std::size_t>(i)];
            if (bytes > 0) environment_.observer->buffer_fill(0, static_cast<Buffer>(i), bytes);
        }
        for (const auto& engine : engines_) engine->begin();
    }

    void build_engines() {
        const auto count = static_cast<std::uint16_t>(program_.engines.size());
        for (std::uint16_t i = 0; i < count; ++i) {
            const auto& description = program_.engines[i];
            const auto module_name = "engine" + std::to_string(i);
            if (description.kind == EngineKind::dma) {
                const auto& port = design_.memory_ports[description.memory_port];
                auto dma = std::make_unique<DmaEngine>(module_name.c_str(), i, environment_, port,
                                                       TransferLayout(design_, port));
                dmas_.push_back(dma.get());
                engines_.push_back(std::move(dma));
                continue;
            }
            std::vector<std::vector<std::int64_t>> cycles;
            for (const auto& section : program_.sections) {
                std::vector<std::int64_t> durations;
                durations.reserve(section.streams[i].size());
                for (const auto& work : section.streams[i]) {
                    durations.push_back(instruction_cycles(design_, description.kind, section, work));
                }
                cycles.push_back(std::move(durations));
            }
            engines_.push_back(
                std::make_unique<ComputeEngine>(module_name.c_str(), i, environment_, std::move(cycles)));
        }
    }

    void build_memories() {
        for (const auto& [name, device_memory] : design_.device.memories) {
            std::vector<memory::PortSpecification> ports;
            std::vector<Initiator> initiators;
            for (std::size_t i = 0; i < dmas_.size(); ++i) {
                const auto& port = design_.memory_ports[i];
                if (port.memory != name) continue;
                for (std::size_t c = 0; c < dmas_[i]->channels.size(); ++c) {
                    ports.push_back(design_.port_specification(port));
                    initiators.push_back(
                        {dmas_[i]->channels[c].get(), &port, port.first_channel + static_cast<int>(c)});
                }
            }
            if (ports.empty()) continue;
            const auto& dram = device_memory.dram;
            MemorySystem system;
            stand_for_each_other(name, system);
            system.interconnect = std::make_unique<memory::Interconnect>(
                (name + "_interconnect").c_str(), design_.device.interconnect, ports,
                dram.organization.channels, dram.organization.channel_bytes);
            for (std::size_t i = 0; i < initiators.size(); ++i) {
                initiators[i].dma->socket.bind(*system.interconnect->port_sockets[i]);
            }
            build_controllers(name, device_memory, initiators, system);
            share_channels(device_memory, initiators, system);
            memories_.emplace(name, std::move(system));
        }
    }

    // Data go to every channel; without, one is simulated for all that are like it.
    void stand_for_each_other(const std::string& name, MemorySystem& system) {
        system.stands_for_it = first_of_like_channels(design_, name);
        auto& simulated = system.stands_for_it;
        if (environment_.executor != nullptr) std::iota(simulated.begin(), simulated.end(), 0);
        system.copies.assign(simulated.size(), 0);
        for (const auto channel : simulated) ++system.copies[static_cast<std::size_t>(channel)];
        for (std::size_t i = 0; i < dmas_.size(); ++i) {
            const auto& port = design_.memory_ports[i];
            if (port.memory != name) continue;
            const auto begin = system.copies.begin() + port.first_channel;
            dmas_[i]->set_copies({begin, begin + port.channels});
        }
    }

    void build_controllers(const std::string& name, const DeviceMemory& memory,
                           const std::vector<Initiator>& initiators, MemorySystem& system) {
        const auto& dram = memory.dram;
        const auto control = design_.memory_control(name);
        auto policy = memory.controller;
        policy.page = control.page;
        policy.refreshes_postponed = control.refreshes_postponed;
        policy.packet_accesses = static_cast<int>(
            std::max(std::int64_t{1}, design_.device.interconnect.packet_bytes / dram.access_bytes()));
        const auto idle = std::count(system.copies.begin(), system.copies.end(), 0);
        const auto episodes =
            std::make_shared<memory::DramEpisodeStore>(dram.organization.channels - static_cast<int>(idle));
        for (int c = 0; c < dram.organization.channels; ++c) {
            const auto channel = static_cast<std::size_t>(c);
            const auto module_name = name + std::to_string(c);
            const auto base = c * dram.organization.channel_bytes;
            if (control.model != DramModel::commands) {
                system.controllers.push_back(
                    std::make_unique<memory::DramBurstController>(module_name.c_str(), dram, policy, base));
            } else {
                const auto [nearest, furthest] = ways(initiators, c, *system.interconnect);
                const auto access = dram.timing.column_spacing() * memory::period_fs(dram.timing.clock_hz);
                policy.ahead_accesses = static_cast<int>((furthest - nearest) / access);
                auto controller = std::make_unique<memory::DramCommandController>(
                    module_name.c_str(), agenda_, dram.channel(), policy,
                    memory::AddressMapping(control.address_mapping, dram.channel()), base, nearest, episodes);
                system.by_command.push_back(controller.get());
                system.controllers.push_back(std::move(controller));
            }
            auto& controller = *system.controllers.back();
            system.interconnect->channel_sockets[channel]->bind(controller.socket);
            controller.watch_busy([net = system.interconnect.get(), channel](TimeFs begin, TimeFs end) {
                net->served(channel, begin, end);
            });
            watch_bursts(name, c, system, controller);
            if (environment_.executor != nullptr) {
                controller.attach(&environment_.executor->memory(name));
            }
        }
        if (control.model != DramModel::commands) return;
        for (const auto& initiator : initiators) initiator.dma->expect_phases();
    }

    // Of all channels that this one stands for.
    void watch_bursts(const std::string& name, int channel, const MemorySystem& system,
                      memory::DramController& controller) {
        auto* observer = environment_.observer;
        if (observer == nullptr || !observer->wants_bursts()) return;
        std::vector<int> like;
        for (std::size_t c = 0; c < system.stands_for_it.size(); ++c) {
            if (system.stands_for_it[c] == channel) like.push_back(static_cast<int>(c));
        }
        controller.watch([observer, name, like](const auto& burst) {
            for (const auto c : like) observer->burst(name, c, burst);
        });
    }

    // From the nearest and from the furthest port to a channel.
    static std::pair<TimeFs, TimeFs> ways(const std::vector<Initiator>& initiators, int channel,
                                          const memory::Interconnect& interconnect) {
        std::vector<TimeFs> all;
        for (std::size_t i = 0; i < initiators.size(); ++i) {
            if (initiators[i].channel == channel) all.push_back(interconnect.request_latency(i));
        }
        if (all.empty()) return {0, 0};
        const auto [nearest, furthest] = std::minmax_element(all.begin(), all.end());
        return {*nearest, *furthest};
    }

    // Channels that several ports go to get an arbiter. It looks ahead as far as the controller's queue.
    void share_channels(const DeviceMemory& memory, const std::vector<Initiator>& initiators,
                        MemorySystem& system) {
        const auto& timing = memory.dram.timing;
        const auto lookahead =
            memory.controller.read_queue * timing.column_spacing() * memory::period_fs(timing.clock_hz);
        for (int c = 0; c < memory.dram.organization.channels; ++c) {
            std::vector<std::size_t> ports;
            std::int64_t longest = 0;
            for (std::size_t i = 0; i < initiators.size(); ++i) {
                if (initiators[i].channel != c) continue;
                ports.push_back(i);
                longest = std::max(longest, initiators[i].dma->burst_bytes());
            }
            if (ports.size() < 2 || system.copies[static_cast<std::size_t>(c)] == 0) continue;
            auto arbiter = std::make_unique<memory::ChannelArbiter>(agenda_, lookahead);
            for (const auto i : ports) {
                arbiter->add(*initiators[i].dma, initiators[i].port->qos_weight, longest,
                             system.interconnect->request_latency(i));
                initiators[i].dma->share(*arbiter);
            }
            if (!system.by_command.empty()) {
                auto& controller = *system.by_command[static_cast<std::size_t>(c)];
                arbiter->ask_for_room([&controller] { return controller.has_room(); });
                controller.tell_room([arbiter = arbiter.get()] { arbiter->wake(); });
            }
            system.arbiters.push_back(std::move(arbiter));
        }
    }

    const Design& design_;
    const TileProgram& program_;
    memory::Agenda agenda_;
    EngineEnvironment environment_;
    std::vector<memory::Scratchpad> buffers_;
    std::vector<std::int64_t> completed_;  // instructions, by engine
    std::vector<std::unique_ptr<Engine>> engines_;
    std::vector<DmaEngine*> dmas_;
    std::map<std::string, MemorySystem> memories_;
};

memory::DramStatistics sum(const MemorySystem& system) {
    memory::DramStatistics total;
    for (std::size_t c = 0; c < system.controllers.size(); ++c) {
        if (system.copies[c] > 0) total.add(system.controllers[c]->statistics(), system.copies[c]);
    }
    return total;
}

MemoryOccupancy occupancy(const std::string& name, const MemorySystem& system) {
    MemoryOccupancy result;
    result.memory = name;
    for (std::size_t c = 0; c < system.controllers.size(); ++c) {
        const auto channel = system.interconnect->occupancy(c);
        if (channel.bursts == 0) continue;
        const auto copies = system.copies[c];
        result.channels += copies;
        result.active += copies * channel.active;
        result.in_flight += copies * channel.in_flight;
        result.linked += copies * channel.linked;
        result.limited += copies * channel.limited;
        result.in_doubt = std::max(result.in_doubt, system.controllers[c]->statistics().in_doubt());
    }
    return result;
}

Activity Accelerator::activity(TimeFs end) const {
    Activity result;
    result.duration = end;
    result.section_begin.assign(program_.sections.size(), end);
    for (std::size_t i = 0; i < engines_.size(); ++i) {
        result.engines.push_back(engines_[i]->activity(end));
        result.instructions += result.engines.back().instructions;
        const auto& busy = engines_[i]->busy_by_label();
        for (std::size_t label = 0; label < busy.size(); ++label) {
            if (busy[label] == 0) continue;
            result.operators.push_back({program_.labels[label], program_.engines[i].name, busy[label]});
        }
        for (std::size_t s = 0; s < program_.sections.size(); ++s) {
            const auto begin = engines_[i]->section_begin(s);
            if (begin >= 0) result.section_begin[s] = std::min(result.section_begin[s], begin);
        }
    }
    const auto& last = *std::max_element(engines_.begin(), engines_.end(), [](const auto& a, const auto& b) {
        return a->idle_since() < b->idle_since();
    });
    result.settling = end - last->idle_since();
    for (std::size_t i = 0; i < engines_.size(); ++i) result.engines[i].critical = last->chain()[i];
    std::map<std::string, std::size_t> next_port;
    for (const auto* dma : dmas_) {
        auto port = dma->port_activity();
        const auto& interconnect = *memories_.at(port.memory).interconnect;
        for (std::size_t c = 0; c < dma->channels.size(); ++c) {
            port.data_busy += dma->copies(c) * interconnect.port_busy(next_port[port.memory]++);
        }
        result.ports.push_back(std::move(port));
    }
    for (const auto& [name, system] : memories_) {
        result.memories.emplace_back(name, sum(system));
        result.occupancy.push_back(occupancy(name, system));
    }
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
        result.buffers[i] = {buffers_[i].capacity_bytes(), buffers_[i].peak_bytes()};
    }
    return result;
}

}  // namespace

Activity simulate(const Design& design, const TileProgram& program, Observer* observer, Executor* executor,
                  TimeFs quantum) {
    const SimulationContext context;
    Accelerator top("accelerator", design, program, observer, executor, quantum);
    try {
        sc_core::sc_start();
    } catch (const sc_core::sc_report& report) {
        throw SimulationError(std::string("the simulation stopped: ") + report.get_msg());
    }
    if (!top.finished()) throw DeadlockError(top.deadlock());
    const auto end = std::max(top.now(), top.settle());
    if (observer != nullptr) observer->finish(end);
    return top.activity(end);
}

}  // namespace tilewright::accel

// The SystemC library refers to sc_main; programs that drive the kernel themselves have none of their own.
int sc_main(int /*argc*/, char* /*argv*/[]) {
    return 0;
}
