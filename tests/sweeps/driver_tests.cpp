// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <thread>

#include <catch2/catch.hpp>

#include "sweeps/driver.hpp"
#include "sweeps/html_report.hpp"
#include "sweeps/store.hpp"
#include "tests/sweeps/fake_study.hpp"

using namespace tilewright::sweeps;
using namespace std::chrono_literals;
using testing::fake_evaluation;
using testing::fake_key;
using testing::quiet;
using testing::rows_text;

namespace {

Study example() {
    return parse_study(testing::study_document());
}

// Finishes points in another order than they begin.
PointResult uneven(const Point& point) {
    std::this_thread::sleep_for(std::chrono::milliseconds(point.index * 7 % 5 * 4));
    return fake_evaluation(point);
}

}  // namespace

TEST_CASE("a sweep gives every point a row, in order, with its figures", "[sweeps]") {
    const Study study = example();
    const SweepOutcome outcome = run_sweep(study, quiet(), fake_evaluation, fake_key);
    REQUIRE(outcome.rows.size() == 22);
    CHECK(outcome.points == 22);
    CHECK(outcome.computed == 22);
    CHECK(outcome.reused == 0);
    CHECK(outcome.not_fitting == 4);
    CHECK(outcome.failed == 0);
    CHECK_FALSE(outcome.interrupted);
    CHECK(outcome.warnings.empty());
    bool any = false;
    for (std::size_t i = 0; i < outcome.rows.size(); ++i) {
        const SweepRow& row = outcome.rows[i];
        CHECK(row.point.index == i);
        CHECK(row.columns[0].is_number());
        any = any || row.pareto;
        if (row.status != PointStatus::ok) CHECK_FALSE(row.pareto);
    }
    CHECK(any);
    CHECK(outcome.rows[0].objectives[0] == Approx(256.0 * 8 / 24 / 4));
}

TEST_CASE("points compete within the parameters that a study names", "[sweeps]") {
    auto document = testing::study_document();
    const SweepOutcome all = run_sweep(parse_study(document), quiet(), fake_evaluation, fake_key);
    document["compare_within"] = {"format", "port"};
    const Study study = parse_study(document);
    const SweepOutcome within = run_sweep(study, quiet(), fake_evaluation, fake_key);
    const auto competition = competitions(study, within.rows);
    std::map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < within.rows.size(); ++i) members[competition[i]].push_back(i);
    CHECK(members.size() == 3 * 2);
    for (const auto& [ignored, rows] : members) {
        for (const auto i : rows) {
            const auto& row = within.rows[i];
            const bool beaten = std::any_of(rows.begin(), rows.end(), [&](std::size_t other) {
                const auto& rival = within.rows[other];
                if (rival.status != PointStatus::ok || rival.objectives == row.objectives) return false;
                for (std::size_t o = 0; o < study.objectives.size(); ++o) {
                    const double sign = study.objectives[o].goal == Goal::maximize ? 1 : -1;
                    if (sign * rival.objectives[o] < sign * row.objectives[o]) return false;
                }
                return true;
            });
            CHECK(row.pareto == (row.status == PointStatus::ok && !beaten));
            CHECK(row.point.labels[0] == within.rows[rows.front()].point.labels[0]);
            CHECK(row.point.labels[2] == within.rows[rows.front()].point.labels[2]);
        }
    }
    // Who is on the front of all is on its own, and others are, too.
    std::size_t fronts[2] = {0, 0};
    for (std::size_t i = 0; i < all.rows.size(); ++i) {
        if (all.rows[i].pareto) CHECK(within.rows[i].pareto);
        fronts[0] += all.rows[i].pareto ? 1 : 0;
        fronts[1] += within.rows[i].pareto ? 1 : 0;
    }
    CHECK(fronts[1] > fronts[0]);
}

TEST_CASE("the rows of a sweep do not depend on the number of workers", "[sweeps]") {
    const Study study = example();
    const std::string one = rows_text(study, run_sweep(study, quiet(1), uneven, fake_key));
    CHECK(rows_text(study, run_sweep(study, quiet(2), uneven, fake_key)) == one);
    CHECK(rows_text(study, run_sweep(study, quiet(7), uneven, fake_key)) == one);
}

TEST_CASE("a stopped sweep goes on from its store to the same rows", "[sweeps]") {
    const testing::ScratchFolder folder;
    const Study study = example();
    const std::string whole = rows_text(study, run_sweep(study, quiet(), fake_evaluation, fake_key));

    SweepOptions options = quiet(2);
    options.store = folder / "results.db";
    std::atomic<int> stop{0};
    options.stop_requests = &stop;
    std::thread interrupter;  // started by the first key that is asked for; asleep while workers are forked
    const auto key_and_start = [&](const Point& point) {
        if (!interrupter.joinable())
            interrupter = std::thread([&stop] {
                std::this_thread::sleep_for(150ms);
                stop = 1;
            });
        return fake_key(point);
    };
    const auto slow = [](const Point& point) {
        std::this_thread::sleep_for(40ms);
        return fake_evaluation(point);
    };
    const SweepOutcome first = run_sweep(study, options, slow, key_and_start);
    interrupter.join();
    CHECK(first.interrupted);
    REQUIRE(first.rows.size() > 0);
    REQUIRE(first.rows.size() < 22);

    stop = 0;
    const SweepOutcome second = run_sweep(study, options, fake_evaluation, fake_key);
    CHECK_FALSE(second.interrupted);
    CHECK(second.reused == first.rows.size());
    CHECK(second.computed == 22 - first.rows.size());
    CHECK(rows_text(study, second) == whole);

    options.program_version = "test-2";
    CHECK(run_sweep(study, options, fake_evaluation, fake_key).reused == 0);
    options.fidelity = "bound";
    CHECK(run_sweep(study, options, fake_evaluation, fake_key).reused == 0);
    CHECK(run_sweep(study, options, fake_evaluation, fake_key).reused == 22);
}

TEST_CASE("what is prepared for the points that will be computed is there when they are", "[sweeps]") {
    const testing::ScratchFolder folder;
    const Study study = example();
    SweepOptions options = quiet(2);
    options.store = folder / "results.db";
    options.shard = {1, 3};
    run_sweep(study, options, fake_evaluation, fake_key);

    options.shard = {};
    std::vector<std::size_t> prepared;
    options.prepare = [&](const std::vector<Point>& points) {
        for (const auto& point : points) prepared.push_back(point.index);
    };
    // Runs in a worker, which has been forked.
    const auto evaluate = [&](const Point& point) {
        if (std::find(prepared.begin(), prepared.end(), point.index) == prepared.end()) {
            throw std::runtime_error("not prepared");
        }
        return fake_evaluation(point);
    };
    const auto rest = run_sweep(study, options, evaluate, fake_key);
    CHECK(rest.failed == 0);
    CHECK(rest.computed == prepared.size());
    CHECK(rest.reused + prepared.size() == 22);
    prepared.clear();
    run_sweep(study, options, evaluate, fake_key);
    CHECK(prepared.empty());  // nothing is left to do
}

TEST_CASE("a stop before the start computes nothing", "[sweeps]") {
    const testing::ScratchFolder folder;
    const Study study = example();
    SweepOptions options = quiet();
    options.store = folder / "results.db";
    const std::atomic<int> stop{1};
    options.stop_requests = &stop;
    const SweepOutcome outcome = run_sweep(study, options, fake_evaluation, fake_key);
    CHECK(outcome.interrupted);
    CHECK(outcome.rows.empty());
}

TEST_CASE("failed points are counted, not stored and tried again", "[sweeps]") {
    const testing::ScratchFolder folder;
    const Study study = example();
    SweepOptions options = quiet(2);
    options.store = folder / "results.db";
    const auto crashing = [](const Point& point) {
        if (point.index % 5 == 2) std::abort();
        return fake_evaluation(point);
    };
    const SweepOutcome first = run_sweep(study, options, crashing, fake_key);
    CHECK(first.failed == 4);  // 2, 7, 12 and 17
    CHECK(first.rows.size() == 22);
    CHECK_FALSE(first.rows[2].pareto);
    CHECK(std::isnan(first.rows[2].objectives[0]));
    CHECK_THAT(first.rows[2].message, Catch::Matchers::Contains("signal 6"));
    const SweepOutcome second = run_sweep(study, options, fake_evaluation, fake_key);
    CHECK(second.computed == 4);
    CHECK(second.failed == 0);
}

TEST_CASE("a point whose design cannot be resolved fails alone", "[sweeps]") {
    const testing::ScratchFolder folder;
    const Study study = example();
    SweepOptions options = quiet();
    options.store = folder / "results.db";
    const SweepOutcome outcome = run_sweep(study, options, fake_evaluation, [](const Point& point) {
        if (point.index == 4) throw std::runtime_error("no such place");
        return fake_key(point);
    });
    CHECK(outcome.rows.size() == 22);
    CHECK(outcome.failed == 1);
    CHECK(outcome.rows[4].message == "no such place");
}

TEST_CASE("the shards of a sweep fill one store for the whole", "[sweeps]") {
    const testing::ScratchFolder folder;
    const Study study = example();
    SweepOptions options = quiet(2);
    options.store = folder / "results.db";
    std::size_t rows = 0;
    for (std::size_t i = 1; i <= 3; ++i) {
        options.shard = {i, 3};
        const SweepOutcome part = run_sweep(study, options, fake_evaluation, fake_key);
        rows += part.rows.size();
        CHECK(part.reused == 0);
    }
    CHECK(rows == 22);
    options.shard = {};
    const SweepOutcome whole = run_sweep(study, options, fake_evaluation, fake_key);
    CHECK(whole.reused == 22);
    CHECK(rows_text(study, whole) == rows_text(study, run_sweep(study, quiet(), fake_evaluation, fake_key)));
}

TEST_CASE("a metric that no report has is told", "[sweeps]") {
    nlohmann::json document = testing::study_document();
    document["objectives"][1]["metric"] = "/energy/per_itm_j";
    document["columns"][0]["metric"] = "/resources/dsp/nothing";
    const SweepOutcome outcome = run_sweep(parse_study(document), quiet(), fake_evaluation, fake_key);
    CHECK(outcome.objective_missing);
    REQUIRE(outcome.warnings.size() == 2);
    CHECK_THAT(outcome.warnings[0],
               Catch::Matchers::Contains("energy") && Catch::Matchers::Contains("per_itm_j"));
    for (const SweepRow& row : outcome.rows) CHECK_FALSE(row.pareto);

    document = testing::study_document();
    document["columns"][0]["metric"] = "/resources/dsp/nothing";
    CHECK_FALSE(run_sweep(parse_study(document), quiet(), fake_evaluation, fake_key).objective_missing);
}

TEST_CASE("bounds are told to be no simulations", "[sweeps]") {
    nlohmann::json document = testing::study_document();
    document["fidelity"] = "bound";
    const SweepOutcome outcome = run_sweep(parse_study(document), quiet(), fake_evaluation, fake_key);
    REQUIRE(outcome.warnings.size() == 1);
    CHECK_THAT(outcome.warnings[0], Catch::Matchers::Contains("whether a design fits is not known"));
}

TEST_CASE("a report that is not JSON makes its point fail", "[sweeps]") {
    const SweepOutcome outcome = run_sweep(
        example(), quiet(),
        [](const Point&) {
            return PointResult{PointStatus::ok, "{\"cut", ""};
        },
        fake_key);
    CHECK(outcome.failed == 22);
}

TEST_CASE("the table of a sweep has plain values as values", "[sweeps]") {
    const Study study = example();
    const SweepOutcome outcome = run_sweep(study, quiet(), fake_evaluation, fake_key);
    const nlohmann::ordered_json rows = table_to_json(result_table(study, outcome));
    CHECK(rows[0]["format"] == "W4A4");
    CHECK(rows[0]["tile"] == 8);
    CHECK(rows[0]["throughput"].is_number());
    CHECK(rows[21]["status"] == "does_not_fit");
    const std::string html = render_html_report(make_html_report(study, outcome, {{"version", "x"}})).html;
    CHECK_THAT(html, Catch::Matchers::Contains("formats &amp; &lt;tiles&gt;"));
}
