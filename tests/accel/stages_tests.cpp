// SPDX-License-Identifier: Apache-2.0
// Sections that are software-pipelined: the end of a block behind the beginning of the next one.
#include <map>
#include <set>

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include "accel/engines/timing.hpp"
#include "accel/report/evaluate.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/program_check.hpp"
#include "accel/schedule/program_json.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/simulation/accelerator.hpp"
#include "accel/trace/chrome_trace.hpp"
#include "small_design.hpp"
#include "trace_readers.hpp"

using namespace tilewright;
using namespace tilewright::accel;
using test::Settings;
using test::small_document;

namespace {

// What an engine has worked on: label, block and beginning in cycles.
class Recorder : public Observer, public Executor {
  public:
    explicit Recorder(const Design& design, const TileProgram& program)
        : design_(design), program_(program) {}

    void section(memory::TimeFs, std::size_t, std::int64_t) override {}
    void work(memory::TimeFs begin, memory::TimeFs, std::size_t engine, const Instruction& work) override {
        if (program_.engines[engine].kind == EngineKind::dma) return;
        const auto cycle = static_cast<double>(begin) * 1e-15 * design_.clock_hz;
        worked.emplace_back(program_.labels[work.label], static_cast<std::int64_t>(cycle + 0.5));
    }
    void stall(memory::TimeFs, std::size_t, StallCause) override {}
    void idle(memory::TimeFs, std::size_t) override {}
    void buffer_fill(memory::TimeFs, Buffer, std::int64_t) override {}
    void finish(memory::TimeFs) override {}

    void start(const Step& step) override {
        const auto& work = program_.sections[step.section].streams[step.engine][step.position];
        blocks[program_.labels[work.label]].push_back(step.repetition);
        bytes_[step.position].resize(4096);
    }
    void complete(const Step&) override {}
    std::span<std::byte> transfer_bytes(const Step& step, std::size_t) override {
        return bytes_[step.position];
    }
    memory::SparseMemory& memory(const std::string& name) override { return memories_[name]; }

    std::vector<std::pair<std::string, std::int64_t>> worked;
    std::map<std::string, std::vector<std::int64_t>> blocks;

  private:
    const Design& design_;
    const TileProgram& program_;
    std::map<std::size_t, std::vector<std::byte>> bytes_;
    std::map<std::string, memory::SparseMemory> memories_;
};

Instruction vector_work(ProgramBuilder& builder, const char* label, std::int64_t channels) {
    Instruction work;
    work.opcode = Opcode::gate;
    work.label = builder.label(label);
    work.m = 1;
    work.n = static_cast<std::uint32_t>(channels);
    work.k = 1;
    return work;
}

Settings prefill(int tokens, int pass, int ahead) {
    return {{"/workload/phase", "prefill"},
            {"/workload/tokens", tokens},
            {"/mapping/tile/tokens", pass},
            {"/mapping/tile/channels", 64},
            {"/mapping/groups_ahead", ahead}};
}

}  // namespace

TEST_CASE("instructions of a later stage work for the block before, and each for every block once") {
    const auto design = small_document().parse();
    TileProgram program;
    program.engines = engines_of(design);
    std::uint16_t vector = 0;
    while (program.engines[vector].kind != EngineKind::vector) ++vector;
    ProgramBuilder builder(program);
    builder.begin_section("block", 3, {}, false);
    Instruction load;
    load.label = builder.label("load");
    load.value_bytes = 64;
    load.address_stride = 4096;
    const auto loaded = builder.emit(0, load, {});
    builder.set_stage(1);
    load.label = builder.label("load behind");
    load.address = 64;
    builder.emit(0, load, {});
    const auto b = builder.emit(vector, vector_work(builder, "behind", 640), {});
    builder.set_stage(0);
    const auto a = builder.emit(vector, vector_work(builder, "ahead", 64), {loaded});
    // Taken by the block before: its `ahead` is the last instruction of the repetition before.
    builder.hold(Buffer::activations, 100, {vector, a.index - builder.size(vector)}, b);
    builder.end_section();
    program.buffer_bytes.fill(1000);

    CHECK(program.sections[0].runs() == 4);
    CHECK(program.instructions() == 3 * 4);
    const auto findings = examine_program(program);
    CHECK(findings.problems.empty());
    // In a repetition the block before gives its space back before the next one takes some.
    CHECK(findings.buffer_demand[static_cast<std::size_t>(Buffer::activations)] == 100);

    Recorder recorder(design, program);
    recorder.memory(design.memory_ports[0].memory).write(0, std::vector<std::byte>(3 * 4096));
    const auto activity = simulate(design, program, &recorder, &recorder);
    CHECK(activity.instructions == 3 * 4);
    for (const auto* label : {"load", "load behind", "ahead", "behind"}) {
        CHECK(recorder.blocks[label] == std::vector<std::int64_t>{0, 1, 2});
    }
    std::vector<std::string> order;
    for (const auto& [label, cycle] : recorder.worked) order.push_back(label);
    CHECK(order == std::vector<std::string>{"ahead", "behind", "ahead", "behind", "ahead", "behind"});
    // Nothing waits once the first load is there: one instruction follows the other.
    const auto cycles = [&](std::size_t i) { return recorder.worked[i].second; };
    Instruction small = vector_work(builder, "ahead", 64);
    Instruction large = vector_work(builder, "behind", 640);
    const auto duration = [&](const Instruction& work) {
        return instruction_cycles(design, EngineKind::vector, program.sections[0], work);
    };
    CHECK(cycles(1) - cycles(0) == duration(small));
    CHECK(cycles(2) - cycles(1) == duration(large));
    CHECK(cycles(5) - cycles(0) == 3 * duration(small) + 2 * duration(large));
    CHECK(activity.buffers[static_cast<std::size_t>(Buffer::activations)].peak_bytes == 100);
    for (const auto& engine : activity.engines) {
        memory::TimeFs sum = engine.busy + engine.idle;
        for (const auto stalled : engine.stalled) sum += stalled;
        CHECK(sum == activity.duration);
    }
}

TEST_CASE("overlapping blocks make the kernels' bits whatever the sizes") {
    const bool holds = rc::check([] {
        const auto tokens = *rc::gen::inRange(2, 12);
        const auto pass = *rc::gen::inRange(1, tokens);
        auto settings = prefill(tokens, pass, *rc::gen::inRange(1, 6));
        settings.emplace_back("/network/layers", *rc::gen::inRange(1, 4));
        settings.emplace_back("/mapping/operator_order",
                              *rc::gen::element<std::string>("reordered", "released_rtl"));
        settings.emplace_back("/mapping/state_transfer",
                              *rc::gen::element<std::string>("per_layer", "per_group"));
        settings.emplace_back("/mapping/double_buffer", *rc::gen::arbitrary<bool>());
        settings.emplace_back("/mapping/tile/outputs", *rc::gen::inRange(8, 200));
        settings.emplace_back("/memory_ports/0/outstanding", *rc::gen::inRange(1, 5));
        settings.emplace_back("/engines/ssm/head_dim_unroll", *rc::gen::element(1, 8, 32));
        RC_LOG() << test::text(settings);
        const auto timing = evaluate(small_document(settings), Fidelity::timing);
        const auto functional = evaluate(small_document(settings), Fidelity::functional);
        RC_ASSERT(functional.functional->mismatches == 0);
        RC_ASSERT(functional.activity->duration == timing.activity->duration);
        RC_ASSERT(timing.latency_s() >= timing.bound.latency_s);
        for (const auto& buffer : timing.activity->buffers) {
            RC_ASSERT(buffer.peak_bytes <= buffer.capacity_bytes);
        }
    });
    CHECK(holds);
}

TEST_CASE("overlapping passes never come out below the bound, whatever binds") {
    const bool holds = rc::check([] {
        const auto tokens = *rc::gen::inRange(2, 80);
        auto settings = prefill(tokens, *rc::gen::inRange(1, tokens), *rc::gen::inRange(0, 6));
        // Without drain and with large tiles it is the chain of norms and linear layers that binds.
        settings.emplace_back("/engines/matrix/tile_drain_cycles", *rc::gen::element(0, 116));
        settings.emplace_back("/mapping/tile/outputs", *rc::gen::element(8, 48, 256));
        settings.emplace_back("/engines/ssm/head_dim_unroll", *rc::gen::element(1, 32));
        settings.emplace_back("/engines/vector/lanes", *rc::gen::element(2, 64));
        settings.emplace_back("/mapping/loop_order", *rc::gen::element<std::string>("mnk", "mkn", "nmk"));
        settings.emplace_back("/engines/aie", test::small_array());
        settings.emplace_back("/mapping/linear_engine",
                              *rc::gen::element<nlohmann::json>("pl", "aie", nlohmann::json{{"in_proj", 0.5}},
                                                                nlohmann::json{{"out_proj", "aie"}}));
        RC_LOG() << test::text(settings);
        const auto timing = evaluate(small_document(settings), Fidelity::timing);
        RC_ASSERT(timing.latency_s() >= timing.bound.latency_s);
        RC_ASSERT(timing.energy.total_j >= timing.bound_energy.total_j);
    });
    CHECK(holds);
}

TEST_CASE("a program of overlapping blocks survives the way to JSON and back") {
    const auto document = small_document(prefill(13, 5, 2));
    const auto direct = evaluate(document, Fidelity::timing);
    const auto dumped = program_to_json(*direct.program);
    const auto again =
        program_from_json(nlohmann::json::parse(dumped.dump()), *direct.program, "program.json");
    CHECK(program_to_json(again) == dumped);
    CHECK(check_program(again).empty());
    CHECK(again.sections[1].stages == 2);
    CHECK(evaluate(document, Fidelity::timing, {}, GivenProgram{again, "dump.json"}).activity->duration ==
          direct.activity->duration);
}

TEST_CASE("a trace of overlapping blocks names each by its number", "[trace]") {
    const test::Folder folder;
    const auto design = small_document(prefill(13, 5, 2)).parse();
    const auto program = build_program(design, build_graph(design));
    const auto path = folder.file("trace.json");
    ChromeTrace trace(program, path);
    simulate(design, program, &trace);
    const auto rows = test::read_slices(nlohmann::json::parse(test::contents(path)));
    std::set<std::string> names;
    bool behind = false;  // a slice of block 0 after one of block 1
    for (const auto& [row, slices] : rows) {
        std::string before;
        for (const auto& slice : slices) {
            if (slice.category != "section") continue;
            names.insert(slice.name);
            if (before == "block 1" && slice.name == "block 0") behind = true;
            before = slice.name;
        }
    }
    CHECK(names == std::set<std::string>{"block 0", "block 1", "embedding", "head"});
    CHECK(behind);
}
