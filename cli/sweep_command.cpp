// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <iostream>
#include <map>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "accel/design/config_error.hpp"
#include "accel/report/evaluate.hpp"
#include "cli/command.hpp"
#include "cli/loaded_study.hpp"
#include "sweeps/atomic_file.hpp"
#include "sweeps/driver.hpp"
#include "sweeps/html_report.hpp"
#include "sweeps/space.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

std::atomic<int> stop_requests{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler counts it up");

extern "C" void request_stop(int /*signal*/) {
    stop_requests.fetch_add(1);
}

void catch_interrupts() {
    struct sigaction action = {};
    action.sa_handler = request_stop;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

sweeps::PointResult report_of_point(const accel::DesignDocument& base, const sweeps::Point& point,
                                    accel::Fidelity fidelity) {
    const auto document = design_of(base, point);
    auto evaluation = accel::evaluate(document, fidelity);
    accel::add_numerics(evaluation);
    const auto report = accel::make_report(document, evaluation);
    sweeps::PointResult result;
    result.status = evaluation.overflow.empty() ? sweeps::PointStatus::ok : sweeps::PointStatus::does_not_fit;
    result.message = evaluation.overflow;
    result.report_json = report.dump();
    return result;
}

sweeps::PointResult evaluate_point(const accel::DesignDocument& base, const sweeps::Point& point,
                                   accel::Fidelity fidelity) {
    try {
        return report_of_point(base, point, fidelity);
    } catch (const accel::DesignDoesNotFit& error) {
        return {sweeps::PointStatus::does_not_fit, "{}", error.problem()};
    }
}

// One design for every network, recipe and accumulator of these points. Points that are wrong are left to the
// workers, which report them.
std::vector<accel::Design> designs_that_differ_in_numerics(const std::vector<sweeps::Point>& points,
                                                           const accel::DesignDocument& base) {
    std::map<std::string, accel::Design> designs;
    for (const auto& point : points) {
        try {
            const auto document = design_of(base, point);
            const auto& all = document.document();
            const nlohmann::json::json_pointer accumulator("/engines/matrix/accumulator_bits");
            const auto bits = all.contains(accumulator) ? all.at(accumulator) : nlohmann::json();
            const auto key = nlohmann::json{all.at("network"), all.at("recipe"), bits}.dump();
            if (designs.count(key) == 0) designs.emplace(key, document.parse());
        } catch (const accel::ConfigError&) {
            continue;
        }
    }
    std::vector<accel::Design> result;
    result.reserve(designs.size());
    for (auto& [key, design] : designs) result.push_back(std::move(design));
    return result;
}

// For people at a terminal, on a line that is gone when all are done.
bool tell_numerics(std::size_t done, std::size_t all) {
    static const bool terminal = isatty(STDERR_FILENO) == 1;
    const bool stopped = stop_requests > 0;
    if (terminal && all > 0) {
        const auto line = fmt::format("numerics of networks and recipes: {} of {}", done, all);
        const bool over = done == all || stopped;
        std::cerr << "\r" << (over ? std::string(line.size(), ' ') + "\r" : line) << std::flush;
    }
    return !stopped;
}

// The whole table, and behind it, where the eye ends up, the Pareto front alone.
void print_tables(const sweeps::ResultTable& table) {
    std::cout << sweeps::format_table(table);
    sweeps::ResultTable front = table;
    std::erase_if(front.rows, [](const auto& row) { return !row.pareto; });
    constexpr std::size_t few = 20;  // a table of this length is seen at a glance
    if (front.rows.empty() || table.rows.size() <= few) return;
    front.shows_pareto = front.shows_status = false;
    std::cout << "\nPareto front:\n" << sweeps::format_table(front);
}

void print_summary(const sweeps::SweepOutcome& outcome) {
    std::cout << "\n"
              << outcome.points << " points: " << outcome.computed << " computed now, " << outcome.reused
              << " from the store, " << outcome.not_fitting << " do not fit, " << outcome.failed
              << " failed\n";
    for (const auto& warning : outcome.warnings) std::cerr << "tilewright: " << warning << "\n";
}

}  // namespace

int sweep_command(const std::vector<std::string>& arguments) {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    po::options_description options("Options");
    options.add_options()(",j", po::value<int>()->default_value(static_cast<int>(cores)), "worker processes")(
        "store", po::value<std::string>(),
        "SQLite file that keeps results; run again to go on where it stopped")(
        "shard", po::value<std::string>()->default_value("1/1"),
        "I/N: only every N-th point, starting with the I-th")("html", po::value<std::string>(),
                                                              "write an HTML report")(
        "csv", po::value<std::string>(), "write a CSV table")("timeout", po::value<int>()->default_value(300),
                                                              "seconds after which a point counts as failed")(
        "json", "print the table as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "sweep STUDY.json [OPTIONS]", options, "study", 1, 1, values))
        return success;
    if (values["-j"].as<int>() < 1) throw UsageError("-j below 1 leaves nobody to work; allowed: 1 or more");
    if (values["timeout"].as<int>() < 1)
        throw UsageError("--timeout below 1 s leaves no time; allowed: 1 or more");
    check_outputs(values, {{"store"}, {"html"}, {"csv"}});
    const auto& study_file = values["study"].as<std::vector<std::string>>().front();
    const auto [study, base] = load_study(study_file);
    std::vector<std::filesystem::path> inputs(base.files().begin(), base.files().end());
    inputs.emplace_back(study_file);
    for (const auto& parameter : study.parameters) {
        for (const auto& value : parameter.values) {
            for (const auto& assignment : value.assignments) {
                if (!assignment.value.is_string()) continue;  // it may name a file
                const std::filesystem::path named = assignment.value.get<std::string>();
                inputs.push_back(named);
                inputs.push_back(std::filesystem::path(base.file()).parent_path() / named);
            }
        }
    }
    keep_inputs(values, {"store", "html", "csv"}, inputs);
    const auto fidelity = study.fidelity == "bound" ? accel::Fidelity::bound : accel::Fidelity::timing;

    sweeps::SweepOptions sweep;
    sweep.workers = static_cast<unsigned>(values["-j"].as<int>());
    sweep.point_timeout = std::chrono::seconds(values["timeout"].as<int>());
    try {
        sweep.shard = sweeps::parse_shard(values["shard"].as<std::string>());
    } catch (const sweeps::SpaceError& error) {
        throw UsageError(std::string("--shard: ") + error.what());
    }
    if (values.count("store") > 0) sweep.store = values["store"].as<std::string>();
    sweep.program_version = build_identity();
    sweep.stop_requests = &stop_requests;
    catch_interrupts();
    sweep.prepare = [&base = base, workers = sweep.workers](const std::vector<sweeps::Point>& points) {
        accel::measure_in_advance(designs_that_differ_in_numerics(points, base), workers, tell_numerics);
    };
    const auto outcome = sweeps::run_sweep(
        study, sweep,
        [&base = base, fidelity](const auto& point) { return evaluate_point(base, point, fidelity); },
        [&base = base](const auto& point) { return design_of(base, point).canonical().dump(); });

    const auto table = sweeps::result_table(study, outcome);
    if (values.count("json") > 0) {
        std::cout << sweeps::table_to_json(table).dump(2) << "\n";
    } else {
        print_tables(table);
        print_summary(outcome);
    }
    std::cout << std::flush;
    if (outcome.interrupted) {
        std::cerr << "tilewright: interrupted; "
                  << (sweep.store ? "run the same command again to go on"
                                  : "without --store nothing is kept");
        // What stands there may be the table of all points.
        if (values.count("csv") + values.count("html") > 0) std::cerr << "; no file was written";
        std::cerr << "\n";
        return interrupted;
    }
    if (values.count("csv") > 0) {
        sweeps::write_file_atomically(values["csv"].as<std::string>(), sweeps::format_csv(table));
    }
    if (values.count("html") > 0) {
        const nlohmann::ordered_json provenance = {{"study", study.name},
                                                   {"base", study.base},
                                                   {"fidelity", accel::to_string(fidelity)},
                                                   {"tool", "tilewright " TILEWRIGHT_VERSION},
                                                   {"build", build_identity()},
                                                   {"computed now", outcome.computed},
                                                   {"from the store", outcome.reused}};
        const auto warning = sweeps::write_html_report(values["html"].as<std::string>(),
                                                       sweeps::make_html_report(study, outcome, provenance));
        if (warning) std::cerr << "tilewright: " << *warning << "\n";
    }
    if (outcome.objective_missing) return usage_error;
    return outcome.failed > 0 ? does_not_fit : success;
}

}  // namespace tilewright::cli
