// SPDX-License-Identifier: Apache-2.0
// How far the closed-form model of bursts, which whole tokens are simulated with, is from the controller that
// works command by command, on the bursts of shipped designs.
#include <algorithm>
#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "memory/dram/dram_trace.hpp"
#include "small_design.hpp"

using namespace tilewright::accel;
using namespace tilewright::memory;
using tilewright::test::design_document;

namespace {

// The first bursts of a run, in the order in which they reach the memory.
class BurstLog : public Observer {
  public:
    explicit BurstLog(std::size_t limit) : limit_(limit) {}

    void work(TimeFs, TimeFs, std::size_t, const Instruction&) override {}
    void stall(TimeFs, std::size_t, StallCause) override {}
    void idle(TimeFs, std::size_t) override {}
    void buffer_fill(TimeFs, Buffer, std::int64_t) override {}
    void section(TimeFs, std::size_t, std::int64_t) override {}
    void finish(TimeFs) override {}
    bool wants_bursts() const override { return true; }
    void burst(const std::string&, int, const DramController::Served& burst) override {
        if (bursts.size() < limit_) bursts.push_back(burst);
    }

    std::vector<DramController::Served> bursts;

  private:
    std::size_t limit_;
};

struct Deviation {
    double time = 0;          // closed form over commands, less 1
    double read_latency = 0;  // mean over the bursts
    double written = 0;       // fraction of the bursts
};

Deviation compare(const std::string& name, std::size_t count) {
    BurstLog log(count);
    const auto design = design_document(name).parse();
    simulate(design, build_program(design, build_graph(design)), &log, nullptr);
    REQUIRE(log.bursts.size() == count);
    const auto& dram = design.device.memories.at("ddr4").dram;
    const auto cycle = period_fs(dram.timing.clock_hz);
    std::stable_sort(log.bursts.begin(), log.bursts.end(),
                     [](const auto& a, const auto& b) { return a.arrival < b.arrival; });
    std::vector<DramTraceRequest> requests;
    TimeFs last = 0;
    double latency = 0;
    Deviation result;
    for (const auto& burst : log.bursts) {
        requests.push_back({burst.arrival / cycle, burst.write, burst.address, burst.bytes});
        last = std::max(last, burst.last_data);
        if (burst.write) {
            result.written += 1 / static_cast<double>(count);
        } else {
            latency += static_cast<double>(burst.last_data - burst.arrival) / static_cast<double>(cycle);
        }
    }
    const auto commands = run_dram_trace(dram, {}, AddressMapping("RoBaRaCoBgCh", dram), requests);
    result.time =
        static_cast<double>(last / cycle - requests.front().clock) / static_cast<double>(commands.cycles()) -
        1;
    result.read_latency = latency / static_cast<double>(commands.read_latency_sum) - 1;
    return result;
}

}  // namespace

TEST_CASE("bursts of a decode token take the same time in closed form and command by command") {
    const auto token = compare("lightmamba-vck190-w4a4", 20000);
    CAPTURE(token.time, token.read_latency, token.written);
    CHECK(std::abs(token.time) < 0.001);
    CHECK(std::abs(token.read_latency) < 0.08);  // 6 % of the bursts are writes, which it posts
}

TEST_CASE("bursts of two ports that share a channel, too") {
    const auto image = compare("fpqvar-vck190-fp4", 20000);
    CAPTURE(image.time, image.read_latency, image.written);
    CHECK(std::abs(image.time) < 0.001);
    CHECK(std::abs(image.read_latency) < 0.01);
}
