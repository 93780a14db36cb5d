// SPDX-License-Identifier: Apache-2.0
// Which engine makes which outputs of a linear layer: the fabric's matrix unit, the AI Engines, or both side
// by side.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "accel/design/design.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

// Outputs [begin, begin + size) of a layer, made with one tile of weights (of several along the inputs).
struct OutputTile {
    std::int64_t begin = 0;
    std::int64_t size = 0;
};

// Whole tiles of outputs go to either engine, in the order in which they are made, so that at every tile the
// AI Engines have made their share to within half a tile.
class LinearSplit {
  public:
    // `aie_share`: part of the outputs that AI Engines are to make, 0 to 1.
    LinearSplit(const std::vector<OutputTile>& tiles, double aie_share);
    // One engine makes all `outputs`.
    LinearSplit(LinearEngine engine, std::int64_t outputs) {
        outputs_[static_cast<std::size_t>(engine)] = outputs;
    }

    // `begin`: of a tile.
    LinearEngine engine_of(std::int64_t begin) const;
    std::int64_t outputs(LinearEngine engine) const { return outputs_[static_cast<std::size_t>(engine)]; }
    bool shared() const { return outputs_[0] > 0 && outputs_[1] > 0; }

  private:
    std::vector<std::int64_t> on_aie_;  // where their tiles begin, sorted
    std::array<std::int64_t, linear_engine_count> outputs_{};
};

// The name by which a design speaks of the layer that an operator is: "in_proj", "out_proj", "lm_head"; of
// VAR "qkv", "proj", "fc1", "fc2". Empty for other operators.
std::string linear_layer_name(const Design& design, const std::string& operator_name);

// The tiles of a layer's outputs in the order in which the schedule makes them.
std::vector<OutputTile> output_tiles(const Design& design, const models::Operator& op);

// As the design wants it.
LinearSplit split_of(const Design& design, const models::Operator& op);

// The same for all operators of a graph: the layers of all blocks and steps are divided alike, so each once.
class LinearSplits {
  public:
    explicit LinearSplits(const Design& design) : design_(design) {}
    const LinearSplit& of(const models::Operator& op);

  private:
    const Design& design_;
    std::map<std::string, LinearSplit> splits_;  // by name of the layer
};

// Throws MappingError for a layer that two engines are to share and one of them gets no tile of.
void check_shares(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
