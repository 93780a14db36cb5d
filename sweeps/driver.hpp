// SPDX-License-Identifier: Apache-2.0
// Runs a study: points of a shard, looked up in the store or evaluated by workers, as rows in point order.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweeps/point.hpp"
#include "sweeps/progress.hpp"
#include "sweeps/space.hpp"
#include "sweeps/study.hpp"
#include "sweeps/table.hpp"

namespace tilewright::sweeps {

struct SweepOptions {
    unsigned workers = 1;                              // forked processes; at least one, for crash isolation
    std::chrono::milliseconds point_timeout{300'000};  // a point that takes longer fails
    Shard shard;
    std::optional<std::filesystem::path> store;  // result store; none: everything is computed
    std::string program_version;                 // only results of the same version are reused
    std::string fidelity;                        // part of a point's key; empty: the study's own
    // Called once with the points that will be computed, before the workers are forked, which inherit what
    // it leaves in memory.
    std::function<void(const std::vector<Point>&)> prepare;
    const std::atomic<int>* stop_requests = nullptr;  // counted up by a signal handler; see WorkerPool::run
    Progress::Show progress = Progress::Show::automatic;
};

struct SweepRow {
    Point point;
    PointStatus status = PointStatus::failed;
    std::string message;
    std::vector<double> objectives;  // [objective] in the study's order; NaN where the report has no number
    std::vector<nlohmann::json> columns;  // [column] in the study's order; null where the report has nothing
    bool pareto = false;                  // among the ok rows of this outcome that it competes with
    bool reused = false;                  // came from the store
};

struct SweepOutcome {
    std::vector<SweepRow> rows;   // in point order; when interrupted, only the points that have a result
    std::size_t points = 0;       // of the shard
    std::size_t computed = 0;     // evaluated by this run, whatever came of it
    std::size_t reused = 0;       // found in the store
    std::size_t not_fitting = 0;  // rows with that status, computed or reused
    std::size_t failed = 0;
    bool interrupted = false;
    std::vector<std::string> warnings;  // sentences: a metric that no report has, or that these are bounds
    bool objective_missing = false;     // there are results, and none has a value for it
};

// `evaluate` runs in worker processes, `canonical_key` in this one: it gives the canonical text of the
// point's resolved design (if it throws, the point is failed with that message). Rows do not depend on the
// number of workers. Must be called while the process has a single thread. Throws SpaceError, StoreError and
// WorkerError.
SweepOutcome run_sweep(const Study& study, const SweepOptions& options, const EvaluatePoint& evaluate,
                       const std::function<std::string(const Point&)>& canonical_key);

// The same of what the store has, without evaluating anything: points that it does not have are left out.
// `interrupted` stays false. Throws SpaceError and StoreError.
SweepOutcome stored_results(const Study& study, const std::filesystem::path& store,
                            const std::string& program_version,
                            const std::function<std::string(const Point&)>& canonical_key);

// By row: a number for the points that compete with each other (Study::compare_within).
std::vector<std::size_t> competitions(const Study& study, const std::vector<SweepRow>& rows);

// One row per point: parameters, objectives, columns, Pareto mark, status.
ResultTable result_table(const Study& study, const SweepOutcome& outcome);

}  // namespace tilewright::sweeps
