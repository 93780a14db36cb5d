// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sweeps/worker_messages.hpp"
#include "sweeps/workers.hpp"

using namespace tilewright::sweeps;
using namespace std::chrono_literals;

namespace {

Point bare_point(std::size_t index) {
    Point point;
    point.index = index;
    return point;
}

PointResult echo(const Point& point) {
    return {PointStatus::ok, std::to_string(point.index * point.index), ""};
}

struct Run {
    std::map<std::size_t, PointResult> results;
    RunEnd end = RunEnd::finished;
};

Run run_points(WorkerPool& pool, std::size_t count, const std::atomic<int>* stop = nullptr) {
    std::vector<std::size_t> indices(count);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    Run run;
    run.end = pool.run(
        indices,
        [&](const Point& point, PointResult result) {
            REQUIRE(run.results.emplace(point.index, std::move(result)).second);  // once each
        },
        {}, stop);
    return run;
}

}  // namespace

TEST_CASE("workers evaluate every point once, in processes of their own", "[sweeps]") {
    const unsigned workers = GENERATE(1U, 2U, 5U);
    WorkerPool pool(bare_point,
                    [parent = ::getpid()](const Point& point) {
                        PointResult result = echo(point);
                        result.message = ::getpid() == parent ? "in the parent" : std::to_string(::getpid());
                        return result;
                    },
                    {workers, 60s});
    const Run run = run_points(pool, 200);
    CHECK(run.end == RunEnd::finished);
    REQUIRE(run.results.size() == 200);
    std::set<std::string> processes;
    for (const auto& [index, result] : run.results) {
        CHECK(result.status == PointStatus::ok);
        CHECK(result.report_json == std::to_string(index * index));
        CHECK(result.message != "in the parent");
        processes.insert(result.message);
    }
    CHECK(processes.size() <= workers);              // persistent, not one fork per point
    CHECK(run_points(pool, 3).results.size() == 3);  // and the pool can be used again
}

TEST_CASE("long answers arrive whole", "[sweeps]") {
    WorkerPool pool(bare_point,
                    [](const Point& point) {
                        return PointResult{PointStatus::does_not_fit,
                                           std::string(3'000'000 + point.index, 'x'), "too large"};
                    },
                    {2, 60s});
    for (const auto& [index, result] : run_points(pool, 6).results) {
        CHECK(result.report_json.size() == 3'000'000 + index);
        CHECK(result.status == PointStatus::does_not_fit);
        CHECK(result.message == "too large");
    }
}

TEST_CASE("a point that crashes, exits or throws fails alone", "[sweeps]") {
    WorkerPool pool(bare_point,
                    [](const Point& point) -> PointResult {
                        if (point.index == 3) std::abort();
                        if (point.index == 5) ::_exit(7);
                        if (point.index == 7) ::raise(SIGKILL);
                        if (point.index == 9) throw std::runtime_error("no such format");
                        if (point.index == 11) throw 42;
                        return echo(point);
                    },
                    {2, 60s});
    Run run = run_points(pool, 40);
    CHECK(run.end == RunEnd::finished);
    REQUIRE(run.results.size() == 40);
    using Catch::Matchers::Contains;
    CHECK_THAT(run.results[3].message, Contains("signal 6"));
    CHECK_THAT(run.results[5].message, Contains("status 7"));
    CHECK_THAT(run.results[7].message, Contains("signal 9"));
    CHECK(run.results[9].message == "no such format");
    CHECK_FALSE(run.results[11].message.empty());
    for (const auto& [index, result] : run.results)
        CHECK((result.status == PointStatus::failed) == (index >= 3 && index <= 11 && index % 2 == 1));
}

TEST_CASE("a point that hangs is ended at the timeout", "[sweeps]") {
    WorkerPool pool(bare_point,
                    [](const Point& point) -> PointResult {
                        while (point.index == 1) std::this_thread::sleep_for(1s);
                        return echo(point);
                    },
                    {2, 400ms});
    const auto start = std::chrono::steady_clock::now();
    Run run = run_points(pool, 8);
    CHECK(std::chrono::steady_clock::now() - start < 20s);
    REQUIRE(run.results.size() == 8);
    CHECK(run.results[1].status == PointStatus::failed);
    CHECK_THAT(run.results[1].message, Catch::Matchers::Contains("timeout of 0.4 s"));
    for (const auto& [index, result] : run.results)
        if (index != 1) CHECK(result.status == PointStatus::ok);
}

TEST_CASE("the first stop finishes what runs, the second kills it", "[sweeps]") {
    std::atomic<int> stop{0};
    std::vector<std::size_t> indices(50);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    std::size_t results = 0;

    SECTION("first") {
        WorkerPool pool(bare_point, echo, {2, 60s});
        const RunEnd end = pool.run(
            indices,
            [&](const Point&, const PointResult&) {
                if (++results == 10) stop = 1;
            },
            {}, &stop);
        CHECK(end == RunEnd::interrupted);
        CHECK(results >= 10);
        CHECK(results <= 11);  // the one that ran beside the tenth
    }
    SECTION("second") {
        WorkerPool pool(bare_point,
                        [](const Point& point) {
                            if (point.index >= 4) std::this_thread::sleep_for(60s);
                            return echo(point);
                        },
                        {2, 120s});
        const auto start = std::chrono::steady_clock::now();
        const RunEnd end = pool.run(
            indices, [&](const Point&, const PointResult&) { ++results; },
            [&] {
                if (results == 4) ++stop;
            },
            &stop);
        CHECK(end == RunEnd::interrupted);
        CHECK(results == 4);
        CHECK(std::chrono::steady_clock::now() - start < 20s);
        stop = 0;
        const std::vector<std::size_t> again{0, 1, 2};  // the killed workers are replaced
        CHECK(pool.run(
                  again, [&](const Point&, const PointResult&) { ++results; }, {}, &stop) ==
              RunEnd::finished);
        CHECK(results == 7);
    }
    SECTION("a stop after the last point has begun is no interruption") {
        WorkerPool pool(bare_point, echo, {1, 60s});
        const std::vector<std::size_t> one{0};
        CHECK(pool.run(
                  one, [&](const Point&, const PointResult&) { stop = 1; }, {}, &stop) == RunEnd::finished);
    }
}

TEST_CASE("workers ignore Ctrl-C", "[sweeps]") {
    WorkerPool pool(bare_point,
                    [](const Point& point) {
                        ::raise(SIGINT);
                        return echo(point);
                    },
                    {1, 60s});
    for (const auto& [index, result] : run_points(pool, 3).results) CHECK(result.status == PointStatus::ok);
}

TEST_CASE("an idle worker ended from outside is replaced and no point is lost", "[sweeps]") {
    WorkerPool pool(bare_point,
                    [](const Point&) {
                        return PointResult{PointStatus::ok, std::to_string(::getpid()), ""};
                    },
                    {1, 60s});
    const std::string first = run_points(pool, 1).results[0].report_json;
    ::kill(std::stoi(first), SIGKILL);
    std::this_thread::sleep_for(100ms);
    const PointResult second = run_points(pool, 1).results[0];
    CHECK(second.status == PointStatus::ok);
    CHECK(second.report_json != first);
}

TEST_CASE("an exception in the callback ends the run and leaves no process behind", "[sweeps]") {
    pid_t worker = 0;
    {
        WorkerPool pool(bare_point,
                        [](const Point&) {
                            return PointResult{PointStatus::ok, std::to_string(::getpid()), ""};
                        },
                        {1, 60s});
        const std::vector<std::size_t> indices{0, 1};
        CHECK_THROWS_AS(pool.run(indices,
                                 [&](const Point&, const PointResult& result) {
                                     worker = std::stoi(result.report_json);
                                     throw std::runtime_error("disk full");
                                 }),
                        std::runtime_error);
    }
    CHECK(::kill(worker, 0) == -1);
}

TEST_CASE("answers are decoded piece by piece and damaged ones refused", "[sweeps]") {
    const PointResult sent{PointStatus::does_not_fit, "{\"a\":1}", "too large"};
    const std::string bytes = encode_result(sent);
    PointResult got;
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK(decode_result(std::string_view(bytes).substr(0, size), got) == Decoded::incomplete);
    REQUIRE(decode_result(bytes, got) == Decoded::complete);
    CHECK(got.status == sent.status);
    CHECK(got.report_json == sent.report_json);
    CHECK(got.message == sent.message);

    CHECK(decode_result(bytes + "x", got) == Decoded::malformed);
    std::string wrong = bytes;
    wrong[8] = 9;  // status
    CHECK(decode_result(wrong, got) == Decoded::malformed);
    wrong = bytes;
    wrong[9 + 3] = 1;  // report longer than the message
    CHECK(decode_result(wrong, got) == Decoded::malformed);
    CHECK(decode_result(std::string(8, '\xff'), got) == Decoded::malformed);
}
