// SPDX-License-Identifier: Apache-2.0
#include "sweeps/workers.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweeps/worker_messages.hpp"

namespace tilewright::sweeps {
namespace {

constexpr std::chrono::milliseconds tick{100};

PointResult failure(std::string message) {
    return {PointStatus::failed, {}, std::move(message)};
}

std::string describe_exit(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        const int number = WTERMSIG(wait_status);
        return fmt::format("the worker process was ended by signal {} ({})", number, ::strsignal(number));
    }
    return fmt::format("the worker process exited with status {} before it had a result",
                       WEXITSTATUS(wait_status));
}

// The parent's handlers act on the parent's state (terminal, test runner, stop counter) and make no sense
// here.
void reset_signals() {
    for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGHUP, SIGALRM, SIGCHLD, SIGPIPE})
        std::signal(number, SIG_DFL);
    // Ctrl-C reaches the whole process group and batch systems end all of a job: the parent decides what it
    // means.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGTERM, SIG_IGN);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

PointResult evaluate_guarded(const WorkerPool::PointAt& point_at, const EvaluatePoint& evaluate,
                             std::size_t index) {
    try {
        return evaluate(point_at(index));
    } catch (const std::exception& error) {
        return failure(error.what());
    } catch (...) {
        return failure("the evaluation threw something that is not a std::exception");
    }
}

[[noreturn]] void work(int socket, const WorkerPool::PointAt& point_at, const EvaluatePoint& evaluate) {
    std::uint64_t index = 0;
    while (receive_all(socket, &index, sizeof index)) {
        if (!send_all(socket, encode_result(evaluate_guarded(point_at, evaluate, index)))) break;
    }
    // _exit: destructors and exit handlers belong to the parent (its files, its database).
    ::_exit(0);
}

}  // namespace

WorkerPool::WorkerPool(PointAt point_at, EvaluatePoint evaluate, WorkerOptions options)
    : point_at_(std::move(point_at)), evaluate_(std::move(evaluate)), options_(options) {
    workers_.resize(std::max(1U, options_.workers));
    try {
        for (Worker& worker : workers_) spawn(worker);
    } catch (...) {
        for (Worker& worker : workers_) reap(worker, true);  // the destructor will not run
        throw;
    }
}

WorkerPool::~WorkerPool() {
    for (Worker& worker : workers_) reap(worker, true);
}

void WorkerPool::spawn(Worker& worker) {
    int ends[2];
    // A socket pair and not pipes: one descriptor does both ways, and MSG_NOSIGNAL spares us changing
    // SIGPIPE.
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw WorkerError(fmt::format("cannot make a socket for a worker process: {}", std::strerror(errno)));
    FileDescriptor parent_end(ends[0]);
    FileDescriptor child_end(ends[1]);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw WorkerError(fmt::format("cannot fork a worker process: {}", std::strerror(errno)));
    if (child == 0) {
        reset_signals();
        // A killed sweep must not leave workers behind that compute for nobody.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(0);
        // Holding a sibling's other end would hide the parent's death from it.
        parent_end.reset();
        for (Worker& sibling : workers_) sibling.socket.reset();
        work(child_end.get(), point_at_, evaluate_);
    }
    worker.process = child;
    worker.socket = std::move(parent_end);
    worker.busy = false;
    worker.received.clear();
}

int WorkerPool::reap(Worker& worker, bool kill_first) {
    int status = 0;
    worker.busy = false;
    worker.received.clear();
    worker.socket.reset();
    if (worker.process < 0) return status;
    if (kill_first) ::kill(worker.process, SIGKILL);
    while (::waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
    }
    worker.process = -1;
    return status;
}

void WorkerPool::assign(Worker& worker, std::size_t index) {
    const std::uint64_t request = index;
    const std::string_view bytes(reinterpret_cast<const char*>(&request), sizeof request);
    // An idle worker can have been ended from outside (out of memory): not this point's fault, so try a fresh
    // one.
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (worker.process < 0) spawn(worker);
        if (send_all(worker.socket.get(), bytes)) {
            worker.busy = true;
            worker.index = index;
            worker.deadline = Clock::now() + options_.point_timeout;
            return;
        }
        reap(worker, true);
    }
    throw WorkerError("worker processes end as soon as they are started");
}

// True once the worker's point has a result, good or bad.
bool WorkerPool::receive(Worker& worker, PointResult& result) {
    char chunk[65536];
    for (;;) {
        const ssize_t size = ::recv(worker.socket.get(), chunk, sizeof chunk, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
        if (size <= 0) {  // end of stream: the process is gone or going
            result = failure(describe_exit(reap(worker, false)));
            return true;
        }
        worker.received.append(chunk, static_cast<std::size_t>(size));
        const Decoded decoded = decode_result(worker.received, result);
        if (decoded == Decoded::incomplete) continue;
        if (decoded == Decoded::malformed) {
            reap(worker, true);
            result = failure("the worker process sent a malformed answer and was ended");
            return true;
        }
        worker.busy = false;
        worker.received.clear();
        return true;
    }
}

void WorkerPool::wait_for_answers() {
    std::vector<pollfd> descriptors;
    auto wake = Clock::now() + tick;
    for (const Worker& worker : workers_) {
        if (!worker.busy) continue;
        descriptors.push_back({worker.socket.get(), POLLIN, 0});
        wake = std::min(wake, worker.deadline);
    }
    const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(wake - Clock::now()).count();
    const int milliseconds = static_cast<int>(std::max<std::int64_t>(remaining, 0));
    // A signal ends the wait early, which is what it should do: the caller then looks at the stop counter.
    if (::poll(descriptors.data(), descriptors.size(), milliseconds) < 0 && errno != EINTR)
        throw WorkerError(fmt::format("cannot wait for the worker processes: {}", std::strerror(errno)));
}

RunEnd WorkerPool::run(std::span<const std::size_t> indices, const OnResult& on_result,
                       const std::function<void()>& on_tick, const std::atomic<int>* stop_requests) {
    std::size_t next = 0;
    for (;;) {
        const int stop = stop_requests == nullptr ? 0 : stop_requests->load();
        bool running = false;
        for (Worker& worker : workers_) {
            if (worker.busy && stop >= 2) reap(worker, true);
            if (!worker.busy && stop == 0 && next < indices.size()) assign(worker, indices[next++]);
            running = running || worker.busy;
        }
        if (stop >= 2) return RunEnd::interrupted;
        if (!running) return next == indices.size() ? RunEnd::finished : RunEnd::interrupted;

        wait_for_answers();
        for (Worker& worker : workers_) {
            if (!worker.busy) continue;
            PointResult result;
            const std::size_t index = worker.index;
            bool done = receive(worker, result);
            if (!done && Clock::now() >= worker.deadline) {
                reap(worker, true);
                result = failure(fmt::format("took longer than the timeout of {:g} s and was ended",
                                             std::chrono::duration<double>(options_.point_timeout).count()));
                done = true;
            }
            if (done) on_result(point_at_(index), std::move(result));
        }
        if (on_tick) on_tick();
    }
}

}  // namespace tilewright::sweeps
