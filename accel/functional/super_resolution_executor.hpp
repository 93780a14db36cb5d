// SPDX-License-Identifier: Apache-2.0
// Carries a super-resolution program out on data, strip by strip: weights, image and feature maps come from
// the simulated memories as bytes, and every engine computes its rows with the kernels of models/.
// Instructions read when they start; what they make is there once they complete, until the program gives up
// its place in a buffer. Every row carries the unit that reads it; whatever reads one that is not there
// throws FunctionalError. So does what no schedule makes: parts of rows, parts of channels, transfers of no
// strip, and a load of what is still being stored.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/functional/program_executor.hpp"
#include "accel/functional/tagged_rows.hpp"
#include "accel/schedule/super_resolution_layout.hpp"
#include "models/networks/quantized_super_resolution.hpp"

namespace tilewright::accel {

class SuperResolutionExecutor : public ProgramExecutor {
  public:
    // Puts the network's weights and the image into memory. All but the image must outlive it.
    SuperResolutionExecutor(const Design& design, const TileProgram& program,
                            const models::QuantizedSuperResolution& network,
                            const models::FeatureMap<float>& image);

    void start(const Step& step) override;
    void complete(const Step& step) override;

    // After the run: what the tail made, before it became bytes.
    const models::FeatureMap<float>& output() const { return output_; }
    // What memory holds; all throw FunctionalError for rows that were never stored. The map between units
    // lies there in such a mapping only.
    std::vector<std::uint8_t> stored_image() const;
    models::FeatureMap<float> stored_head_map() const { return stored_map(Region::head_map); }
    models::FeatureMap<float> stored_map() const { return stored_map(Region::map); }

  private:
    using Commit = std::function<void()>;
    using Rows = models::RowRange;

    // What a transfer moves: weights of convolution or unit `number`, or rows of the image that comes in and
    // what belongs to them.
    enum class Region { convolution, unit, image, head_map, map, output };
    struct Piece {
        Region region = Region::convolution;
        std::int64_t number = 0;
        Rows rows{};
    };
    // A convolution of more than one bit.
    struct Convolution {
        const models::QuantizedConvolution* kernel = nullptr;
        const ConvolutionLayer* layer = nullptr;
        models::Quantization format;
        std::optional<models::QuantizedConvolution> weights;  // in the buffer
        models::QuantizedMap inputs;
        RowTags input_tags;
        TaggedRows<float> made;  // by a stage of the upsampler, pixels where they belong
    };
    // What an operator of a section belongs to; units by those of the first repetition.
    struct Place {
        std::size_t convolution = 0;
        std::int64_t unit = 0;
    };

    void add_convolution(const models::QuantizedConvolution& kernel, int doublings);
    void find_places();

    // Memory (super_resolution_memory.cpp).
    std::int64_t strips() const;
    Rows strip_rows(std::int64_t strip) const;
    const StripRegion& region(Region which) const;
    std::int64_t bytes_of(const Piece& piece) const;
    Instruction transfer_of(const Piece& piece) const;
    Piece piece_of(const Step& step) const;
    void fill_memory(const models::FeatureMap<float>& image);
    RowTags& stored(Region which) { return stored_.at(which); }
    const RowTags& stored(Region which) const { return stored_.at(which); }
    models::FeatureMap<float> stored_map(Region which) const;
    std::vector<std::byte> map_bytes(std::span<const float> values) const;
    std::vector<float> map_values(std::span<const std::byte> bytes) const;

    // Transfers and buffers (super_resolution_executor.cpp).
    void start_load(const Step& step);
    void start_store(const Step& step);
    void complete_load(const Step& step);
    void collect_releases();
    void give_up(const Step& holder, EngineKind by);

    // Engines (super_resolution_compute.cpp).
    Commit compute(const Step& step);
    Commit quantize(const Step& step);
    Commit convolve(const Step& step);
    Commit pool(const Step& step);
    Commit branch_layer(const Step& step);
    Commit gains(const Step& step);
    Commit binarize(const Step& step);
    Commit count(const Step& step);
    Commit rescale(const Step& step);
    Commit add(const Step& step);
    const Place& place(const Step& step) const {
        return places_[step.section][instruction(step).operator_first];
    }
    std::int64_t unit_of(const Step& step) const;
    const models::QuantizedBinaryUnit& unit_weights(const Step& step) const;
    Rows rows_of(const Step& step, std::int64_t width) const;
    std::vector<float> input_of(std::size_t convolution, const Rows& rows) const;
    void add_to_average(std::int64_t unit, const Rows& rows, std::span<const float> pixels);

    const SuperResolutionDesign& own_;
    const models::QuantizedSuperResolution& network_;
    SuperResolutionLayout layout_;
    std::vector<std::vector<Place>> places_;  // by section and operator
    std::vector<bool> adds_head_;             // by section: whether it loads the head's map to add it

    // Off chip: rows of the image that comes in; by unit, as all tags.
    std::map<Region, RowTags> stored_;
    models::FeatureMap<float> output_;

    // In flight.
    std::map<Key, Commit> commits_;
    struct Load {
        Piece piece;
        std::int64_t generation = 0;
    };
    std::map<Key, Load> loads_;

    // In the buffers.
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>,
             std::vector<std::pair<std::size_t, std::size_t>>>
        releases_;  // by section, engine, position: whose place is given up: engine, position
    std::vector<Convolution> convolutions_;
    std::map<std::int64_t, models::QuantizedBinaryUnit> units_;
    TaggedRows<std::uint8_t> image_;
    TaggedRows<float> map_;
    TaggedRows<float> head_map_;  // as loaded to be added
    TaggedRows<float> sum_;
    TaggedRows<std::uint8_t> large_;
    models::SignMap signs_;
    RowTags sign_tags_;
    TaggedRows<float> factors_;  // of pixels
    TaggedRows<std::int32_t> counts_;
    TaggedRows<float> hidden_;  // of the branch, one row
    TaggedRows<float> branch_;  // shifts, and gains before the sigmoid
    TaggedRows<float> gains_;
    struct Average {
        std::int64_t unit = -1;
        std::int64_t rows = 0;  // so far
        models::ChannelAverage sums;
    };
    Average average_;
};

}  // namespace tilewright::accel
