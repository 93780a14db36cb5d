// SPDX-License-Identifier: Apache-2.0
// The engine of a memory port: it cuts transfers into shares of the port's channels and keeps several in
// flight.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "accel/simulation/engine.hpp"
#include "accel/simulation/transfer_layout.hpp"
#include "memory/dma/dma_channel.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

// An engine that moves data: several transfers in flight, completed in order.
class DmaEngine : public Engine {
  public:
    std::vector<std::unique_ptr<memory::DmaChannel>> channels;

    DmaEngine(sc_core::sc_module_name name, std::uint16_t index, const EngineEnvironment& environment,
              const MemoryPort& port, const TransferLayout& layout);

    // By channel: for how many of them it stands, itself included; 0: another one does, and it is idle.
    // Before the run; without, each stands for itself.
    void set_copies(const std::vector<std::int64_t>& copies);
    std::int64_t copies(std::size_t channel) const { return copies_[channel]; }

    PortActivity port_activity() const;

  private:
    struct Transfer : memory::TransferWatcher {
        DmaEngine* engine = nullptr;
        Step step;
        const Section* section = nullptr;
        const Instruction* work = nullptr;
        std::vector<memory::TimeFs> chain;  // that it goes on with
        memory::TimeFs begin = 0;
        memory::TimeFs done = 0;     // known once `unanswered` is 0
        std::size_t unanswered = 0;  // channels whose bursts wait for their turn or for the memory

        void transferred(memory::TimeFs end) override { engine->moved(*this, end); }
    };

    void called() override;  // when the oldest transfer is done
    void proceed() override;
    Transfer& oldest() { return in_flight_[oldest_]; }
    void issue(Transfer& transfer);
    void moved(Transfer& transfer, memory::TimeFs done);
    void expect_oldest(memory::TimeFs time);
    void count(const Instruction& work, std::int64_t times);
    void show_oldest(memory::TimeFs time);

    const MemoryPort port_;
    const TransferLayout layout_;
    const memory::Divisor beat_bytes_;  // of a beat of all channels
    std::vector<std::int64_t> copies_;
    std::vector<std::size_t> active_;  // channels that are not idle
    std::vector<Transfer> in_flight_;  // a ring
    std::size_t oldest_ = 0;
    std::size_t in_flight_count_ = 0;
    bool shown_ = false;  // whether the observer has been told of the oldest
    memory::TimeFs busy_since_ = 0;
    std::vector<memory::TimeFs> completed_chain_;  // that ends with the last transfer that is done
    static constexpr memory::TimeFs not_ready = std::numeric_limits<memory::TimeFs>::max();
    memory::TimeFs ready_since_ = not_ready;  // of the next transfer, which waits for those in flight alone
    PortActivity port_activity_;
};

}  // namespace tilewright::accel
