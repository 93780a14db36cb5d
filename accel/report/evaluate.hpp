// SPDX-License-Identifier: Apache-2.0
// The one road from a design to its report.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "accel/bound/bound.hpp"
#include "accel/cost/energy.hpp"
#include "accel/cost/resources.hpp"
#include "accel/design/config_files.hpp"
#include "accel/functional/gpt_functional_run.hpp"
#include "accel/functional/mamba2_functional_run.hpp"
#include "accel/functional/super_resolution_functional_run.hpp"
#include "accel/functional/var_functional_run.hpp"
#include "accel/numerics/numerics.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/activity.hpp"
#include "accel/simulation/observer.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

enum class Fidelity {
    bound,      // closed form
    timing,     // SystemC, every instruction and burst, no data
    functional  // the same, carrying data, and compared with the kernels
};
const char* to_string(Fidelity fidelity);

// Everything that is known of a design after its evaluation.
struct Evaluation {
    Design design;
    models::OperatorGraph graph;
    Fidelity fidelity = Fidelity::timing;
    std::optional<TileProgram> program;  // not at `bound`
    ResourceUse resources;
    std::string overflow;  // why it does not fit its device; empty if it does
    Bound bound;
    EnergyUse bound_energy;
    std::optional<Activity> activity;  // absent at `bound` and when the design does not fit
    EnergyUse energy;                  // of the run, or of the bound
    // Memories that were simulated again command by command: the part of the time of the run before that was
    // in doubt.
    std::map<std::string, double> memory_in_doubt;
    std::optional<FunctionalOutcome> functional;  // at `functional` only
    std::optional<Numerics> numerics;             // when asked for, see add_numerics()
    double wall_program_s = 0;
    double wall_simulation_s = 0;

    double latency_s() const;
    std::int64_t items() const;  // tokens, or images, that the step makes
    double items_per_s() const;
};

// Makes the observers of a run once its program is known; none are needed.
using ObserverFactory =
    std::function<std::vector<std::unique_ptr<Observer>>(const Design&, const TileProgram&)>;

// A program in place of the one that the schedule makes, and the file that it is from.
struct GivenProgram {
    TileProgram program;
    std::string file;
};

// Throws ConfigError for designs that contradict themselves or whose mapping cannot be carried out,
// and SimulationError for a program that comes to a halt or, at `functional`, reads what is not there. A
// program that is given is checked like any other. Errors name its file or the design's.
Evaluation evaluate(const DesignDocument& document, Fidelity fidelity,
                    const ObserverFactory& make_observers = {},
                    std::optional<GivenProgram> given = std::nullopt);

// Measures what the design's recipe does to the numbers. One process measures once for all designs with the
// same numerics_key(), which a mapping is no part of.
void add_numerics(Evaluation& evaluation);

// Measures the numerics of several designs, `at_once` of them side by side, each key once, so that processes
// forked afterwards find them done. Designs that can be measured at all: parse() has accepted them. `go_on`
// is asked before each one and after the last, and told how many have been measured of how many; false leaves
// the others out. One thread asks at a time.
using GoOn = std::function<bool(std::size_t done, std::size_t all)>;
void measure_in_advance(const std::vector<Design>& designs, std::size_t at_once, const GoOn& go_on = {});

// The report as described in docs/formats.md.
nlohmann::ordered_json make_report(const DesignDocument& document, const Evaluation& evaluation);

}  // namespace tilewright::accel
