// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/weight_stream.hpp"

#include <algorithm>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

WeightChunk WeightChunk::of(const MemoryPort& port, const models::Quantization& format, std::int64_t limit) {
    const auto beat = port.width_bits / 8 * static_cast<std::int64_t>(port.channels);
    const auto burst_bits = port.burst_beats * beat * 8;
    WeightChunk chunk;
    chunk.weights = burst_bits / format.format.bits;
    if (port.scales_inside_burst && format.group_size > 0) {
        // As many whole groups as fit one burst together with their scales, each part in whole beats.
        const auto group_bits = format.group_size * format.format.bits;
        auto groups = burst_bits / (group_bits + format.scale_bits);
        const auto beats_of = [&](std::int64_t bits) { return divide_up(bits, beat * 8); };
        while (groups > 1 &&
               beats_of(groups * group_bits) + beats_of(groups * format.scale_bits) > port.burst_beats) {
            --groups;
        }
        if (groups > 0) chunk.weights = groups * format.group_size;
    }
    if (limit > 0) chunk.weights = std::min(chunk.weights, limit);
    chunk.value_bytes = divide_up(models::value_bits(format, chunk.weights), 8);
    // Scales in bursts of their own are read in whole loops, however few weights the last one has.
    const auto scaled = port.scales_inside_burst ? chunk.weights : burst_bits / format.format.bits;
    chunk.scale_bytes = divide_up(models::scale_bits(format, scaled), 8);
    chunk.stored_bytes =
        divide_up(chunk.value_bytes, beat) * beat + divide_up(chunk.scale_bytes, beat) * beat;
    return chunk;
}

std::int64_t tile_weights(const Tile& tile, std::int64_t outputs, std::int64_t inputs) {
    return std::min(tile.outputs, outputs) * std::min(tile.inputs.value_or(inputs), inputs);
}

std::int64_t stream_bytes(const MemoryPort& port, const models::Quantization& format, std::int64_t weights) {
    const auto chunk = WeightChunk::of(port, format);
    const auto rest = weights % chunk.weights;
    return weights / chunk.weights * chunk.stored_bytes +
           (rest > 0 ? WeightChunk::of(port, format, rest).stored_bytes : 0);
}

std::int64_t chunks_touched(const WeightChunk& chunk, std::int64_t weights) {
    return divide_up(weights - 1, chunk.weights) + 1;
}

std::array<std::int64_t, linear_engine_count> weight_buffer_slots(const Design& design,
                                                                  const std::vector<WeightNeed>& needs) {
    std::array<std::int64_t, linear_engine_count> touched{};
    std::array<std::int64_t, linear_engine_count> slot_bytes{};
    for (const auto& [engine, format, weights] : needs) {
        const auto i = static_cast<std::size_t>(engine);
        const auto chunk = WeightChunk::of(design.memory_ports[design.weights_port(engine)], format);
        touched[i] = std::max(touched[i], chunks_touched(chunk, weights));
        slot_bytes[i] = std::max(slot_bytes[i], chunk.stored_bytes);
    }
    auto slots = touched;
    std::int64_t wanted = 0;  // bytes
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (design.mapping.double_buffer) slots[i] *= 2;
        wanted += slots[i] * slot_bytes[i];
    }
    const auto& bytes = design.buffer(Buffer::weights).bytes;
    if (!bytes) return slots;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i] == 0) continue;
        const auto part = static_cast<double>(slots[i] * slot_bytes[i]) / static_cast<double>(wanted);
        const auto most = static_cast<std::int64_t>(static_cast<double>(*bytes) * part) / slot_bytes[i];
        slots[i] = std::max(slots[i], most);
    }
    return slots;
}

WeightStream::WeightStream(const MemoryPort& port, bool double_buffer, ProgramBuilder& builder,
                           std::uint16_t dma, std::uint16_t matrix, std::int64_t slots, LinearEngine kind)
    : port_(port),
      double_buffer_(double_buffer),
      builder_(builder),
      dma_(dma),
      matrix_(matrix),
      slots_(static_cast<std::size_t>(slots)),
      kind_(kind) {}

void WeightStream::begin_pass(const Pass& pass) {
    pass_ = pass;
    full_ = WeightChunk::of(port_, pass.format);
    address_ = pass.address;
    used_ = loaded_;  // a pass begins at a chunk boundary
    pass_end_ = loaded_ + pass.weights;
}

void WeightStream::load_next(std::uint16_t label) {
    const auto left = pass_end_ - loaded_;
    const auto chunk = left >= full_.weights ? full_ : WeightChunk::of(port_, pass_.format, left);
    Instruction load;
    load.opcode = Opcode::load;
    load.traffic = weight_traffic(kind_, pass_.again);
    load.label = label;
    load.address = address_;
    load.address_stride = pass_.repeat_stride;
    load.value_bytes = chunk.value_bytes;
    load.scale_bytes = chunk.scale_bytes;
    std::vector<InstructionRef> space;
    if (chunks_.size() >= slots_) space.push_back(chunks_[chunks_.size() - slots_].last_user);
    if (!double_buffer_ && has_previous_tile_) space.push_back(previous_tile_);
    Chunk entry;
    entry.load = builder_.emit(dma_, load, {}, space);
    entry.bytes = chunk.stored_bytes;
    loaded_ += chunk.weights;
    entry.end = loaded_;
    chunks_.push_back(entry);
    address_ += chunk.stored_bytes;
}

InstructionRef WeightStream::require(std::int64_t weights, std::uint16_t label) {
    used_ += weights;
    while (loaded_ < used_) load_next(label);
    // Loads are emitted no earlier than needed, so the newest is the one that brings the last weight.
    return chunks_.back().load;
}

void WeightStream::used_by(InstructionRef matmul) {
    while (oldest_ < chunks_.size() && chunks_[oldest_].end <= used_) {
        auto& chunk = chunks_[oldest_++];
        chunk.last_user = matmul;
        builder_.hold(Buffer::weights, chunk.bytes, chunk.load, matmul);
    }
    previous_tile_ = matmul;
    has_previous_tile_ = true;
}

void WeightStream::close(bool repeated) {
    const auto count = chunks_.size();
    const auto matrix_length = builder_.size(matrix_);
    for (std::size_t i = 0; i < std::min(slots_, count); ++i) {
        if (!repeated) {
            builder_.wait_for_space(chunks_[i].load, {matrix_, -1});
            continue;
        }
        // The slot was used by chunk i - slots of this repetition, that is by one of an earlier repetition.
        const auto back = static_cast<std::int32_t>((slots_ - i + count - 1) / count);
        const auto before = (i + static_cast<std::size_t>(back) * count - slots_);
        const auto index = chunks_[before].last_user.index - back * matrix_length;
        builder_.wait_for_space(chunks_[i].load, {matrix_, index});
    }
    if (repeated && !double_buffer_ && count > 0) {
        builder_.wait_for_space(chunks_[0].load, {matrix_, -1});
    }
}

LinearStreams::LinearStreams(const Design& design, ProgramBuilder& builder, const LinearEngines& engines,
                             const std::vector<std::uint16_t>& dma,
                             const std::array<std::int64_t, linear_engine_count>& slots) {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        const auto kind = static_cast<LinearEngine>(i);
        if (!engines.indices[i]) continue;
        const auto port = design.weights_port(kind);
        streams_[i].emplace(design.memory_ports[port], design.mapping.double_buffer, builder, dma[port],
                            *engines.indices[i], slots[i], kind);
    }
}

void LinearStreams::close(bool repeated) {
    for (auto& stream : streams_) {
        if (stream) stream->close(repeated);
    }
}

}  // namespace tilewright::accel
