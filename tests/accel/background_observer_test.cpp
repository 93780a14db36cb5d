// SPDX-License-Identifier: Apache-2.0
// What an observer is told from the other thread is what the simulation said.
#include "accel/trace/background_observer.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace tilewright::accel;
using tilewright::memory::TimeFs;

namespace {

struct Log {
    std::string text;
    bool destroyed = false;
};

// Writes down every call; throws at the given one.
class Recorder : public Observer {
  public:
    explicit Recorder(Log& log, std::int64_t throws_at = -1) : log_(log), throws_at_(throws_at) {}
    ~Recorder() override { log_.destroyed = true; }

    void work(TimeFs begin, TimeFs end, std::size_t engine, const Instruction& instruction) override {
        note("work", begin, end, engine, instruction.label);
    }
    void stall(TimeFs time, std::size_t engine, StallCause cause) override {
        note("stall", time, 0, engine, static_cast<std::int64_t>(cause));
    }
    void idle(TimeFs time, std::size_t engine) override { note("idle", time, 0, engine, 0); }
    void buffer_fill(TimeFs time, Buffer buffer, std::int64_t bytes) override {
        note("fill", time, 0, static_cast<std::size_t>(buffer), bytes);
    }
    void section(TimeFs time, std::size_t section, std::int64_t repetition) override {
        note("section", time, 0, section, repetition);
    }
    void finish(TimeFs time) override { note("finish", time, 0, 0, 0); }

  private:
    void note(const char* call, TimeFs time, TimeFs end, std::size_t index, std::int64_t value) {
        if (calls_++ == throws_at_) throw std::runtime_error("disk full");
        log_.text.append(call).append(" ").append(std::to_string(time)).append(" ");
        log_.text.append(std::to_string(end)).append(" ").append(std::to_string(index)).append(" ");
        log_.text.append(std::to_string(value)).append("\n");
    }
    Log& log_;
    std::int64_t throws_at_;
    std::int64_t calls_ = 0;
};

// `rounds` times each call, every number another one.
void play(Observer& observer, int rounds) {
    static const std::vector<Instruction> instructions = [] {
        std::vector<Instruction> result(7);
        for (std::size_t i = 0; i < result.size(); ++i) result[i].label = static_cast<std::uint16_t>(i);
        return result;
    }();
    for (int i = 0; i < rounds; ++i) {
        const TimeFs time = TimeFs{i} << 33;
        const auto engine = static_cast<std::size_t>(i % 5);
        observer.section(time, engine + 1, i);
        observer.work(time + 1, time + i, engine, instructions[static_cast<std::size_t>(i % 7)]);
        observer.stall(time + 2, engine, static_cast<StallCause>(i % stall_cause_count));
        observer.buffer_fill(time + 3, static_cast<Buffer>(i % static_cast<int>(buffer_count)), time - 1);
        observer.idle(time + 4, engine);
    }
}

constexpr int records = 100;  // of a block
constexpr auto many_rounds = records * static_cast<int>(BackgroundObserver::block_count);

}  // namespace

TEST_CASE("an observer in the background is told the same, in the same order", "[trace]") {
    // None, a part of a block, just one block's worth, and more than all blocks hold.
    const auto rounds = GENERATE(0, 1, records / 5, records / 5 + 1, records, many_rounds);
    Log direct, background;
    {
        Recorder recorder(direct);
        play(recorder, rounds);
        recorder.finish(123);
    }
    {
        BackgroundObserver observer(std::make_unique<Recorder>(background), records);
        play(observer, rounds);
        observer.finish(123);
    }
    CHECK(background.destroyed);
    CHECK(background.text == direct.text);
}

TEST_CASE("what an observer in the background throws comes out of finish()", "[trace]") {
    const auto throws_at = GENERATE(0, records + 7, 5 * records - 1, 5 * records);
    Log log;
    BackgroundObserver observer(std::make_unique<Recorder>(log, throws_at), records);
    play(observer, records);
    CHECK_THROWS_WITH(observer.finish(1), "disk full");
}

TEST_CASE("an observer in the background that is given up ends without finish()", "[trace]") {
    const auto rounds = GENERATE(1, records, many_rounds);
    Log log;
    {
        BackgroundObserver observer(std::make_unique<Recorder>(log), records);
        play(observer, rounds);
    }
    CHECK(log.destroyed);
    CHECK(log.text.find("finish") == std::string::npos);
}
