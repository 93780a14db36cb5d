// SPDX-License-Identifier: Apache-2.0
// Several observers of one simulation.
#pragma once

#include <utility>
#include <vector>

#include "accel/simulation/observer.hpp"

namespace tilewright::accel {

// Passes every call on to all observers, in the order in which they were given. It does not own them.
class TeeObserver : public Observer {
  public:
    explicit TeeObserver(std::vector<Observer*> observers) : observers_(std::move(observers)) {}

    void work(memory::TimeFs begin, memory::TimeFs end, std::size_t engine,
              const Instruction& instruction) override {
        for (auto* observer : observers_) observer->work(begin, end, engine, instruction);
    }
    void worked(memory::TimeFs end, std::size_t engine) override {
        for (auto* observer : observers_) observer->worked(end, engine);
    }
    void stall(memory::TimeFs time, std::size_t engine, StallCause cause) override {
        for (auto* observer : observers_) observer->stall(time, engine, cause);
    }
    void idle(memory::TimeFs time, std::size_t engine) override {
        for (auto* observer : observers_) observer->idle(time, engine);
    }
    void buffer_fill(memory::TimeFs time, Buffer buffer, std::int64_t bytes) override {
        for (auto* observer : observers_) observer->buffer_fill(time, buffer, bytes);
    }
    void section(memory::TimeFs time, std::size_t section, std::int64_t repetition) override {
        for (auto* observer : observers_) observer->section(time, section, repetition);
    }
    void finish(memory::TimeFs time) override {
        for (auto* observer : observers_) observer->finish(time);
    }

  private:
    std::vector<Observer*> observers_;
};

}  // namespace tilewright::accel
