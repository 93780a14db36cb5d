// SPDX-License-Identifier: Apache-2.0
// Where a super-resolution program finds its data in the simulated memories.
#include <algorithm>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/super_resolution_executor.hpp"
#include "accel/functional/super_resolution_weights.hpp"
#include "memory/integer_math.hpp"
#include "models/index.hpp"
#include "models/kernels/image_bytes.hpp"

namespace tilewright::accel {

namespace {

using models::index;

}  // namespace

std::int64_t SuperResolutionExecutor::strips() const {
    return memory::divide_up(own_.image.height, own_.tile_rows);
}

SuperResolutionExecutor::Rows SuperResolutionExecutor::strip_rows(std::int64_t strip) const {
    const auto first = strip * own_.tile_rows;
    return {first, std::min(first + own_.tile_rows, own_.image.height)};
}

const StripRegion& SuperResolutionExecutor::region(Region which) const {
    if (which == Region::image) return layout_.image;
    if (which == Region::head_map) return layout_.head_map;
    return which == Region::map ? layout_.map : layout_.output;
}

std::int64_t SuperResolutionExecutor::bytes_of(const Piece& piece) const {
    const auto pixels = piece.rows.count() * own_.image.width;
    const auto& network = own_.network;
    if (piece.region == Region::image) return pixels * network.colors;
    if (piece.region == Region::output) return pixels * network.colors * network.scale * network.scale;
    return feature_map_bytes(own_, pixels, network.channels);
}

Instruction SuperResolutionExecutor::transfer_of(const Piece& piece) const {
    Instruction work;
    if (piece.region == Region::convolution) {
        const auto& layer = *convolutions_[index(piece.number)].layer;
        work.address = layer.address;
        work.value_bytes = layer.weights.value_bytes;
        work.scale_bytes = layer.weights.scale_bytes;
    } else if (piece.region == Region::unit) {
        work.address = layout_.units + piece.number * layout_.unit_stride;
        work.value_bytes = layout_.unit_bytes;
    } else {
        work.address = region(piece.region).strip(index(piece.number));
        work.value_bytes = bytes_of(piece);
    }
    return work;
}

// Ports of other channels have other addresses for the same bytes, so the port is looked at first.
SuperResolutionExecutor::Piece SuperResolutionExecutor::piece_of(const Step& step) const {
    const auto& work = instruction(step);
    const auto address = work.address + step.repetition * work.address_stride;
    std::vector<Piece> candidates;
    if (is_weights(work.traffic)) {
        for (std::size_t i = 0; i < convolutions_.size(); ++i) {
            if (step.engine != weight_dma(convolutions_[i].layer->engine)) continue;
            candidates.push_back({Region::convolution, static_cast<std::int64_t>(i)});
        }
        if (step.engine == design_.port_of(Stream::weights)) {
            const auto unit = (address - layout_.units) / layout_.unit_stride;
            if (unit >= 0 && unit < own_.network.units()) candidates.push_back({Region::unit, unit});
        }
    } else if (step.engine == design_.port_of(Stream::state)) {
        const bool store = work.opcode == Opcode::store;
        for (const auto which : {Region::image, Region::head_map, Region::map, Region::output}) {
            if (which == (store ? Region::image : Region::output)) continue;
            const auto strip = (address - region(which).address) / region(which).stride;
            if (strip < 0 || strip >= strips()) continue;
            candidates.push_back({which, strip, strip_rows(strip)});
        }
    }
    for (const auto& piece : candidates) {
        const auto like = transfer_of(piece);
        if (like.address == address && like.value_bytes == work.value_bytes &&
            like.scale_bytes == work.scale_bytes) {
            return piece;
        }
    }
    throw FunctionalError("a transfer of no weights and no strip: " + std::to_string(work.value_bytes) +
                          " bytes at address " + std::to_string(address));
}

std::vector<std::byte> SuperResolutionExecutor::map_bytes(std::span<const float> values) const {
    const std::vector<double> numbers(values.begin(), values.end());
    return network_.feature_map().pack(numbers);
}

std::vector<float> SuperResolutionExecutor::map_values(std::span<const std::byte> bytes) const {
    const auto elements = bytes.size() * 8 / index(own_.recipe.feature_map.bits);
    const auto numbers = network_.feature_map().unpack(bytes, elements);
    std::vector<float> values;
    values.reserve(elements);
    for (const auto number : numbers) values.push_back(static_cast<float>(number));
    return values;
}

// What others than the accelerator put there.
void SuperResolutionExecutor::fill_memory(const models::FeatureMap<float>& image) {
    const auto put = [&](const Piece& piece, std::size_t port, std::span<const std::byte> bytes) {
        write_memory(port, transfer_of(piece), 0, bytes);
    };
    for (std::size_t i = 0; i < convolutions_.size(); ++i) {
        const auto& one = convolutions_[i];
        put({Region::convolution, static_cast<std::int64_t>(i)}, weight_dma(one.layer->engine),
            pack_convolution(*one.kernel, one.format, one.layer->weights));
    }
    for (std::size_t i = 0; i < network_.units().size(); ++i) {
        put({Region::unit, static_cast<std::int64_t>(i)}, design_.port_of(Stream::weights),
            pack_unit(network_.units()[i]));
    }
    for (std::int64_t strip = 0; strip < strips(); ++strip) {
        std::vector<std::uint8_t> colors;
        const Piece piece{Region::image, strip, strip_rows(strip)};
        for (const auto value : image.rows(piece.rows)) colors.push_back(models::byte_of_color(value));
        put(piece, design_.port_of(Stream::state), std::as_bytes(std::span(colors)));
    }
    stored(Region::image).make({0, own_.image.height}, 0);
}

std::vector<std::uint8_t> SuperResolutionExecutor::stored_image() const {
    stored(Region::output).require({0, own_.image.height}, 0);
    std::vector<std::uint8_t> colors;
    for (std::int64_t strip = 0; strip < strips(); ++strip) {
        const auto work = transfer_of({Region::output, strip, strip_rows(strip)});
        for (const auto byte : read_memory(design_.port_of(Stream::state), work, 0)) {
            colors.push_back(std::to_integer<std::uint8_t>(byte));
        }
    }
    return colors;
}

models::FeatureMap<float> SuperResolutionExecutor::stored_map(Region which) const {
    stored(which).require({0, own_.image.height}, which == Region::map ? own_.network.units() : 0);
    std::vector<float> values;
    for (std::int64_t strip = 0; strip < strips(); ++strip) {
        const auto work = transfer_of({which, strip, strip_rows(strip)});
        const auto part = map_values(read_memory(design_.port_of(Stream::state), work, 0));
        values.insert(values.end(), part.begin(), part.end());
    }
    return {own_.image, own_.network.channels, std::move(values)};
}

}  // namespace tilewright::accel
