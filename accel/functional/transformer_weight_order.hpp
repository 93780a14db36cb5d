// SPDX-License-Identifier: Apache-2.0
// Which weights an instruction of a transformer's program multiplies by, and which loads bring them. Every
// linear layer is a pass of its own through memory, in a format of its own; a layer may be passed through
// again for further rows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "accel/functional/weight_stream_image.hpp"

namespace tilewright::accel {

class TransformerWeightOrder {
  public:
    struct Load {
        std::size_t position = 0;  // in the DMA engine's list
        std::int64_t begin = 0;    // elements of the pass
        std::int64_t end = 0;
    };
    struct Pass {
        std::uint32_t operator_index = 0;
        models::Quantization format;
        std::shared_ptr<const WeightCodec> codec;  // of that format
        bool again = false;
        std::vector<StreamTile> tiles;  // `begin` counts from the start of the pass
        std::int64_t elements() const { return tiles.back().begin + tiles.back().n * tiles.back().k; }
        std::vector<Load> loads;
    };

    // `matrix`: the engine of that kind, which multiplies by the weights; `dma`: the engine that loads them;
    // `format_of(operator)`: format of its weights.
    template <typename FormatOf>
    TransformerWeightOrder(const Section& section, LinearEngine kind, std::size_t matrix, std::size_t dma,
                           FormatOf format_of) {
        collect_tiles(section, matrix, dma);
        for (auto& pass : passes_) {
            pass.format = format_of(section.operators[pass.operator_index]);
            pass.codec = std::make_shared<const WeightCodec>(pass.format);
        }
        collect_loads(section, kind, dma);
    }

    const std::vector<Pass>& passes() const { return passes_; }

    struct Use {
        std::size_t pass = 0;
        std::size_t tile = 0;
    };
    // What the matrix instruction at `position` uses; throws FunctionalError for one that uses no weights.
    Use use(std::size_t position) const;
    // The pass and the entry of its loads that the load at `position` is; throws FunctionalError.
    std::pair<std::size_t, std::size_t> load(std::size_t position) const;

  private:
    void collect_tiles(const Section& section, std::size_t matrix, std::size_t dma);
    void collect_loads(const Section& section, LinearEngine kind, std::size_t dma);

    std::vector<Pass> passes_;
    std::map<std::size_t, Use> uses_;
    std::map<std::size_t, std::pair<std::size_t, std::size_t>> load_of_;
};

}  // namespace tilewright::accel
