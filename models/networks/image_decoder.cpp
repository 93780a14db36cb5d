// SPDX-License-Identifier: Apache-2.0
#include "models/networks/image_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace tilewright::models {

namespace {

void add(ImageMap& to, const ImageMap& from) {
    for (std::size_t i = 0; i < to.values.size(); ++i) to.values[i] += from.values[i];
}

}  // namespace

ImageDecoder::ImageDecoder(NamedTensors tensors) : tensors_(std::move(tensors)) {
    while (has("decoder.up." + std::to_string(levels_) + ".block.0.norm1.weight")) ++levels_;
    if (levels_ == 0) throw std::invalid_argument("tensor \"decoder.up.0.block.0.norm1.weight\" is missing");
    for (const auto* name : {"post_quant_conv", "decoder.conv_in", "decoder.conv_out"}) convolution(name);
}

const NamedTensor& ImageDecoder::tensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw std::invalid_argument("tensor \"" + name + "\" is missing");
    return found->second;
}

Convolution ImageDecoder::convolution(const std::string& name) const {
    const auto& weight = tensor(name + ".weight");
    if (weight.shape.size() != 4 || weight.shape[2] != weight.shape[3] || weight.shape[2] % 2 != 1) {
        throw std::invalid_argument("tensor \"" + name +
                                    ".weight\" is no convolution; allowed: outputs x inputs x odd x odd");
    }
    const auto& bias = tensor(name + ".bias").values;
    if (static_cast<std::int64_t>(bias.size()) != weight.shape[0]) {
        throw std::invalid_argument("tensor \"" + name + ".bias\" has " + std::to_string(bias.size()) +
                                    " elements; allowed: " + std::to_string(weight.shape[0]));
    }
    return {weight.shape[0], weight.shape[1], weight.shape[2], weight.values, bias};
}

ImageMap ImageDecoder::norm(const std::string& name, const ImageMap& map) const {
    constexpr std::int64_t groups = 32;
    return group_norm(map, groups, tensor(name + ".weight").values, tensor(name + ".bias").values);
}

ImageMap ImageDecoder::block(const std::string& name, const ImageMap& map) const {
    auto h = convolve(convolution(name + ".conv1"), silu(norm(name + ".norm1", map)));
    h = convolve(convolution(name + ".conv2"), silu(norm(name + ".norm2", h)));
    add(h, has(name + ".nin_shortcut.weight") ? convolve(convolution(name + ".nin_shortcut"), map) : map);
    return h;
}

ImageMap ImageDecoder::attention(const std::string& name, const ImageMap& map) const {
    const auto qkv = convolve(convolution(name + ".qkv"), norm(name + ".norm", map));
    const auto channels = map.channels;
    const auto pixels = map.height * map.width;
    const auto part = [&](std::int64_t which, std::int64_t channel, std::int64_t pixel) {
        return qkv.values[static_cast<std::size_t>((which * channels + channel) * pixels + pixel)];
    };
    ImageMap attended(channels, map.height, map.width);
    const auto factor = 1 / std::sqrt(static_cast<double>(channels));
    std::vector<double> shares(static_cast<std::size_t>(pixels));
    for (std::int64_t i = 0; i < pixels; ++i) {
        std::fill(shares.begin(), shares.end(), 0.0);
        for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t j = 0; j < pixels; ++j) {
                shares[static_cast<std::size_t>(j)] += part(0, c, i) * part(1, c, j) * factor;
            }
        }
        const auto largest = *std::max_element(shares.begin(), shares.end());
        double sum = 0;
        for (auto& share : shares) {
            share = std::exp(share - largest);
            sum += share;
        }
        for (std::int64_t c = 0; c < channels; ++c) {
            double value = 0;
            for (std::int64_t j = 0; j < pixels; ++j)
                value += shares[static_cast<std::size_t>(j)] * part(2, c, j);
            attended.values[static_cast<std::size_t>(c * pixels + i)] = value / sum;
        }
    }
    auto result = convolve(convolution(name + ".proj_out"), attended);
    add(result, map);
    return result;
}

ImageMap ImageDecoder::decode(const ImageMap& sum) const {
    auto h = convolve(convolution("decoder.conv_in"), convolve(convolution("post_quant_conv"), sum));
    h = block("decoder.mid.block_1", h);
    if (has("decoder.mid.attn_1.qkv.weight")) h = attention("decoder.mid.attn_1", h);
    h = block("decoder.mid.block_2", h);
    for (int level = levels_ - 1; level >= 0; --level) {
        const auto at = "decoder.up." + std::to_string(level);
        for (int i = 0; has(at + ".block." + std::to_string(i) + ".norm1.weight"); ++i) {
            h = block(at + ".block." + std::to_string(i), h);
            const auto attends = at + ".attn." + std::to_string(i);
            if (has(attends + ".qkv.weight")) h = attention(attends, h);
        }
        if (level > 0) h = convolve(convolution(at + ".upsample.conv"), double_nearest(h));
    }
    h = convolve(convolution("decoder.conv_out"), silu(norm("decoder.norm_out", h)));
    for (auto& value : h.values) value = (std::clamp(value, -1.0, 1.0) + 1) / 2;
    return h;
}

}  // namespace tilewright::models
