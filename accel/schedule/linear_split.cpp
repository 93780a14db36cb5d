// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/linear_split.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "accel/schedule/mamba2_order.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/schedule/transformer_layout.hpp"

namespace tilewright::accel {

LinearSplit::LinearSplit(const std::vector<OutputTile>& tiles, double aie_share) {
    double wanted = 0;  // outputs of AI Engines so far, were tiles divisible
    for (const auto& [begin, size] : tiles) {
        wanted += aie_share * static_cast<double>(size);
        const auto missing = wanted - static_cast<double>(outputs(LinearEngine::aie));
        const auto engine = missing >= 0.5 * static_cast<double>(size) ? LinearEngine::aie : LinearEngine::pl;
        outputs_[static_cast<std::size_t>(engine)] += size;
        if (engine == LinearEngine::aie) on_aie_.push_back(begin);
    }
    std::sort(on_aie_.begin(), on_aie_.end());
}

LinearEngine LinearSplit::engine_of(std::int64_t begin) const {
    if (!shared()) return outputs(LinearEngine::aie) > 0 ? LinearEngine::aie : LinearEngine::pl;
    return std::binary_search(on_aie_.begin(), on_aie_.end(), begin) ? LinearEngine::aie : LinearEngine::pl;
}

std::string linear_layer_name(const Design& design, const std::string& operator_name) {
    if (design.transformer() != nullptr) {
        for (std::size_t i = 0; i < std::size(transformer_layer_names); ++i) {
            if (operator_name.ends_with(transformer_linear_names[i])) return transformer_layer_names[i];
        }
        return {};
    }
    if (design.super_resolution) {
        for (const auto* name : convolution_layer_names) {
            if (operator_name.starts_with(name)) return name;
        }
        return {};
    }
    for (const auto* name : {"in_proj", "out_proj", "lm_head"}) {
        if (operator_name.ends_with(name)) return name;
    }
    return {};
}

std::vector<OutputTile> output_tiles(const Design& design, const models::Operator& op) {
    const auto layer = linear_layer_name(design, op.name);
    const auto rows = std::min(design.mapping.tile.outputs, op.n);
    std::vector<OutputTile> tiles;
    const auto cut = [&](std::int64_t begin, std::int64_t size) {
        for (auto n = begin; n < begin + size; n += rows) {
            tiles.push_back({n, std::min(rows, begin + size - n)});
        }
    };
    if (layer == "in_proj") {
        for (const auto& run : in_proj_order(design))
            cut(segment_begin(op, run.segment) + run.begin, run.size);
    } else if (layer == "out_proj") {
        for (const auto& run : out_proj_order(design)) cut(run.begin, run.size);
    } else if (layer == "qkv") {
        return qkv_tiles(design);
    } else {
        cut(0, op.n);
    }
    return tiles;
}

LinearSplit split_of(const Design& design, const models::Operator& op) {
    const auto share = design.aie_share(linear_layer_name(design, op.name));
    if (share == 0) return {LinearEngine::pl, op.n};
    if (share == 1) return {LinearEngine::aie, op.n};
    return {output_tiles(design, op), share};
}

const LinearSplit& LinearSplits::of(const models::Operator& op) {
    const auto layer = linear_layer_name(design_, op.name);
    const auto found = splits_.find(layer);
    return found != splits_.end() ? found->second
                                  : splits_.emplace(layer, split_of(design_, op)).first->second;
}

namespace {

// For a message: the shares, to four digits, that give both engines a tile; nothing if none does.
std::string allowed_shares(const std::vector<OutputTile>& tiles) {
    constexpr int steps = 10000;
    const auto share = [](int step) { return static_cast<double>(step) / steps; };
    // The more the share, the more goes to the AI Engines.
    const auto first = [&](const auto& reached) {
        int below = 0;
        int at = steps;
        while (at - below > 1) {
            const auto middle = (below + at) / 2;
            (reached(LinearSplit(tiles, share(middle))) ? at : below) = middle;
        }
        return at;
    };
    const auto least = first([](const LinearSplit& split) { return split.outputs(LinearEngine::aie) > 0; });
    const auto most =
        first([](const LinearSplit& split) { return split.outputs(LinearEngine::pl) == 0; }) - 1;
    return least <= most ? fmt::format("shares from {} to {}, ", share(least), share(most)) : std::string();
}

}  // namespace

void check_shares(const Design& design, const models::OperatorGraph& graph) {
    for (const auto& op : graph.operators) {
        if (op.kind != models::OperatorKind::linear || op.layer > 0) continue;  // blocks are alike
        const auto layer = linear_layer_name(design, op.name);
        const auto share = design.aie_share(layer);
        if (share == 0 || share == 1 || split_of(design, op).shared()) continue;
        const auto tiles = output_tiles(design, op);
        // Shares that differ were given by layer.
        const auto& shares = design.mapping.aie_share;
        const bool alike =
            std::all_of(shares.begin(), shares.end(), [&](const auto& one) { return one.second == share; });
        throw MappingError("/mapping/linear_engine" + (alike ? "" : "/" + layer),
                           "a share of " + nlohmann::json(share).dump() + " of the " +
                               std::to_string(tiles.size()) + " tiles of " + layer +
                               " leaves one of the engines without any",
                           allowed_shares(tiles) + "smaller tiles, or \"pl\" or \"aie\"");
    }
}

}  // namespace tilewright::accel
