// SPDX-License-Identifier: Apache-2.0
// What executors of all networks share: the simulated memories, the bytes of transfers in flight, and the way
// from a step to its instruction.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/functional/weight_stream_image.hpp"
#include "accel/schedule/memory_layout.hpp"
#include "accel/schedule/tile_program.hpp"
#include "accel/simulation/executor.hpp"
#include "accel/simulation/transfer_layout.hpp"

namespace tilewright::accel {

class ProgramExecutor : public Executor {
  public:
    // Both must outlive it.
    ProgramExecutor(const Design& design, const TileProgram& program);

    std::span<std::byte> transfer_bytes(const Step& step, std::size_t channel) override {
        return staging_.at(key(step))[channel];
    }
    memory::SparseMemory& memory(const std::string& name) override { return memories_[name]; }

  protected:
    using Key = std::tuple<std::size_t, std::size_t, std::int64_t, std::size_t>;  // of a Step

    // Does some work of a step. What it finds wrong (FunctionalError, std::invalid_argument) becomes a
    // FunctionalError that says where.
    void named(const Step& step, const std::function<void()>& work) const;

    static Key key(const Step& step) { return {step.engine, step.section, step.repetition, step.position}; }
    const Instruction& instruction(const Step& step) const {
        return program_.sections[step.section].streams[step.engine][step.position];
    }
    const models::Operator& op(const Step& step) const {
        return program_.sections[step.section].operators[instruction(step).operator_first];
    }

    // Which of the engines of linear layers carries a step out, or is loaded for.
    LinearEngine linear_engine(const Step& step) const;
    // Where that engine stands in the program; none, if no linear layer runs on it.
    std::optional<std::size_t> index_of(LinearEngine engine) const;
    // The DMA engine that loads its weights.
    std::size_t weight_dma(LinearEngine engine) const { return design_.weights_port(engine); }
    const std::string& memory_of(std::size_t dma) const {
        return design_.memory_ports[program_.engines[dma].memory_port].memory;
    }

    // The bytes of a transfer by channel. Throws FunctionalError when it moves more or fewer than these.
    std::vector<std::vector<std::byte>> scattered(std::size_t dma, const Instruction& work,
                                                  std::span<const std::byte> bytes) const;
    // The bytes of a transfer, values and scales, straight into memory and out of it.
    void write_memory(std::size_t dma, const Instruction& work, std::int64_t repetition,
                      std::span<const std::byte> bytes);
    // A transfer of what lies where the design's layout says, in whatever program.
    static Instruction transfer_at(std::int64_t address, std::int64_t stride, const TransferSize& size);
    // Puts bytes there.
    void place(std::size_t dma, std::int64_t address, std::int64_t stride, std::int64_t block,
               const TransferSize& size, std::span<const std::byte> bytes);
    // `count` of the weights that a codec has collected, from `first` on, in the chunks in which DMA engines
    // load them.
    void place_stream(std::size_t dma, std::int64_t address, std::int64_t stride, std::int64_t block,
                      const models::Quantization& format, const WeightCodec& codec, std::int64_t first,
                      std::int64_t count);
    std::vector<std::byte> read_memory(std::size_t dma, const Instruction& work,
                                       std::int64_t repetition) const;

    const Design& design_;
    const TileProgram& program_;
    std::map<std::string, memory::SparseMemory> memories_;
    std::vector<std::unique_ptr<TransferLayout>> layouts_;  // by engine; null for compute engines
    std::map<Key, std::vector<std::vector<std::byte>>> staging_;
};

}  // namespace tilewright::accel
