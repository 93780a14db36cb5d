// SPDX-License-Identifier: Apache-2.0
// What the engines of a super-resolution program compute.
#include <algorithm>
#include <utility>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/super_resolution_executor.hpp"
#include "models/index.hpp"
#include "models/kernels/image_bytes.hpp"

namespace tilewright::accel {

namespace {

using models::index;

// The branch works on the whole image at once.
constexpr models::RowRange one_row{0, 1};

// The rows that a 3x3 convolution reads.
models::RowRange with_neighbours(const models::RowRange& rows, std::int64_t height) {
    constexpr auto reach = models::convolution_side / 2;
    return {std::max<std::int64_t>(rows.begin - reach, 0), std::min(rows.end + reach, height)};
}

}  // namespace

SuperResolutionExecutor::Commit SuperResolutionExecutor::compute(const Step& step) {
    const auto& work = instruction(step);
    const auto& first = op(step);
    if (work.n0 != 0 || work.n != first.n || work.k0 != 0 || work.k != first.k) {
        throw FunctionalError("a part of the channels of a pixel");
    }
    switch (work.opcode) {
        case Opcode::quantize:
            return quantize(step);
        case Opcode::matmul:
            return first.kind == models::OperatorKind::linear ? branch_layer(step) : convolve(step);
        case Opcode::pool:
            return pool(step);
        case Opcode::activation:
            return gains(step);
        case Opcode::binarize:
            return binarize(step);
        case Opcode::binary_convolution:
            return count(step);
        case Opcode::rescale:
            return rescale(step);
        case Opcode::residual_add:
            return add(step);
        default:
            throw FunctionalError("super-resolution has no such operation");
    }
}

std::int64_t SuperResolutionExecutor::unit_of(const Step& step) const {
    constexpr std::int64_t units_of_block = 2;
    return place(step).unit + units_of_block * step.repetition;
}

const models::QuantizedBinaryUnit& SuperResolutionExecutor::unit_weights(const Step& step) const {
    const auto found = units_.find(unit_of(step));
    if (found == units_.end()) {
        throw FunctionalError("the weights of unit " + std::to_string(unit_of(step)) +
                              " are not in the buffer");
    }
    return found->second;
}

SuperResolutionExecutor::Rows SuperResolutionExecutor::rows_of(const Step& step, std::int64_t width) const {
    const auto& work = instruction(step);
    if (work.m0 % width != 0 || work.m % width != 0) throw FunctionalError("a part of a row of pixels");
    return {work.m0 / width, (std::int64_t{work.m0} + work.m) / width};
}

// What a convolution rounds.
std::vector<float> SuperResolutionExecutor::input_of(std::size_t convolution, const Rows& rows) const {
    if (convolution == 1) return sum_.read(rows, 0);
    if (convolution > 1) return convolutions_[convolution - 1].made.read(rows, 0);
    std::vector<float> colors;
    for (const auto byte : image_.read(rows, 0)) colors.push_back(models::color_of_byte(byte));
    return colors;
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::quantize(const Step& step) {
    auto& target = convolutions_[place(step).convolution];
    const auto rows = rows_of(step, target.inputs.size.width);
    const auto values = input_of(place(step).convolution, rows);
    const auto depth = index(target.kernel->inputs());
    std::vector<models::QuantizedRow> pixels;
    for (std::size_t at = 0; at < values.size(); at += depth) {
        pixels.push_back(target.kernel->quantize_pixel(std::span(values).subspan(at, depth)));
    }
    return [&target, rows, pixels = std::move(pixels)]() mutable {
        target.input_tags.make(rows, 0);
        const auto first = static_cast<std::ptrdiff_t>(target.inputs.size.index(rows.begin, 0));
        std::move(pixels.begin(), pixels.end(), target.inputs.pixels.begin() + first);
    };
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::convolve(const Step& step) {
    const auto number = place(step).convolution;
    auto& layer = convolutions_[number];
    const auto rows = rows_of(step, layer.inputs.size.width);
    if (!layer.weights) throw FunctionalError("the weights of the convolution are not in the buffer");
    layer.input_tags.require(with_neighbours(rows, layer.inputs.size.height), 0);
    if (number == 0) {
        return [this, rows, made = network_.head_rows(*layer.weights, layer.inputs, rows)] {
            map_.write(rows, made, 0);
        };
    }
    if (number + 1 < convolutions_.size()) {
        return [&layer, rows, made = network_.doubled_rows(*layer.weights, layer.inputs, rows)] {
            layer.made.write({2 * rows.begin, 2 * rows.end}, made, 0);
        };
    }
    return [this, rows, made = layer.weights->rows(layer.inputs, rows)] {
        std::copy(made.begin(), made.end(), output_.rows(rows).begin());
        std::vector<std::uint8_t> bytes;
        bytes.reserve(made.size());
        for (const auto value : made) bytes.push_back(models::byte_of_color(value));
        large_.write(rows, bytes, 0);
    };
}

// Sums in binary64 depend on their order.
void SuperResolutionExecutor::add_to_average(std::int64_t unit, const Rows& rows,
                                             std::span<const float> pixels) {
    if (rows.begin == 0) average_ = {unit, 0, models::ChannelAverage(own_.network.channels)};
    if (average_.unit != unit || average_.rows != rows.begin) {
        throw FunctionalError("row " + std::to_string(rows.begin) + " for the average of unit " +
                              std::to_string(unit) + " comes behind " + std::to_string(average_.rows) +
                              " rows of unit " + std::to_string(average_.unit));
    }
    average_.sums.add(pixels);
    average_.rows = rows.end;
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::pool(const Step& step) {
    const auto rows = rows_of(step, own_.image.width);
    return [this, unit = unit_of(step), rows, pixels = map_.read(rows, unit_of(step))] {
        add_to_average(unit, rows, pixels);
    };
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::branch_layer(const Step& step) {
    const auto unit = unit_of(step);
    const auto& weights = unit_weights(step);
    if (op(step).name.ends_with("fc2")) {
        return [this, unit, made = models::channel_branch(weights, hidden_.read(one_row, unit))] {
            branch_.write(one_row, made, unit);
        };
    }
    if (average_.unit != unit || average_.rows != own_.image.height) {
        throw FunctionalError("the average for unit " + std::to_string(unit) + " is not made: there are " +
                              std::to_string(average_.rows) + " rows for unit " +
                              std::to_string(average_.unit));
    }
    return [this, unit, made = models::channel_hidden(weights, average_.sums.averages())] {
        hidden_.write(one_row, made, unit);
    };
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::gains(const Step& step) {
    const auto unit = unit_of(step);
    return [this, unit, made = models::branch_factors(branch_.read(one_row, unit)).gains] {
        gains_.write(one_row, made, unit);
    };
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::binarize(const Step& step) {
    const auto unit = unit_of(step);
    const auto rows = rows_of(step, own_.image.width);
    auto pixels = map_.read(rows, unit);
    auto shifts = branch_.read(one_row, unit);
    shifts.resize(index(own_.network.channels));  // gains come behind them
    auto factors = models::pixel_factors(unit_weights(step), pixels);
    return [this, unit, rows, pixels = std::move(pixels), shifts = std::move(shifts),
            factors = std::move(factors)] {
        auto rest = std::span(pixels);
        for (auto y = rows.begin; y < rows.end; ++y) {
            for (std::int64_t x = 0; x < own_.image.width; ++x, rest = rest.subspan(shifts.size())) {
                models::set_shifted_signs(signs_, y, x, rest.first(shifts.size()), shifts);
            }
        }
        sign_tags_.make(rows, unit);
        factors_.write(rows, factors, unit);
    };
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::count(const Step& step) {
    const auto unit = unit_of(step);
    const auto rows = rows_of(step, own_.image.width);
    sign_tags_.require(with_neighbours(rows, own_.image.height), unit);
    return [this, unit, rows, made = unit_weights(step).convolution.rows(signs_, rows)] {
        counts_.write(rows, made, unit);
    };
}

// The pixels become those that the next unit reads, and are added up for its average.
SuperResolutionExecutor::Commit SuperResolutionExecutor::rescale(const Step& step) {
    const auto unit = unit_of(step);
    const auto rows = rows_of(step, own_.image.width);
    return
        [this, unit, rows,
         made = network_.rescaled(unit_weights(step), gains_.read(one_row, unit), factors_.read(rows, unit),
                                  counts_.read(rows, unit), map_.read(rows, unit))] {
            map_.write(rows, made, unit + 1);
            add_to_average(unit + 1, rows, made);
        };
}

SuperResolutionExecutor::Commit SuperResolutionExecutor::add(const Step& step) {
    const auto rows = rows_of(step, own_.image.width);
    return [this, rows, made = network_.sum(map_.read(rows, own_.network.units()), head_map_.read(rows, 0))] {
        sum_.write(rows, made, 0);
    };
}

}  // namespace tilewright::accel
