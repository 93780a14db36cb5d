// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/weight_stream_image.hpp"

#include <algorithm>
#include <string>

#include "accel/functional/functional_error.hpp"
#include "models/kernels/bit_stream.hpp"

namespace tilewright::accel {

namespace {

std::size_t index(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

bool same_tile(const StreamTile& tile, const Instruction& work) {
    return tile.operator_index == work.operator_first && tile.n0 == work.n0 && tile.k0 == work.k0;
}

}  // namespace

std::optional<std::int32_t> awaited_load(const Section& section, const Instruction& work, std::size_t dma) {
    for (auto i = work.wait_begin; i < work.wait_begin + work.wait_count; ++i) {
        const auto& wait = section.waits[i];
        if (wait.engine == dma && wait.data) return wait.index;
    }
    return {};
}

WeightStreamOrder::WeightStreamOrder(const TileProgram& program, const Section& section, LinearEngine kind,
                                     std::size_t matrix, std::size_t dma,
                                     const models::Quantization& weights) {
    std::size_t pass = 0;
    std::size_t next = 0;  // tile of the current pass
    std::int32_t load = -1;
    for (std::size_t position = 0; position < section.streams[matrix].size(); ++position) {
        const auto& work = section.streams[matrix][position];
        if (work.opcode != Opcode::matmul) continue;
        // Several instructions may use one tile, for different tokens; they wait for no other load.
        const auto awaited = awaited_load(section, work, dma).value_or(load);
        const bool again = next > 0 && same_tile(tiles_[next - 1], work) && awaited == load;
        load = awaited;
        if (!again) {
            if (!tiles_.empty() && same_tile(tiles_.front(), work)) {
                ++pass;
                next = 0;
            }
            if (pass == 0) {
                tiles_.push_back({work.operator_first, work.n0, work.n, work.k0, work.k, elements_});
                elements_ += std::int64_t{work.n} * work.k;
            } else if (next == tiles_.size() || !same_tile(tiles_[next], work)) {
                throw FunctionalError(program.labels[work.label] +
                                      ": a second pass takes the weights in another "
                                      "order than the first");
            }
            ++next;
        }
        tile_of_[position] = next - 1;
        pass_of_[position] = pass;
    }
    std::int64_t loaded = 0;
    positions_.emplace_back();
    for (std::size_t position = 0; position < section.streams[dma].size(); ++position) {
        const auto& work = section.streams[dma][position];
        if (work.opcode != Opcode::load || !is_weights_of(work.traffic, kind)) continue;
        if (loaded == elements_) {
            positions_.emplace_back();
            loaded = 0;
        }
        const auto count = std::min(work.value_bytes * 8 / weights.format.bits, elements_ - loaded);
        if (positions_.size() == 1) first_pass_.push_back({position, loaded, loaded + count});
        positions_.back().push_back(position);
        loaded += count;
    }
}

const StreamTile& WeightStreamOrder::tile(std::size_t position) const {
    const auto found = tile_of_.find(position);
    if (found == tile_of_.end()) throw FunctionalError("the instruction multiplies by no weights");
    return tiles_[found->second];
}

WeightStreamOrder::Source WeightStreamOrder::source(std::size_t position, std::int64_t element) const {
    const auto found = std::upper_bound(first_pass_.begin(), first_pass_.end(), element,
                                        [](std::int64_t at, const Source& load) { return at < load.end; });
    const auto pass = pass_of_.at(position);
    const auto number = static_cast<std::size_t>(found - first_pass_.begin());
    if (found == first_pass_.end() || pass >= positions_.size() || number >= positions_[pass].size()) {
        throw FunctionalError("element " + std::to_string(element) +
                              " of the weights is never loaded in pass " + std::to_string(pass));
    }
    return {positions_[pass][number], found->begin, found->end};
}

std::pair<std::int64_t, std::int64_t> WeightStreamOrder::range_of_load(std::size_t load) const {
    for (const auto& pass : positions_) {
        const auto found = std::lower_bound(pass.begin(), pass.end(), load);
        if (found == pass.end() || *found != load) continue;
        const auto& source = first_pass_[static_cast<std::size_t>(found - pass.begin())];
        return {source.begin, source.end};
    }
    throw FunctionalError("the load brings no weights");
}

bool WeightStreamOrder::last_read(std::size_t load) const {
    return std::binary_search(positions_.back().begin(), positions_.back().end(), load);
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
    const auto first = begin / group;
    for (auto i = first; i * group < end; ++i) {
        const auto at = (i - first) * quantization_.scale_bits;
        if (at + quantization_.scale_bits > scale_bytes * 8) {
            throw FunctionalError("a load of " + std::to_string(end - begin) +
                                  " weights has no room for all of their scales");
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
    const auto first = begin / group;
    for (auto i = first; i * group < end; ++i) {
        const auto at = index((i - first) * quantization_.scale_bits);
        chunk.scales.push_back(
            models::decode_scale(quantization_, models::get_bits(tail, at, quantization_.scale_bits)));
    }
    return chunk;
}

}  // namespace tilewright::accel
