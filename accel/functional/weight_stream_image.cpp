// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/weight_stream_image.hpp"

#include <algorithm>
#include <string>
#include <tuple>

#include "accel/functional/functional_error.hpp"
#include "memory/integer_math.hpp"
#include "models/index.hpp"
#include "models/kernels/bit_stream.hpp"

namespace tilewright::accel {

namespace {

using models::index;

FunctionalError no_room_for_scales(std::int64_t weights) {
    return FunctionalError("a load of " + std::to_string(weights) +
                           " weights has no room for all of their scales");
}

}  // namespace

std::optional<std::int32_t> awaited_load(const Section& section, const Instruction& work, std::size_t dma) {
    for (auto i = work.wait_begin; i < work.wait_begin + work.wait_count; ++i) {
        const auto& wait = section.waits[i];
        if (wait.engine == dma && wait.data) return wait.index;
    }
    return {};
}

WeightStreamOrder::WeightStreamOrder(const Section& section, LinearEngine kind, std::size_t matrix,
                                     std::size_t dma, const models::Quantization& weights,
                                     std::span<const std::int64_t> pieces) {
    collect_tiles(section, matrix, dma);
    collect_loads(section, kind, dma, weights, pieces);
}

void WeightStreamOrder::collect_tiles(const Section& section, std::size_t matrix, std::size_t dma) {
    struct Seen {
        std::size_t tile = 0;
        std::size_t passes = 0;
    };
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, Seen> seen;  // operator, n0, k0
    std::optional<std::size_t> previous;
    std::int32_t load = -1;
    for (std::size_t position = 0; position < section.streams[matrix].size(); ++position) {
        const auto& work = section.streams[matrix][position];
        if (work.opcode != Opcode::matmul) continue;
        auto& tile = seen[{work.operator_first, work.n0, work.k0}];
        // Several instructions may use one tile, for different tokens; they wait for no other load.
        const auto awaited = awaited_load(section, work, dma).value_or(load);
        const bool again = tile.passes > 0 && previous == tile.tile && awaited == load;
        load = awaited;
        if (!again) {
            if (tile.passes++ == 0) {
                tile.tile = tiles_.size();
                tiles_.push_back({work.operator_first, work.n0, work.n, work.k0, work.k, elements_});
                elements_ += std::int64_t{work.n} * work.k;
            }
        }
        previous = tile.tile;
        uses_[position] = {tile.tile, tile.passes - 1};
    }
}

void WeightStreamOrder::collect_loads(const Section& section, LinearEngine kind, std::size_t dma,
                                      const models::Quantization& weights,
                                      std::span<const std::int64_t> pieces) {
    std::map<std::int64_t, std::size_t> at;  // by address: a later pass reads from the same one
    std::int64_t loaded = 0;
    std::int64_t piece_end = 0;
    auto piece = pieces.begin();
    for (std::size_t position = 0; position < section.streams[dma].size(); ++position) {
        const auto& work = section.streams[dma][position];
        if (work.opcode != Opcode::load || !is_weights_of(work.traffic, kind)) continue;
        const auto [found, first] = at.emplace(work.address, loads_.size());
        number_of_[position] = found->second;
        if (!first) {
            positions_[found->second].push_back(position);
            auto& last = last_[found->second];
            if (work.stage >= section.streams[dma][last].stage) last = position;
            continue;
        }
        while (loaded == piece_end && piece != pieces.end()) piece_end += *piece++;
        const auto count = std::min(work.value_bytes * 8 / weights.format.bits, piece_end - loaded);
        loads_.push_back({position, loaded, loaded + count});
        positions_.push_back({position});
        last_.push_back(position);
        loaded += count;
    }
}

const StreamTile& WeightStreamOrder::tile(std::size_t position) const {
    const auto found = uses_.find(position);
    if (found == uses_.end()) throw FunctionalError("the instruction multiplies by no weights");
    return tiles_[found->second.tile];
}

WeightStreamOrder::Source WeightStreamOrder::source(std::size_t position, std::int64_t element) const {
    const auto found = std::upper_bound(loads_.begin(), loads_.end(), element,
                                        [](std::int64_t at, const Source& load) { return at < load.end; });
    const auto pass = uses_.at(position).pass;
    const auto number = static_cast<std::size_t>(found - loads_.begin());
    if (found == loads_.end() || pass >= positions_[number].size()) {
        throw FunctionalError("element " + std::to_string(element) +
                              " of the weights is never loaded in pass " + std::to_string(pass));
    }
    return {positions_[number][pass], found->begin, found->end};
}

std::pair<std::int64_t, std::int64_t> WeightStreamOrder::range_of_load(std::size_t load) const {
    const auto found = number_of_.find(load);
    if (found == number_of_.end()) throw FunctionalError("the load brings no weights");
    return {loads_[found->second].begin, loads_[found->second].end};
}

bool WeightStreamOrder::last_read(std::size_t load) const {
    const auto found = number_of_.find(load);
    return found != number_of_.end() && last_[found->second] == load;
}

WeightCodec::WeightCodec(const models::Quantization& quantization)
    : quantization_(quantization), table_(quantization.format) {
    if (!table_.narrow()) return;
    constexpr int offset = 128;
    code_of_unit_.assign(256, 0);
    // From the last code down, so that zero gets its positive code.
    for (auto code = (1 << quantization.format.bits) - 1; code >= 0; --code) {
        const auto unit = table_[static_cast<std::uint16_t>(code)];
        code_of_unit_[index(unit + offset)] = static_cast<std::uint16_t>(code);
    }
}

void WeightCodec::append(const models::QuantizedMatrix& matrix, const StreamTile& tile) {
    constexpr int offset = 128;
    const auto group = quantization_.group_size;
    for (auto n = tile.n0; n < tile.n0 + tile.n; ++n) {
        const auto row = n * matrix.inputs;
        for (auto k = row + tile.k0; k < row + tile.k0 + tile.k; ++k) {
            codes_.push_back(matrix.units.empty() ? matrix.codes[index(k)]
                                                  : code_of_unit_[index(matrix.units[index(k)] + offset)]);
        }
        if (group == 0) continue;
        for (auto k = tile.k0; k < tile.k0 + tile.k; k += group) {
            fields_.push_back(matrix.scale_fields[index((row + k) / group)]);
        }
    }
}

std::vector<std::byte> WeightCodec::pack(std::int64_t begin, std::int64_t end, std::int64_t value_bytes,
                                         std::int64_t scale_bytes) const {
    std::vector<std::byte> bytes(index(value_bytes + scale_bytes));
    const std::span<std::byte> all(bytes);
    const auto bits = quantization_.format.bits;
    for (auto i = begin; i < end; ++i) {
        models::put_bits(all, index((i - begin) * bits), bits, codes_[index(i)]);
    }
    const auto group = quantization_.group_size;
    if (group == 0) return bytes;
    const auto tail = all.subspan(index(value_bytes));
    const auto first = memory::divide_up(begin, group);
    for (auto i = first; i * group < end; ++i) {
        const auto at = (i - first) * quantization_.scale_bits;
        if (at + quantization_.scale_bits > scale_bytes * 8) {
            throw no_room_for_scales(end - begin);
        }
        models::put_bits(tail, index(at), quantization_.scale_bits, fields_[index(i)]);
    }
    return bytes;
}

WeightChunkData WeightCodec::unpack(std::span<const std::byte> bytes, std::int64_t begin, std::int64_t end,
                                    std::int64_t value_bytes) const {
    WeightChunkData chunk;
    chunk.begin = begin;
    const auto bits = quantization_.format.bits;
    if ((end - begin) * bits > value_bytes * 8 || value_bytes > static_cast<std::int64_t>(bytes.size())) {
        throw FunctionalError("a load of " + std::to_string(end - begin) + " weights brings " +
                              std::to_string(value_bytes) + " bytes of them");
    }
    for (auto i = begin; i < end; ++i) {
        const auto code =
            static_cast<std::uint16_t>(models::get_bits(bytes, index((i - begin) * bits), bits));
        if (table_.narrow()) {
            chunk.units.push_back(static_cast<std::int8_t>(table_[code]));
        } else {
            chunk.codes.push_back(code);
        }
    }
    const auto group = quantization_.group_size;
    if (group == 0) return chunk;
    const auto tail = bytes.subspan(index(value_bytes));
    chunk.first_group = memory::divide_up(begin, group);
    for (auto i = chunk.first_group; i * group < end; ++i) {
        const auto at = index((i - chunk.first_group) * quantization_.scale_bits);
        if (at + index(quantization_.scale_bits) > tail.size() * 8) throw no_room_for_scales(end - begin);
        chunk.scales.push_back(
            models::decode_scale(quantization_, models::get_bits(tail, at, quantization_.scale_bits)));
    }
    return chunk;
}

}  // namespace tilewright::accel
