// SPDX-License-Identifier: Apache-2.0
// The weights of a section as one contiguous stream of bursts, in the order in which the matrix unit uses
// them.
#pragma once

#include <cstdint>
#include <vector>

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
    static WeightChunk of(const Design& design, std::int64_t limit = 0);
};

// Weights of the largest tile of a linear layer with `outputs` x `inputs` weights.
std::int64_t tile_weights(const Tile& tile, std::int64_t outputs, std::int64_t inputs);

// Chunks that a run of `weights` consecutive weights can touch, wherever it begins.
std::int64_t chunks_touched(const WeightChunk& chunk, std::int64_t weights);

// Emits the loads of a section just before the tiles that need them, and makes each load wait until the
// buffer has room. Chunks live in the weight buffer until the tile that uses their last weight has completed.
class WeightStream {
  public:
    // `slots`: chunks that fit the buffer; `address`: where the section's weights begin in memory.
    WeightStream(const Design& design, ProgramBuilder& builder, std::uint16_t dma, std::uint16_t matrix,
                 std::int64_t slots, std::int64_t address);

    // Starts a pass over `total` weights; `again` when the pass reads weights that an earlier one has read.
    // Passes of a section follow each other in the buffer and start at the same address.
    void begin_pass(std::int64_t total, bool again, std::int64_t repeat_stride);

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
        bool consumed = false;
    };

    void load_next(std::uint16_t label);

    const Design& design_;
    ProgramBuilder& builder_;
    std::uint16_t dma_;
    std::uint16_t matrix_;
    std::size_t slots_;
    std::int64_t base_address_;
    WeightChunk full_;

    std::int64_t address_ = 0;
    std::int64_t stride_ = 0;
    bool again_ = false;
    std::int64_t pass_end_ = 0;  // position after the last weight of the pass
    std::int64_t loaded_ = 0;    // position up to which loads were emitted
    std::int64_t used_ = 0;      // position up to which tiles were emitted
    std::size_t oldest_ = 0;     // first chunk that is not yet consumed
    std::vector<Chunk> chunks_;
    InstructionRef previous_tile_{};
    bool has_previous_tile_ = false;
};

}  // namespace tilewright::accel
