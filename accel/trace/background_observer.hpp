// SPDX-License-Identifier: Apache-2.0
// An observer that watches from a thread of its own: the simulation only notes what happened.
//
// Making the text of a trace takes nearly as long as the simulation itself. Here the simulation fills blocks
// of records, 32 bytes a call, and the thread tells them to the observer in the same order. At most
// `block_count` blocks are under way, so the memory is bounded. Where the thread falls behind, because other
// programs want its core, the simulation tells the oldest block itself: with all blocks full, and at the end.
//
// Start no second process by fork() while one of these lives: its thread would be missing in the child.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "accel/simulation/observer.hpp"

namespace tilewright::accel {

class BackgroundObserver : public Observer {
  public:
    // The instructions of work() must live until finish() has returned, or this is destroyed. Bursts are not
    // passed on.
    explicit BackgroundObserver(std::unique_ptr<Observer> observer,
                                std::size_t block_records = default_block_records);
    // Without finish(), what the observer has not been told yet is dropped.
    ~BackgroundObserver() override;
    BackgroundObserver(const BackgroundObserver&) = delete;
    BackgroundObserver& operator=(const BackgroundObserver&) = delete;

    void work(memory::TimeFs begin, memory::TimeFs end, std::size_t engine,
              const Instruction& instruction) override {
        note({begin, end, &instruction, static_cast<std::uint32_t>(engine), Call::work});
    }
    void worked(memory::TimeFs end, std::size_t engine) override {
        note({end, 0, nullptr, static_cast<std::uint32_t>(engine), Call::worked});
    }
    void stall(memory::TimeFs time, std::size_t engine, StallCause cause) override {
        note({time, static_cast<std::int64_t>(cause), nullptr, static_cast<std::uint32_t>(engine),
              Call::stall});
    }
    void idle(memory::TimeFs time, std::size_t engine) override {
        note({time, 0, nullptr, static_cast<std::uint32_t>(engine), Call::idle});
    }
    void buffer_fill(memory::TimeFs time, Buffer buffer, std::int64_t bytes) override {
        note({time, bytes, nullptr, static_cast<std::uint32_t>(buffer), Call::buffer_fill});
    }
    void section(memory::TimeFs time, std::size_t section, std::int64_t repetition) override {
        note({time, repetition, nullptr, static_cast<std::uint32_t>(section), Call::section});
    }
    // Returns when the observer has been told everything; throws what it threw, from whichever call.
    void finish(memory::TimeFs time) override;

    // Waking a thread takes tens of microseconds, so blocks are large: 2 MB.
    static constexpr std::size_t default_block_records = std::size_t{1} << 16;
    static constexpr std::size_t block_count = 8;

  private:
    enum class Call : std::uint32_t { work, worked, stall, idle, buffer_fill, section };
    struct Record {
        memory::TimeFs time;
        std::int64_t value;  // end of the work, cause, bytes or repetition
        const Instruction* instruction;
        std::uint32_t index;  // engine, buffer or section
        Call call;
    };
    using Block = std::vector<Record>;

    void note(const Record& record) {
        if (block_->size() == block_records_) change_block();
        block_->push_back(record);
    }
    void change_block();
    void run();
    void tell(const Block& block);
    void tell_next(std::unique_lock<std::mutex>& lock);
    void stop();

    std::unique_ptr<Observer> observer_;
    std::size_t block_records_;
    std::array<Block, block_count> blocks_;
    Block* block_;  // the one being filled

    // Shared with the thread: blocks are numbered, and block i lies in blocks_[i modulo block_count].
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t filled_ = 0;
    std::uint64_t told_ = 0;
    bool stopping_ = false;
    bool telling_ = false;  // a block, outside the lock
    std::exception_ptr error_;
    std::thread thread_;
};

}  // namespace tilewright::accel
