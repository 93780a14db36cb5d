// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/super_resolution_weights.hpp"

#include <cstdint>
#include <cstring>

#include "accel/functional/weight_stream_image.hpp"
#include "models/index.hpp"
#include "models/kernels/bit_stream.hpp"

namespace tilewright::accel {

namespace {

using models::index;

// binary32 numbers one behind the other.
void put_floats(std::span<std::byte>& bytes, std::span<const float> numbers) {
    std::memcpy(bytes.data(), numbers.data(), numbers.size_bytes());
    bytes = bytes.subspan(numbers.size_bytes());
}

std::vector<float> take_floats(std::span<const std::byte>& bytes, std::int64_t count) {
    std::vector<float> numbers(index(count));
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
    bytes = bytes.subspan(numbers.size() * sizeof(float));
    return numbers;
}

StreamTile whole(const models::QuantizedMatrix& matrix) {
    return {0, 0, matrix.outputs, 0, matrix.inputs, 0};
}

constexpr std::size_t word_bits = 64;

// Calls visit(bit in memory, word, bit of it) for every weight of a binary convolution.
template <typename Visit>
void for_each_sign(std::int64_t outputs, std::int64_t inputs, Visit visit) {
    const auto words = index(models::sign_words(inputs));
    std::size_t bit = 0;
    for (std::size_t tap = 0; tap < index(outputs * models::convolution_taps); ++tap) {
        for (std::size_t c = 0; c < index(inputs); ++c, ++bit) {
            visit(bit, tap * words + c / word_bits, c % word_bits);
        }
    }
}

std::size_t sign_bytes(std::int64_t outputs, std::int64_t inputs) {
    return index((models::convolution_taps * outputs * inputs + 7) / 8);
}

}  // namespace

std::vector<std::byte> pack_convolution(const models::QuantizedConvolution& convolution,
                                        const models::Quantization& format, const TransferSize& size) {
    const auto& matrix = convolution.matrix();
    WeightCodec codec(format);
    codec.append(matrix, whole(matrix));
    auto bytes = codec.pack(0, matrix.outputs * matrix.inputs, size.value_bytes, size.scale_bytes);
    const auto bias = convolution.bias();
    auto end = std::span(bytes).subspan(index(size.value_bytes) - bias.size_bytes());
    put_floats(end, bias);
    return bytes;
}

models::QuantizedConvolution unpack_convolution(const models::QuantizedConvolution& like,
                                                const models::Quantization& format, const TransferSize& size,
                                                std::span<const std::byte> bytes) {
    const auto& shape = like.matrix();
    const WeightCodec codec(format);
    auto chunk = codec.unpack(bytes, 0, shape.outputs * shape.inputs, size.value_bytes);
    models::QuantizedMatrix matrix;
    matrix.outputs = shape.outputs;
    matrix.inputs = shape.inputs;
    matrix.units = std::move(chunk.units);
    matrix.codes = std::move(chunk.codes);
    matrix.scales = std::move(chunk.scales);
    matrix.scale_base = shape.scale_base;
    auto end = bytes.subspan(index(size.value_bytes) - like.bias().size_bytes());
    return like.with_weights(std::move(matrix), take_floats(end, shape.outputs));
}

std::vector<std::byte> pack_unit(const models::QuantizedBinaryUnit& unit) {
    const auto& convolution = unit.convolution;
    const auto signs = sign_bytes(convolution.outputs(), convolution.inputs());
    const std::vector<float>* const numbers[] = {&unit.scales,   &unit.fc1,     &unit.fc1_bias,    &unit.fc2,
                                                 &unit.fc2_bias, &unit.spatial, &unit.spatial_bias};
    auto size = signs;
    for (const auto* part : numbers) size += part->size() * sizeof(float);
    std::vector<std::byte> bytes(size);
    std::span<std::byte> rest(bytes);
    const auto words = convolution.weights();
    for_each_sign(convolution.outputs(), convolution.inputs(),
                  [&](std::size_t at, std::size_t word, std::size_t bit) {
                      models::put_bits(rest, at, 1, static_cast<std::uint32_t>(words[word] >> bit & 1));
                  });
    rest = rest.subspan(signs);
    for (const auto* part : numbers) put_floats(rest, *part);
    return bytes;
}

models::QuantizedBinaryUnit unpack_unit(const models::SuperResolutionConfig& config,
                                        std::span<const std::byte> bytes, bool first_of_block) {
    const auto c = config.channels;
    const auto h = config.hidden;
    std::vector<std::uint64_t> words(index(c * models::convolution_taps * models::sign_words(c)));
    for_each_sign(c, c, [&](std::size_t at, std::size_t word, std::size_t bit) {
        words[word] |= std::uint64_t{models::get_bits(bytes, at, 1)} << bit;
    });
    auto rest = bytes.subspan(sign_bytes(c, c));
    auto scales = take_floats(rest, c);
    auto fc1 = take_floats(rest, h * c);
    auto fc1_bias = take_floats(rest, h);
    auto fc2 = take_floats(rest, 2 * c * h);
    auto fc2_bias = take_floats(rest, 2 * c);
    auto spatial = take_floats(rest, c);
    auto spatial_bias = take_floats(rest, 1);
    return {std::move(fc1),
            std::move(fc1_bias),
            std::move(fc2),
            std::move(fc2_bias),
            std::move(spatial),
            std::move(spatial_bias),
            models::BinaryConvolution(c, c, std::move(words)),
            std::move(scales),
            first_of_block};
}

}  // namespace tilewright::accel
