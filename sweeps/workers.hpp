// SPDX-License-Identifier: Apache-2.0
// A pool of forked worker processes that evaluate points.
//
// Processes and not threads, because a SystemC kernel is global to its process and because a crash or a hang
// in one point must not take the sweep with it. Workers persist: forking costs milliseconds once the parent
// has grown.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/types.h>

#include "sweeps/file_descriptor.hpp"
#include "sweeps/point.hpp"

namespace tilewright::sweeps {

// The system refuses processes or sockets; what() names the call and the reason.
class WorkerError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct WorkerOptions {
    unsigned workers = 1;                              // processes; 0 counts as 1
    std::chrono::milliseconds point_timeout{300'000};  // a point that takes longer fails
};

enum class RunEnd { finished, interrupted };

class WorkerPool {
  public:
    using PointAt = std::function<Point(std::size_t index)>;
    using OnResult = std::function<void(const Point&, PointResult)>;

    // Forks at once, so build the pool while the process is small, before it has threads or open databases.
    // `point_at` and `evaluate` run in the workers, on the copies that the fork made.
    WorkerPool(PointAt point_at, EvaluatePoint evaluate, WorkerOptions options);
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    ~WorkerPool();  // kills workers that still run

    // Evaluates the points and calls `on_result` in this process once for each, in the order in which they
    // finish. `on_tick`, if given, is called at least every 100 ms. An exception from either ends the run and
    // passes on.
    //
    // A worker that dies or exceeds the timeout is replaced, and its point's result is `failed` with a
    // message that names the signal, the exit status or the timeout.
    //
    // `stop_requests`, if given, is read all the time, so a signal handler may count it up: at 1 no further
    // points are begun and those that run are finished; from 2 on those are killed and get no result. Either
    // way run() returns `interrupted` if any point went without a result. Workers ignore SIGINT and SIGTERM:
    // the parent decides.
    RunEnd run(std::span<const std::size_t> indices, const OnResult& on_result,
               const std::function<void()>& on_tick = {}, const std::atomic<int>* stop_requests = nullptr);

  private:
    using Clock = std::chrono::steady_clock;

    struct Worker {
        pid_t process = -1;     // -1: has to be forked before its next point
        FileDescriptor socket;  // the parent's end
        bool busy = false;
        std::size_t index = 0;  // of the point that it evaluates
        Clock::time_point deadline;
        std::string received;  // the answer so far
    };

    void spawn(Worker& worker);
    void assign(Worker& worker, std::size_t index);
    bool receive(Worker& worker, PointResult& result);
    int reap(Worker& worker, bool kill_first);
    void wait_for_answers();

    PointAt point_at_;
    EvaluatePoint evaluate_;
    WorkerOptions options_;
    std::vector<Worker> workers_;
};

}  // namespace tilewright::sweeps
