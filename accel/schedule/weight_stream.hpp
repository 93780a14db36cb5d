// SPDX-License-Identifier: Apache-2.0
// The weights of a section as one contiguous stream of bursts for every engine that multiplies, in the order
// in which it uses them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "accel/schedule/linear_engines.hpp"
#include "accel/schedule/program_builder.hpp"

namespace tilewright::accel {

// A chunk is one DMA transfer: as many weights as fill one burst on every channel of the port, and their
// scales.
struct WeightChunk {
    std::int64_t weights = 0;
    std::int64_t value_bytes = 0;
    std::int64_t scale_bytes = 0;
    std::int64_t stored_bytes = 0;  // with both parts padded to whole beats

    // A chunk of at most `limit` weights; `limit` 0 means a full one.
    static WeightChunk of(const MemoryPort& port, const models::Quantization& format, std::int64_t limit = 0);
};

// Weights of the largest tile of a linear layer with `outputs` x `inputs` weights.
std::int64_t tile_weights(const Tile& tile, std::int64_t outputs, std::int64_t inputs);

// Bytes of a stream of weights in memory, cut into chunks.
std::int64_t stream_bytes(const MemoryPort& port, const models::Quantization& format, std::int64_t weights);

// Chunks that a run of `weights` consecutive weights can touch, wherever it begins.
std::int64_t chunks_touched(const WeightChunk& chunk, std::int64_t weights);

// A tile of weights that an engine must have in the weight buffer at once.
struct WeightNeed {
    LinearEngine engine = LinearEngine::pl;
    models::Quantization format;
    std::int64_t weights = 0;
};
// Chunks that the weight buffer holds for each engine: of those that its tiles touch, the largest number and
// the largest size, twice with double buffering. A larger buffer is divided in proportion.
std::array<std::int64_t, linear_engine_count> weight_buffer_slots(const Design& design,
                                                                  const std::vector<WeightNeed>& needs);

// Emits the loads of a section just before the tiles that need them, and makes each load wait until the
// buffer has room. Chunks live in the weight buffer until the tile that uses their last weight has completed.
class WeightStream {
  public:
    // `slots`: chunks that fit the buffer; `matrix`: the engine that multiplies by the weights, of that kind.
    // The port must outlive the stream.
    WeightStream(const MemoryPort& port, bool double_buffer, ProgramBuilder& builder, std::uint16_t dma,
                 std::uint16_t matrix, std::int64_t slots, LinearEngine kind = LinearEngine::pl);

    // A run through weights that lie one behind the other in memory.
    struct Pass {
        models::Quantization format;
        std::int64_t weights = 0;
        std::int64_t address = 0;        // in the section's first repetition
        std::int64_t repeat_stride = 0;  // added for every further one
        bool again = false;              // reads weights that an earlier pass has read
    };
    // Passes of a section follow each other in the buffer.
    void begin_pass(const Pass& pass);

    // Emits what the next `weights` weights need; returns the load that brings the last of them.
    InstructionRef require(std::int64_t weights, std::uint16_t label);

    // Says which matmul used the weights of the last require().
    void used_by(InstructionRef matmul);

    // Closes the section. When it is repeated, the first loads of a repetition wait for the tiles at the end
    // of the one before it; otherwise they wait for everything that the matrix unit did before the section.
    void close(bool repeated);

  private:
    struct Chunk {
        InstructionRef load;
        std::int64_t bytes = 0;
        std::int64_t end = 0;  // position in the stream, in weights, after its last weight
        InstructionRef last_user{};
    };

    void load_next(std::uint16_t label);

    const MemoryPort& port_;
    bool double_buffer_;
    ProgramBuilder& builder_;
    std::uint16_t dma_;
    std::uint16_t matrix_;
    std::size_t slots_;
    LinearEngine kind_;

    Pass pass_;
    WeightChunk full_;  // of the pass
    std::int64_t address_ = 0;
    std::int64_t pass_end_ = 0;  // position after the last weight of the pass
    std::int64_t loaded_ = 0;    // position up to which loads were emitted
    std::int64_t used_ = 0;      // position up to which tiles were emitted
    std::size_t oldest_ = 0;     // first chunk that is not yet consumed
    std::vector<Chunk> chunks_;
    InstructionRef previous_tile_{};
    bool has_previous_tile_ = false;
};

// A stream for each engine of linear layers.
class LinearStreams {
  public:
    // `dma`: DMA engines by memory port; `slots`: chunks that the weight buffer holds, by engine.
    LinearStreams(const Design& design, ProgramBuilder& builder, const LinearEngines& engines,
                  const std::vector<std::uint16_t>& dma,
                  const std::array<std::int64_t, linear_engine_count>& slots);

    WeightStream& operator[](LinearEngine engine) {
        return streams_[static_cast<std::size_t>(engine)].value();
    }
    // Of all of them.
    void close(bool repeated);

  private:
    ByLinearEngine<WeightStream> streams_;
};

}  // namespace tilewright::accel
