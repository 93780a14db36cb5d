// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/program_executor.hpp"

#include <stdexcept>

#include "accel/functional/functional_error.hpp"
#include "accel/schedule/weight_stream.hpp"

namespace tilewright::accel {

ProgramExecutor::ProgramExecutor(const Design& design, const TileProgram& program)
    : design_(design), program_(program) {
    layouts_.resize(program.engines.size());
    for (std::size_t i = 0; i < program.engines.size(); ++i) {
        if (program.engines[i].kind != EngineKind::dma) continue;
        layouts_[i] =
            std::make_unique<TransferLayout>(design, design.memory_ports[program.engines[i].memory_port]);
    }
}

void ProgramExecutor::named(const Step& step, const std::function<void()>& work) const {
    const auto fail = [&](const std::string& what) {
        throw FunctionalError("section \"" + program_.sections[step.section].name + "\", repetition " +
                              std::to_string(step.repetition) + ", " + program_.engines[step.engine].name +
                              " instruction " + std::to_string(step.position) + " (" +
                              program_.labels[instruction(step).label] + "): " + what);
    };
    try {
        work();
    } catch (const FunctionalError& error) {
        fail(error.what());
    } catch (const std::invalid_argument& error) {
        fail(error.what());
    }
}

LinearEngine ProgramExecutor::linear_engine(const Step& step) const {
    const bool on_aie = program_.engines[step.engine].kind == EngineKind::aie ||
                        is_weights_of(instruction(step).traffic, LinearEngine::aie);
    return on_aie ? LinearEngine::aie : LinearEngine::pl;
}

std::optional<std::size_t> ProgramExecutor::index_of(LinearEngine engine) const {
    if (!design_.multiplies_on(engine)) return {};
    const auto kind = engine == LinearEngine::aie ? EngineKind::aie : EngineKind::matrix;
    for (std::size_t i = 0; i < program_.engines.size(); ++i) {
        if (program_.engines[i].kind == kind) return i;
    }
    throw FunctionalError(std::string("the program has no ") + to_string(kind) + " engine");
}

std::vector<std::vector<std::byte>> ProgramExecutor::scattered(std::size_t dma, const Instruction& work,
                                                               std::span<const std::byte> bytes) const {
    if (static_cast<std::int64_t>(bytes.size()) != work.value_bytes + work.scale_bytes) {
        throw FunctionalError("a transfer of " + std::to_string(work.value_bytes + work.scale_bytes) +
                              " bytes moves what has " + std::to_string(bytes.size()));
    }
    return layouts_[dma]->scatter(work, bytes);
}

Instruction ProgramExecutor::transfer_at(std::int64_t address, std::int64_t stride,
                                         const TransferSize& size) {
    Instruction work;
    work.address = address;
    work.address_stride = stride;
    work.value_bytes = size.value_bytes;
    work.scale_bytes = size.scale_bytes;
    return work;
}

void ProgramExecutor::place(std::size_t dma, std::int64_t address, std::int64_t stride, std::int64_t block,
                            const TransferSize& size, std::span<const std::byte> bytes) {
    write_memory(dma, transfer_at(address, stride, size), block, bytes);
}

void ProgramExecutor::place_stream(std::size_t dma, std::int64_t address, std::int64_t stride,
                                   std::int64_t block, const models::Quantization& format,
                                   const WeightCodec& codec, std::int64_t first, std::int64_t count) {
    const auto& port = design_.memory_ports[program_.engines[dma].memory_port];
    const auto full = WeightChunk::of(port, format);
    const auto end = first + count;
    for (auto begin = first; begin < end; begin += full.weights) {
        const auto left = end - begin;
        const auto chunk = left >= full.weights ? full : WeightChunk::of(port, format, left);
        place(dma, address, stride, block, {chunk.value_bytes, chunk.scale_bytes},
              codec.pack(begin, begin + chunk.weights, chunk.value_bytes, chunk.scale_bytes));
        address += chunk.stored_bytes;
    }
}

void ProgramExecutor::write_memory(std::size_t dma, const Instruction& work, std::int64_t repetition,
                                   std::span<const std::byte> bytes) {
    const auto& layout = *layouts_[dma];
    auto& target = memories_[memory_of(dma)];
    const auto parts = scattered(dma, work, bytes);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        target.write(layout.address(work, repetition, i), parts[i]);
    }
}

std::vector<std::byte> ProgramExecutor::read_memory(std::size_t dma, const Instruction& work,
                                                    std::int64_t repetition) const {
    const auto& layout = *layouts_[dma];
    const auto& source = memories_.at(memory_of(dma));
    std::vector<std::vector<std::byte>> parts(layout.channels());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i].resize(static_cast<std::size_t>(layout.padded_bytes(work)));
        source.read(layout.address(work, repetition, i), parts[i]);
    }
    return layout.gather(work, parts);
}

}  // namespace tilewright::accel
