// SPDX-License-Identifier: Apache-2.0
#include "sweeps/driver.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "sweeps/pareto.hpp"
#include "sweeps/store.hpp"
#include "sweeps/workers.hpp"

namespace tilewright::sweeps {
namespace {

using nlohmann::json;

const json* lookup(const json& report, const std::string& pointer) {
    const json::json_pointer place(pointer);
    return report.contains(place) ? &report.at(place) : nullptr;
}

// Keeps of a report only what the study asks for: a sweep of many points must not hold all their reports.
SweepRow make_row(const Study& study, Point point, const PointResult& result, bool reused) {
    SweepRow row{std::move(point), result.status, result.message, {}, {}, false, reused};
    json report;
    if (result.status != PointStatus::failed) {
        report = json::parse(result.report_json, nullptr, false);
        if (report.is_discarded()) {
            report = nullptr;
            row.status = PointStatus::failed;
            row.message = "the report of this point is not JSON";
        }
    }
    for (const Objective& objective : study.objectives) {
        const json* value = lookup(report, objective.metric);
        row.objectives.push_back(value != nullptr && value->is_number()
                                     ? value->get<double>()
                                     : std::numeric_limits<double>::quiet_NaN());
    }
    for (const Column& column : study.columns) {
        const json* value = lookup(report, column.metric);
        row.columns.push_back(value == nullptr ? json(nullptr) : *value);
    }
    return row;
}

void mark_pareto(const Study& study, std::vector<SweepRow>& rows) {
    std::vector<Goal> goals;
    goals.reserve(study.objectives.size());
    for (const Objective& objective : study.objectives) goals.push_back(objective.goal);
    const auto competition = competitions(study, rows);
    std::map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < rows.size(); ++i) members[competition[i]].push_back(i);
    for (const auto& [ignored, indices] : members) {
        std::vector<std::vector<double>> values;
        values.reserve(indices.size());
        for (const std::size_t i : indices)
            values.push_back(
                rows[i].status == PointStatus::ok
                    ? rows[i].objectives
                    : std::vector<double>(goals.size(), std::numeric_limits<double>::quiet_NaN()));
        const std::vector<bool> front = pareto_front(values, goals);
        for (std::size_t i = 0; i < indices.size(); ++i) rows[indices[i]].pareto = front[i];
    }
}

// A misspelt metric would otherwise show as an empty column, and an empty front, with no word about it.
void note_missing_metrics(const Study& study, SweepOutcome& outcome) {
    const auto& rows = outcome.rows;
    auto& warnings = outcome.warnings;
    const auto check = [&](const std::string& kind, const std::string& name, const std::string& metric,
                           const auto& absent) {
        bool any = false;
        for (const SweepRow& row : rows) {
            if (row.status != PointStatus::ok) continue;
            if (!absent(row)) return;
            any = true;
        }
        if (!any) return;
        warnings.push_back(fmt::format("{} \"{}\": no report has a value at {}", kind, name, metric));
        outcome.objective_missing = outcome.objective_missing || kind == "objective";
    };
    for (std::size_t i = 0; i < study.objectives.size(); ++i)
        check("objective", study.objectives[i].name, study.objectives[i].metric,
              [i](const SweepRow& row) { return row.objectives[i] != row.objectives[i]; });
    for (std::size_t i = 0; i < study.columns.size(); ++i)
        check("column", study.columns[i].name, study.columns[i].metric,
              [i](const SweepRow& row) { return row.columns[i].is_null(); });
}

// What a sweep says of all its rows together.
void take_rows(const Study& study, std::map<std::size_t, SweepRow>& rows, SweepOutcome& outcome) {
    for (auto& [index, row] : rows) outcome.rows.push_back(std::move(row));
    mark_pareto(study, outcome.rows);
    for (const SweepRow& row : outcome.rows) {
        outcome.not_fitting += row.status == PointStatus::does_not_fit ? 1 : 0;
        outcome.failed += row.status == PointStatus::failed ? 1 : 0;
    }
    note_missing_metrics(study, outcome);
    if (study.fidelity == "bound") {
        outcome.warnings.push_back(
            "these are lower bounds: nothing was simulated, and without a schedule its buffers are not "
            "counted, so whether a design fits is not known");
    }
}

const json& cell_of(const Parameter& parameter, const std::string& label) {
    const auto value = std::find_if(parameter.values.begin(), parameter.values.end(),
                                    [&](const ParameterValue& v) { return v.label == label; });
    return value->cell;  // every point is made of its study's own values
}

}  // namespace

SweepOutcome run_sweep(const Study& study, const SweepOptions& options, const EvaluatePoint& evaluate,
                       const std::function<std::string(const Point&)>& canonical_key) {
    const Space space(study);
    const std::vector<std::size_t> indices = space.indices(options.shard);
    const std::string fidelity = options.fidelity.empty() ? study.fidelity : options.fidelity;

    SweepOutcome outcome;
    outcome.points = indices.size();
    std::map<std::size_t, SweepRow> rows;  // by point index, since results come in any order
    std::map<std::size_t, std::string> keys;
    std::vector<std::size_t> open;
    const auto stopping = [&] {
        return options.stop_requests != nullptr && options.stop_requests->load() > 0;
    };
    std::optional<Store> store;
    if (options.store) store.emplace(*options.store, options.program_version);
    for (const std::size_t index : indices) {
        if (!store || stopping()) {  // the pool begins no point once a stop is asked for
            open.push_back(index);
            continue;
        }
        Point point = space.point(index);
        try {
            keys[index] = point_key(canonical_key(point), fidelity);
        } catch (const std::exception& error) {
            rows.emplace(index,
                         make_row(study, std::move(point), {PointStatus::failed, {}, error.what()}, false));
            ++outcome.computed;
            continue;
        }
        if (const std::optional<PointResult> known = store->find(keys[index])) {
            rows.emplace(index, make_row(study, std::move(point), *known, true));
            ++outcome.reused;
        } else {
            open.push_back(index);
        }
    }
    if (store) store->close();
    store.reset();

    std::chrono::duration<double> preparation{0};
    if (options.prepare && !open.empty() && !stopping()) {
        std::vector<Point> points;
        points.reserve(open.size());
        for (const auto index : open) points.push_back(space.point(index));
        const auto begin = std::chrono::steady_clock::now();
        options.prepare(points);
        preparation = std::chrono::steady_clock::now() - begin;
    }
    // Workers should not inherit the database.
    const auto useful = std::max<std::size_t>(1, std::min<std::size_t>(options.workers, open.size()));
    WorkerPool pool([&space](std::size_t index) { return space.point(index); }, evaluate,
                    {static_cast<unsigned>(useful), options.point_timeout});
    if (options.store) store.emplace(*options.store, options.program_version);
    Progress progress(indices.size(), options.progress, preparation);
    progress.advance(outcome.computed);
    progress.advance_reused(outcome.reused);

    const auto on_result = [&](const Point& point, const PointResult& result) {
        if (store) store->insert(keys.at(point.index), result);
        rows.emplace(point.index, make_row(study, point, result, false));
        ++outcome.computed;
        progress.advance();
    };
    const auto on_tick = [&] {
        if (store) store->flush_if_due();
        progress.refresh();
    };
    outcome.interrupted = pool.run(open, on_result, on_tick, options.stop_requests) == RunEnd::interrupted;
    if (store) store->close();
    progress.finish();

    take_rows(study, rows, outcome);
    return outcome;
}

SweepOutcome stored_results(const Study& study, const std::filesystem::path& path,
                            const std::string& program_version,
                            const std::function<std::string(const Point&)>& canonical_key) {
    const Space space(study);
    Store store(path, program_version, Store::Access::read);
    SweepOutcome outcome;
    outcome.points = space.size();
    std::map<std::size_t, SweepRow> rows;
    for (std::size_t index = 0; index < space.size(); ++index) {
        Point point = space.point(index);
        std::string key;
        try {
            key = point_key(canonical_key(point), study.fidelity);
        } catch (const std::exception&) {
            continue;  // a wrong configuration, which a sweep tells of, has no result
        }
        if (const std::optional<PointResult> known = store.find(key)) {
            rows.emplace(index, make_row(study, std::move(point), *known, true));
            ++outcome.reused;
        }
    }
    store.close();
    take_rows(study, rows, outcome);
    return outcome;
}

std::vector<std::size_t> competitions(const Study& study, const std::vector<SweepRow>& rows) {
    std::map<std::vector<std::string>, std::size_t> numbers;
    std::vector<std::size_t> result;
    result.reserve(rows.size());
    for (const SweepRow& row : rows) {
        std::vector<std::string> labels;
        labels.reserve(study.compare_within.size());
        for (const std::size_t p : study.compare_within) labels.push_back(row.point.labels[p].second);
        result.push_back(numbers.emplace(std::move(labels), numbers.size()).first->second);
    }
    return result;
}

ResultTable result_table(const Study& study, const SweepOutcome& outcome) {
    ResultTable table;
    table.shows_pareto = true;
    table.shows_status = true;
    for (const Parameter& parameter : study.parameters) table.columns.push_back({parameter.name, ""});
    for (const Objective& objective : study.objectives)
        table.columns.push_back({objective.name, objective.unit});
    for (const Column& column : study.columns) table.columns.push_back({column.name, column.unit});
    for (const SweepRow& row : outcome.rows) {
        ResultRow printed;
        printed.pareto = row.pareto;
        printed.status = to_string(row.status);
        printed.message = row.message;
        for (std::size_t p = 0; p < study.parameters.size(); ++p)
            printed.cells.push_back(cell_of(study.parameters[p], row.point.labels[p].second));
        for (const double value : row.objectives) {
            printed.cells.emplace_back(nullptr);
            if (value == value) printed.cells.back() = value;  // NaN has no JSON form
        }
        printed.cells.insert(printed.cells.end(), row.columns.begin(), row.columns.end());
        table.rows.push_back(std::move(printed));
    }
    return table;
}

}  // namespace tilewright::sweeps
