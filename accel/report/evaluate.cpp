// SPDX-License-Identifier: Apache-2.0
#include "accel/report/evaluate.hpp"

#include <chrono>
#include <utility>

#include "accel/design/config_error.hpp"
#include "accel/engines/timing.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "accel/trace/tee_observer.hpp"
#include "models/networks/mamba.hpp"

namespace tilewright::accel {

namespace {

double wall_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Words that pass each buffer: what fills it and what reads it.
std::array<double, buffer_count> buffer_words(const Design& design, const Activity& activity) {
    std::array<double, buffer_count> words{};
    const auto word_bytes = [&](Buffer buffer) {
        return static_cast<double>(buffer_specification(design, buffer, 1).word_bits) / 8;
    };
    double weight_bytes = 0;
    double state_bytes = 0;
    for (const auto& port : activity.ports) {
        for (int i = 0; i < traffic_count; ++i) {
            const auto& traffic = port.traffic[static_cast<std::size_t>(i)];
            const auto kind = static_cast<Traffic>(i);
            const auto bytes = static_cast<double>(traffic.read_bytes + traffic.write_bytes);
            if (kind == Traffic::weights || kind == Traffic::weights_again) weight_bytes += bytes;
            if (kind == Traffic::ssm_state) state_bytes += bytes;
        }
    }
    double steps = 0;  // of the matrix unit: it reads one word of activations each
    double ssm_words = 0;
    for (const auto& engine : activity.engines) {
        if (engine.kind == EngineKind::matrix) {
            steps += static_cast<double>(engine.macs) / static_cast<double>(design.matrix.macs_per_cycle());
        }
        if (engine.kind == EngineKind::ssm) {
            ssm_words += static_cast<double>(engine.macs) / static_cast<double>(design.ssm.lanes());
        }
    }
    words[static_cast<std::size_t>(Buffer::weights)] = 2 * weight_bytes / word_bytes(Buffer::weights);
    words[static_cast<std::size_t>(Buffer::activations)] = steps;
    words[static_cast<std::size_t>(Buffer::state)] = 2 * state_bytes / word_bytes(Buffer::state);
    words[static_cast<std::size_t>(Buffer::intermediates)] = 2 * ssm_words;
    return words;
}

EnergyInput energy_input(const Design& design, const Activity& activity) {
    EnergyInput input;
    input.duration_s = memory::seconds(activity.duration);
    for (const auto& engine : activity.engines) {
        if (engine.kind != EngineKind::dma)
            input.busy_s[to_string(engine.kind)] += memory::seconds(engine.busy);
    }
    for (std::size_t i = 0; i < activity.ports.size(); ++i) {
        input.busy_s["port " + activity.ports[i].name] =
            memory::seconds(activity.ports[i].data_busy) / design.memory_ports[i].channels;
    }
    input.busy_s["infrastructure"] = input.duration_s;  // streams move whenever anything does
    input.buffer_words = buffer_words(design, activity);
    for (const auto& [name, statistics] : activity.memories) {
        input.memories[name] = {static_cast<double>(statistics.read_bytes + statistics.write_bytes),
                                static_cast<double>(statistics.row_activations)};
    }
    return input;
}

void check_rotation(const DesignDocument& document, const Design& design) {
    const auto points = design.network.d_inner();
    if (design.recipe.online_hadamard && hadamard_factors(points).core == 0) {
        throw ConfigError(
            document.file(), "/network/d_model",
            "there is no Hadamard matrix of expand * d_model = " + std::to_string(points) + " points",
            "allowed: 1, 12, 20, 28 or 40 times a power of two, or a recipe without online_hadamard");
    }
}

std::array<std::int64_t, buffer_count> given_buffer_bytes(const Design& design) {
    std::array<std::int64_t, buffer_count> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = design.buffers[i].bytes.value_or(0);
    return bytes;
}

}  // namespace

const char* to_string(Fidelity fidelity) {
    return fidelity == Fidelity::bound ? "bound" : "timing";
}

double Evaluation::latency_s() const {
    return activity ? memory::seconds(activity->duration) : bound.latency_s;
}

double Evaluation::tokens_per_s() const {
    return static_cast<double>(graph.tokens) / latency_s();
}

Evaluation evaluate(const DesignDocument& document, Fidelity fidelity, const ObserverFactory& make_observers,
                    std::optional<TileProgram> program) {
    Evaluation result;
    result.fidelity = fidelity;
    result.design = document.parse();
    const auto& design = result.design;
    check_rotation(document, design);
    const auto& constants = default_cost_constants();
    const auto start = wall_s();
    result.graph = models::build_mamba_graph(design.network, design.step());
    if (fidelity == Fidelity::timing) {
        try {
            if (program && program->engines != engines_of(design)) {
                throw ConfigError(document.file(), "", "the program was made for another set of engines",
                                  "allowed: a program dumped from this design");
            }
            result.program = program ? std::move(program) : build_program(design, result.graph);
        } catch (const MappingError& error) {
            throw ConfigError(document.file(), error.pointer(), error.what(), "allowed: " + error.allowed());
        }
        const auto problems = check_program(*result.program);
        if (!problems.empty()) {
            throw ConfigError(document.file(), "", "the program is wrong: " + problems.front(),
                              "a program must end, fit its buffers and do all work once");
        }
    }
    result.wall_program_s = wall_s() - start;
    result.resources = design_resources(
        design, result.program ? result.program->buffer_bytes : given_buffer_bytes(design), constants);
    result.overflow = result.resources.overflow(design.device.available);
    result.bound = lower_bound(design, result.graph);
    result.bound_energy = energy(design, result.resources, result.bound.energy);
    result.energy = result.bound_energy;
    if (fidelity == Fidelity::bound || !result.overflow.empty()) return result;
    std::vector<std::unique_ptr<Observer>> observers;
    if (make_observers) observers = make_observers(design, *result.program);
    std::vector<Observer*> watching;
    watching.reserve(observers.size());
    for (const auto& observer : observers) watching.push_back(observer.get());
    TeeObserver all(watching);
    Observer* watcher = watching.empty() ? nullptr : watching.size() == 1 ? watching.front() : &all;
    const auto simulated = wall_s();
    result.activity = simulate(design, *result.program, watcher);
    result.wall_simulation_s = wall_s() - simulated;
    result.energy = energy(design, result.resources, energy_input(design, *result.activity));
    return result;
}

}  // namespace tilewright::accel
