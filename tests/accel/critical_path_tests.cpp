// SPDX-License-Identifier: Apache-2.0
// The chain of work that ends last, and the part that each engine has in it.
#include <numeric>

#include <catch2/catch.hpp>

#include "accel/engines/timing.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "evaluation_readers.hpp"
#include "small_design.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::design_document;
using test::engine_of;
using test::Settings;
using test::small_document;

namespace {

// Three engines that carry out gates on so many channels, and a DMA engine.
class SmallProgram {
  public:
    enum : std::uint16_t { dma, first, second, third };

    SmallProgram() : design_(small_document().parse()), builder_(program_) {
        program_.engines = {{"dma", EngineKind::dma, 0, 2},
                            {"first", EngineKind::vector},
                            {"second", EngineKind::hadamard},
                            {"third", EngineKind::ssm}};
        program_.buffer_bytes.fill(1000);
        builder_.begin_section("block", 1, {}, false);
    }

    InstructionRef gate(std::uint16_t engine, std::uint32_t channels,
                        const std::vector<InstructionRef>& data = {},
                        const std::vector<InstructionRef>& space = {}) {
        Instruction work;
        work.opcode = Opcode::gate;
        work.label = builder_.label("gate");
        work.m = 1;
        work.n = channels;
        work.k = 1;
        return builder_.emit(engine, work, data, space);
    }
    InstructionRef transfer(Opcode opcode, const std::vector<InstructionRef>& data) {
        Instruction work;
        work.opcode = opcode;
        work.label = builder_.label("transfer");
        work.value_bytes = 4096;
        return builder_.emit(dma, work, data);
    }
    // In cycles.
    std::int64_t duration(std::uint32_t channels) const {
        Instruction work;
        work.opcode = Opcode::gate;
        work.m = 1;
        work.n = channels;
        work.k = 1;
        return instruction_cycles(design_, EngineKind::vector, {}, work);
    }
    Activity run() {
        builder_.end_section();
        return simulate(design_, program_);
    }
    memory::TimeFs period() const { return memory::period_fs(design_.clock_hz); }

  private:
    Design design_;
    TileProgram program_;
    ProgramBuilder builder_;
};

std::vector<memory::TimeFs> parts(const Activity& activity) {
    std::vector<memory::TimeFs> result;
    for (const auto& engine : activity.engines) result.push_back(engine.critical);
    return result;
}

memory::TimeFs sum(const std::vector<memory::TimeFs>& times) {
    return std::accumulate(times.begin(), times.end(), memory::TimeFs{0});
}

}  // namespace

TEST_CASE("the critical path goes through what was waited for last") {
    // The third engine's work needs that of the second, which needs the first one's, and the first one's
    // next.
    const auto run = [](std::uint32_t next) {
        SmallProgram program;
        const auto begin = program.gate(SmallProgram::first, 640);
        const auto middle = program.gate(SmallProgram::second, 6400, {begin});
        const auto other = program.gate(SmallProgram::first, next);
        program.gate(SmallProgram::third, 64, {middle, other});
        auto result = parts(program.run());
        for (auto& time : result) time /= program.period();
        return result;
    };
    const SmallProgram cycles;
    const auto last = cycles.duration(64);
    CHECK(run(1280) == std::vector<memory::TimeFs>{0, cycles.duration(640), cycles.duration(6400), last});
    CHECK(run(64000) ==
          std::vector<memory::TimeFs>{0, cycles.duration(640) + cycles.duration(64000), 0, last});
}

TEST_CASE("space that is waited for leads the critical path to who frees it") {
    SmallProgram program;
    const auto begin = program.gate(SmallProgram::first, 64);
    const auto reader = program.gate(SmallProgram::second, 6400, {begin});
    program.gate(SmallProgram::first, 128, {}, {reader});
    const auto activity = program.run();
    const auto period = program.period();
    CHECK(parts(activity) ==
          std::vector<memory::TimeFs>{0, (program.duration(64) + program.duration(128)) * period,
                                      program.duration(6400) * period, 0});
    // Where the stall has the cause alone.
    CHECK(activity.engines[SmallProgram::first]
              .stalled[static_cast<std::size_t>(StallCause::waits_for_space)] ==
          program.duration(6400) * period);
}

TEST_CASE("a transfer is on the critical path from its issue to its end") {
    SmallProgram program;
    const auto loaded = program.transfer(Opcode::load, {});
    const auto worked = program.gate(SmallProgram::first, 6400, {loaded});
    program.transfer(Opcode::load, {});  // meanwhile
    program.transfer(Opcode::store, {worked});
    const auto activity = program.run();
    const auto work = program.duration(6400) * program.period();
    CHECK(activity.engines[SmallProgram::first].critical == work);
    CHECK(activity.settling > 0);  // of the store
    CHECK(activity.engines[SmallProgram::dma].critical == activity.duration - activity.settling - work);
    // The transfer in between is none of it, though the engine is busy.
    CHECK(activity.engines[SmallProgram::dma].busy > activity.engines[SmallProgram::dma].critical);
}

TEST_CASE("a transfer behind another one goes on with the chain of that") {
    // The second one is issued a little later, while the first moves, and is needed last.
    SmallProgram program;
    const auto first = program.gate(SmallProgram::first, 640);
    const auto second = program.gate(SmallProgram::second, 704);
    program.transfer(Opcode::load, {first});
    const auto behind = program.transfer(Opcode::load, {second});
    program.gate(SmallProgram::third, 64, {behind});
    const auto activity = program.run();
    const auto period = program.period();
    CHECK(activity.engines[SmallProgram::first].critical == program.duration(640) * period);
    CHECK(activity.engines[SmallProgram::second].critical == 0);
    CHECK(activity.engines[SmallProgram::third].critical == program.duration(64) * period);
    CHECK(activity.engines[SmallProgram::dma].critical == activity.engines[SmallProgram::dma].busy);
}

TEST_CASE("the parts of the critical path are the whole run") {
    const std::pair<const char*, Settings> designs[] = {
        {"lightmamba-vck190-w4a4", {{"/network/layers", 2}}},
        {"lightmamba-vck190-w4a4", {{"/network/layers", 2}, {"/memories/ddr4/model", "commands"}}},
        {"lightmamba-u280-w4a4", {{"/network/layers", 2}}},
        {"mamba2-vck190-aie",
         {{"/network/layers", 2}, {"/workload/phase", "prefill"}, {"/workload/tokens", 16}}},
        {"fpqvar-vck190-fp4", {{"/network", "var-small"}}},
        {"codes-vck190-w8a8", {{"/network/layers", 1}}},
        {"ebsr-vck190-light-x4", {{"/workload/height", 40}, {"/workload/width", 40}}},
    };
    for (const auto& [name, settings] : designs) {
        CAPTURE(name, test::text(settings));
        const auto document = design_document(name, settings);
        const auto evaluation = evaluate(document, Fidelity::timing);
        const auto& activity = *evaluation.activity;
        CHECK(sum(parts(activity)) + activity.settling == activity.duration);
        for (const auto& engine : activity.engines) {
            CAPTURE(engine.name);
            CHECK(engine.critical <= engine.busy);
        }
        const auto report = make_report(document, evaluation);
        double told = report.at("bottleneck").at("posted_writes");
        double most = 0;
        for (const auto& [engine, one] : report.at("utilization").items()) {
            told += one.at("critical_path").get<double>();
            most = std::max(most, one.at("critical_path").get<double>());
        }
        CHECK(told == Approx(1).epsilon(1e-12));
        CHECK(report.at("bottleneck").at("critical_path") == most);
    }
}

TEST_CASE("a faster engine saves no more than its part of the critical path") {
    const auto run = [](Settings settings) {
        // Pieces of x so small that each waits for the SSM unit to be filled.
        settings.insert(settings.begin(), {{"/network/layers", 4},
                                           {"/workload/lm_head", false},
                                           {"/mapping/tile/channels", 64},
                                           {"/engines/ssm/state_unroll", 1}});
        return evaluate(design_document("lightmamba-u280-w4a4", settings), Fidelity::timing);
    };
    // What is saved, as a part of the engine's part.
    const auto saved = [](const Evaluation& before, const Evaluation& after, EngineKind kind) {
        return static_cast<double>(before.activity->duration - after.activity->duration) /
               static_cast<double>(engine_of(before, kind).critical);
    };
    const Settings short_drain = {{"/engines/matrix/tile_drain_cycles", 1}};
    const Settings more_states = {{"/engines/ssm/state_unroll", 2}};
    auto both = short_drain;
    both.insert(both.end(), more_states.begin(), more_states.end());
    const auto base = run({});
    // The matrix unit is busy for nine tenths of the time, which does not matter much; the SSM unit is not.
    CHECK(engine_of(base, EngineKind::matrix).busy > engine_of(base, EngineKind::ssm).busy);
    CHECK(engine_of(base, EngineKind::matrix).critical < engine_of(base, EngineKind::ssm).critical / 2);
    const auto drained = run(short_drain);
    for (const auto part :
         {saved(base, drained, EngineKind::matrix), saved(base, run(more_states), EngineKind::ssm),
          saved(base, run({{"/engines/vector/lanes", 256}}), EngineKind::vector),
          saved(base, run({{"/engines/hadamard/points_per_cycle", 256}}), EngineKind::hadamard)}) {
        CHECK(part >= 0);
        CHECK(part <= 1);
    }
    // Half the cycles of an engine that nothing else is close to.
    CHECK(saved(drained, run(both), EngineKind::ssm) == Approx(0.4).margin(0.1));
}
