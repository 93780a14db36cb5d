// SPDX-License-Identifier: Apache-2.0
#include "accel/report/evaluate.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "accel/design/config_error.hpp"
#include "accel/report/edited_program.hpp"
#include "accel/report/energy_input.hpp"
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

std::array<std::int64_t, buffer_count> given_buffer_bytes(const Design& design) {
    std::array<std::int64_t, buffer_count> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = design.buffers[i].bytes.value_or(0);
    return bytes;
}

FunctionalOutcome run_on_data(const Design& design, const TileProgram& program, Observer* observer) {
    if (design.var) return run_var_functional(design, program, observer);
    if (design.gpt) return run_gpt_functional(design, program, observer);
    if (design.super_resolution) return run_super_resolution_functional(design, program, observer);
    const models::QuantizedMamba network(design.network, design.recipe, design.matrix.accumulator_bits);
    const auto instance = synthetic_instance(design, network);
    return run_mamba2_functional(design, program, network, instance, observer);
}

}  // namespace

const char* to_string(Fidelity fidelity) {
    switch (fidelity) {
        case Fidelity::bound:
            return "bound";
        case Fidelity::timing:
            return "timing";
        case Fidelity::functional:
            break;
    }
    return "functional";
}

double Evaluation::latency_s() const {
    return activity ? memory::seconds(activity->duration) : bound.latency_s;
}

std::int64_t Evaluation::items() const {
    return design.var ? design.var->step.images : graph.tokens;  // one image of super-resolution
}

double Evaluation::items_per_s() const {
    return static_cast<double>(items()) / latency_s();
}

namespace {

// Of the time of a channel's pins: where more of it is in doubt (DramStatistics), the memory is simulated
// command by command. A choice of this project: shipped designs have up to 0.7 % and differ by 0.12 % at
// most, those that differ by more than 1 % because of the order have 1.3 % and more (docs/modelling.md).
constexpr double most_in_doubt = 0.01;

// Decides by which model the memories are simulated whose design leaves that open; true if one needs another
// run. What that changes is looked at again in all that are still open.
bool settle_memory_models(Evaluation& evaluation) {
    const auto& activity = *evaluation.activity;
    std::vector<std::string> planned;
    bool again = false;
    for (std::size_t i = 0; i < activity.memories.size(); ++i) {
        const auto& name = activity.memories[i].first;
        auto& control = evaluation.design.memory_controls[name];
        if (control.model != DramModel::automatic) continue;
        const auto in_doubt =
            static_cast<double>(activity.occupancy[i].in_doubt) / static_cast<double>(activity.duration);
        const bool doubtful = in_doubt > most_in_doubt;
        if (doubtful) {
            evaluation.memory_in_doubt[name] = in_doubt;
            control.model = DramModel::commands;
            again = true;
        } else {
            planned.push_back(name);
        }
    }
    if (again) return true;
    for (const auto& name : planned) evaluation.design.memory_controls[name].model = DramModel::bursts;
    return false;
}

// With or without data.
void run(Evaluation& evaluation, const ObserverFactory& make_observers) {
    std::vector<std::unique_ptr<Observer>> observers;
    if (make_observers) observers = make_observers(evaluation.design, *evaluation.program);
    std::vector<Observer*> watching;
    watching.reserve(observers.size());
    for (const auto& observer : observers) watching.push_back(observer.get());
    TeeObserver all(watching);
    Observer* watcher = watching.empty() ? nullptr : watching.size() == 1 ? watching.front() : &all;
    if (evaluation.fidelity == Fidelity::functional) {
        evaluation.functional = run_on_data(evaluation.design, *evaluation.program, watcher);
        evaluation.activity = evaluation.functional->activity;
    } else {
        evaluation.activity = simulate(evaluation.design, *evaluation.program, watcher);
    }
}

}  // namespace

Evaluation evaluate(const DesignDocument& document, Fidelity fidelity, const ObserverFactory& make_observers,
                    std::optional<GivenProgram> given) {
    Evaluation result;
    result.fidelity = fidelity;
    result.design = document.parse();
    const auto& design = result.design;
    if (design.var && fidelity == Fidelity::functional && design.var->adaln &&
        design.var->network.shared_adaln) {
        throw ConfigError(document.file(), "/workload/adaln",
                          "no data are carried through an AdaLN that all blocks share",
                          "allowed at functional fidelity: \"precomputed\"");
    }
    const auto& constants = default_cost_constants();
    const auto start = wall_s();
    try {
        result.graph = build_graph(design);
    } catch (const std::invalid_argument& error) {
        throw ConfigError(document.file(), "/network", error.what(), "");
    }
    if (fidelity != Fidelity::bound) {
        try {
            result.program = build_program(design, result.graph);
        } catch (const MappingError& error) {
            throw ConfigError(document.file(), error.pointer(), error.what(), "allowed: " + error.allowed());
        }
        if (given) {
            check_edited(given->program, *result.program, given->file);
            const auto problems = check_program(given->program);
            if (!problems.empty()) {
                throw ConfigError(given->file, "", "the program is wrong: " + problems.front(),
                                  "a program must end, fit its buffers and do all work once");
            }
            result.program = std::move(given->program);
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
    const auto& program_file = given ? given->file : document.file();
    const auto simulated = wall_s();
    try {
        do {
            run(result, make_observers);
        } while (settle_memory_models(result));
    } catch (const SimulationError& error) {
        throw SimulationError(program_file + "#: " + error.what());
    }
    result.wall_simulation_s = wall_s() - simulated;
    if (result.latency_s() < result.bound.latency_s) {
        throw ConfigError(program_file, "", "the program ran faster than any right one can",
                          "a program must wait for the data that it uses");
    }
    result.energy = energy(design, result.resources,
                           energy_input(design, result.graph, *result.program, *result.activity));
    return result;
}

namespace {

// What this process has measured, by numerics_key().
std::map<std::string, Numerics>& measured_numerics() {
    static std::map<std::string, Numerics> measured;
    return measured;
}

}  // namespace

void measure_in_advance(const std::vector<Design>& designs, std::size_t at_once, const GoOn& go_on) {
    std::map<std::string, const Design*> wanted;
    for (const auto& design : designs) {
        const auto key = numerics_key(design);
        if (measured_numerics().count(key) == 0) wanted.emplace(key, &design);
    }
    struct Work {
        const std::string* key = nullptr;
        const Design* design = nullptr;
        std::optional<Numerics> numerics;
    };
    std::vector<Work> work;
    work.reserve(wanted.size());
    for (const auto& [key, design] : wanted) work.push_back({&key, design, {}});
    // Recipes of one network share what they are measured on.
    struct Subject {
        std::once_flag made;
        std::optional<NumericsSubject> subject;
    };
    std::map<std::string, Subject> subjects;
    for (const auto& [key, design] : wanted) {
        if (design->is_mamba()) subjects[network_key(design->network)];
    }
    const auto measure_one = [&](const Design& design) {
        if (!design.is_mamba()) return measure_numerics(design);
        auto& [made, subject] = subjects.at(network_key(design.network));
        std::call_once(made, [&, &subject = subject] {
            subject.emplace(design.network, numerics_tokens, numerics_seed);
        });
        return subject->measure(design);
    };
    // Each thread takes the next that nobody has.
    std::mutex mutex;
    std::size_t next = 0;
    std::size_t done = 0;
    const auto take = [&](bool one_done) -> Work* {
        const std::lock_guard lock(mutex);
        if (one_done) ++done;
        if (go_on && !go_on(done, work.size())) next = work.size();
        return next < work.size() ? &work[next++] : nullptr;
    };
    const auto measure = [&] {
        for (auto* one = take(false); one != nullptr; one = take(true))
            one->numerics = measure_one(*one->design);
    };
    std::vector<std::future<void>> threads;
    for (std::size_t i = 1; i < std::min(at_once, work.size()); ++i) {
        threads.push_back(std::async(std::launch::async, measure));
    }
    measure();
    for (auto& thread : threads) thread.get();
    for (auto& one : work) {
        if (one.numerics) measured_numerics().emplace(*one.key, std::move(*one.numerics));
    }
}

void add_numerics(Evaluation& evaluation) {
    measure_in_advance({evaluation.design}, 1);
    evaluation.numerics = measured_numerics().at(numerics_key(evaluation.design));
}

}  // namespace tilewright::accel
