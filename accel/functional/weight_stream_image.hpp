// SPDX-License-Identifier: Apache-2.0
// The weights of a section as they lie in memory: in the order in which an engine takes them, tile
// after tile, rows of a tile one after the other, cut into the chunks that the DMA engine loads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "accel/schedule/tile_program.hpp"
#include "models/kernels/quantized_matrix.hpp"
#include "models/recipes/recipe.hpp"

namespace tilewright::accel {

// One weight tile in the order of a section.
struct StreamTile {
    std::uint32_t operator_index = 0;
    std::int64_t n0 = 0, n = 0;
    std::int64_t k0 = 0, k = 0;
    std::int64_t begin = 0;  // elements before it in the stream
};

// The load whose data an instruction waits for: its position in the list of the DMA engine; none, if it waits
// for no load, because an instruction before it has.
std::optional<std::int32_t> awaited_load(const Section& section, const Instruction& work, std::size_t dma);

// What one of the engines of linear layers reads in a section, and in which load it comes.
class WeightStreamOrder {
  public:
    // `dma`, `matrix`: engines of the program, the latter of that kind. `pieces`: elements that follow each
    // other without a gap; every piece begins with a load of its own.
    WeightStreamOrder(const Section& section, LinearEngine kind, std::size_t matrix, std::size_t dma,
                      const models::Quantization& weights, std::span<const std::int64_t> pieces);

    // The tile that the matrix instruction at `position` uses; throws FunctionalError for another
    // instruction.
    const StreamTile& tile(std::size_t position) const;

    // Position in the DMA engine's list of the load that brings element `element` of the stream for the
    // matrix instruction at `position`, and where the load's first element stands in the stream.
    struct Source {
        std::size_t load = 0;
        std::int64_t begin = 0;
        std::int64_t end = 0;
    };
    Source source(std::size_t position, std::int64_t element) const;

    // Elements [begin, end) of the stream that the load at `load` of the DMA engine's list brings.
    std::pair<std::int64_t, std::int64_t> range_of_load(std::size_t load) const;

    // Whether the load at `load` of the DMA engine's list is the last one of its elements.
    bool last_read(std::size_t load) const;

    const std::vector<StreamTile>& tiles() const { return tiles_; }
    std::int64_t elements() const { return elements_; }

  private:
    void collect_tiles(const Section& section, std::size_t matrix, std::size_t dma);
    void collect_loads(const Section& section, LinearEngine kind, std::size_t dma,
                       const models::Quantization& weights, std::span<const std::int64_t> pieces);

    // What a matmul uses: a tile, for the tokens of a pass.
    struct Use {
        std::size_t tile = 0;
        std::size_t pass = 0;
    };
    std::vector<StreamTile> tiles_;
    std::map<std::size_t, Use> uses_;                  // by position of a matmul
    std::vector<Source> loads_;                        // of the first pass
    std::vector<std::vector<std::size_t>> positions_;  // by number of a load: its positions, in order
    std::vector<std::size_t> last_;                    // by number of a load: the last one for a block
    std::map<std::size_t, std::size_t> number_of_;     // by position of a load
    std::int64_t elements_ = 0;
};

// Unpacked weights of one load.
struct WeightChunkData {
    std::int64_t begin = 0;  // element of the stream
    std::vector<std::int8_t> units;
    std::vector<std::uint16_t> codes;
    std::int64_t first_group = 0;  // of the stream: the first one that begins in the load
    std::vector<double> scales;    // from that group on
};

// Packs and unpacks weights in stream order.
class WeightCodec {
  public:
    explicit WeightCodec(const models::Quantization& quantization);

    // `matrix_of(operator_index)` is the matrix of each operator.
    template <typename MatrixOf>
    void collect(const WeightStreamOrder& order, MatrixOf matrix_of);

    // Bytes of elements [begin, end) of what was collected: codes, then the scales of the groups that begin
    // among them from the next byte on, in `value_bytes` and `scale_bytes` bytes.
    std::vector<std::byte> pack(std::int64_t begin, std::int64_t end, std::int64_t value_bytes,
                                std::int64_t scale_bytes) const;
    WeightChunkData unpack(std::span<const std::byte> bytes, std::int64_t begin, std::int64_t end,
                           std::int64_t value_bytes) const;

    // Adds one tile to what was collected.
    void append(const models::QuantizedMatrix& matrix, const StreamTile& tile);

  private:
    models::Quantization quantization_;
    models::UnitTable table_;
    std::vector<std::uint16_t> code_of_unit_;  // by unit + 128
    std::vector<std::uint16_t> codes_;         // collected
    std::vector<std::uint32_t> fields_;
};

template <typename MatrixOf>
void WeightCodec::collect(const WeightStreamOrder& order, MatrixOf matrix_of) {
    codes_.clear();
    fields_.clear();
    codes_.reserve(static_cast<std::size_t>(order.elements()));
    for (const auto& tile : order.tiles()) append(matrix_of(tile.operator_index), tile);
}

}  // namespace tilewright::accel
