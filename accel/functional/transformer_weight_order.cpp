// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/transformer_weight_order.hpp"

#include <algorithm>
#include <set>

#include "accel/functional/functional_error.hpp"

namespace tilewright::accel {

void TransformerWeightOrder::collect_tiles(const Section& section, std::size_t matrix, std::size_t dma) {
    std::set<std::uint32_t> seen;
    std::int64_t covered = 0;  // elements of the last pass so far
    std::int32_t load = -1;
    for (std::size_t position = 0; position < section.streams[matrix].size(); ++position) {
        const auto& work = section.streams[matrix][position];
        if (work.opcode != Opcode::matmul) continue;
        const auto& op = section.operators[work.operator_first];
        if (op.kind != models::OperatorKind::linear) continue;
        const bool same_layer = !passes_.empty() && passes_.back().operator_index == work.operator_first;
        const auto is = [&](const StreamTile& tile) {
            return tile.n0 == work.n0 && tile.k0 == work.k0 && tile.n == work.n && tile.k == work.k;
        };
        // Instructions for other rows use the tile that an earlier one has waited for.
        const auto awaited = awaited_load(section, work, dma).value_or(load);
        const bool same_tile = same_layer && is(passes_.back().tiles.back()) && awaited == load;
        load = awaited;
        if (!same_tile) {
            if (!same_layer || is(passes_.back().tiles.front())) {
                passes_.push_back(
                    {work.operator_first, {}, {}, !seen.insert(work.operator_first).second, {}, {}});
                covered = 0;
            }
            passes_.back().tiles.push_back({work.operator_first, work.n0, work.n, work.k0, work.k, covered});
            covered += std::int64_t{work.n} * work.k;
        }
        uses_[position] = {passes_.size() - 1, passes_.back().tiles.size() - 1};
    }
}

void TransformerWeightOrder::collect_loads(const Section& section, LinearEngine kind, std::size_t dma) {
    std::size_t pass = 0;
    std::int64_t loaded = 0;
    for (std::size_t position = 0; position < section.streams[dma].size(); ++position) {
        const auto& work = section.streams[dma][position];
        if (work.opcode != Opcode::load || !is_weights_of(work.traffic, kind)) continue;
        if (pass == passes_.size()) throw FunctionalError("the program loads weights that nobody uses");
        const auto total = passes_[pass].elements();
        const auto count = std::min(work.value_bytes * 8 / passes_[pass].format.format.bits, total - loaded);
        load_of_[position] = {pass, passes_[pass].loads.size()};
        passes_[pass].loads.push_back({position, loaded, loaded + count});
        loaded += count;
        if (loaded == total) {
            ++pass;
            loaded = 0;
        }
    }
    if (pass != passes_.size()) throw FunctionalError("the program does not load all of its weights");
}

TransformerWeightOrder::Use TransformerWeightOrder::use(std::size_t position) const {
    const auto found = uses_.find(position);
    if (found == uses_.end()) throw FunctionalError("the instruction multiplies by no weights");
    return found->second;
}

std::pair<std::size_t, std::size_t> TransformerWeightOrder::load(std::size_t position) const {
    const auto found = load_of_.find(position);
    if (found == load_of_.end()) throw FunctionalError("the load brings no weights");
    return found->second;
}

}  // namespace tilewright::accel
