// SPDX-License-Identifier: Apache-2.0
#include "accel/design/design.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace tilewright::accel {

const char* to_string(Buffer buffer) {
    switch (buffer) {
        case Buffer::weights:
            return "weights";
        case Buffer::activations:
            return "activations";
        case Buffer::state:
            return "state";
        case Buffer::intermediates:
            return "intermediates";
    }
    return "unknown";
}

const char* to_string(Stream stream) {
    switch (stream) {
        case Stream::weights:
            return "weights";
        case Stream::state:
            return "state";
        case Stream::convolution:
            return "convolution";
    }
    return "unknown";
}

const char* to_string(DramModel model) {
    switch (model) {
        case DramModel::automatic:
            return "auto";
        case DramModel::bursts:
            return "bursts";
        case DramModel::commands:
            break;
    }
    return "commands";
}

bool MemoryPort::carries_stream(Stream stream) const {
    return std::find(carries.begin(), carries.end(), stream) != carries.end();
}

std::size_t Design::port_of(Stream stream) const {
    std::size_t result = 0;
    for (std::size_t i = 0; i < memory_ports.size(); ++i) {
        if (!memory_ports[i].carries_stream(stream)) continue;
        result = i;
        if (memory_ports[i].gmio == 0) break;
    }
    return result;
}

std::size_t Design::weights_port(LinearEngine engine) const {
    if (engine == LinearEngine::aie) {
        for (std::size_t i = 0; i < memory_ports.size(); ++i) {
            if (memory_ports[i].gmio > 0) return i;
        }
    }
    return port_of(Stream::weights);
}

memory::PortSpecification Design::port_specification(const MemoryPort& port) const {
    if (port.gmio == 0) return {port.name, port.width_bits, clock_hz, 1, port.hops};
    const auto beat_bytes = port.width_bits / 8;
    const auto gmio = port.gmio / port.channels;  // of one channel
    const auto transfer_bytes = port.burst_beats * beat_bytes / gmio;
    const auto bytes_per_s = gmio_bytes_per_s(device.aie, gmio, transfer_bytes, 0);
    return {port.name, port.width_bits, bytes_per_s / beat_bytes, (gmio + 1) / 2, port.hops};
}

std::vector<std::string> Design::linear_layers() const {
    if (transformer() != nullptr) {
        return {std::begin(transformer_layer_names), std::end(transformer_layer_names)};
    }
    if (super_resolution) {
        return {std::begin(convolution_layer_names), std::end(convolution_layer_names)};
    }
    std::vector<std::string> layers = {"in_proj", "out_proj"};
    if (workload.lm_head) layers.emplace_back("lm_head");
    return layers;
}

AiePlacement Design::aie_placement() const {
    AiePlacement all;
    const auto add = [&](const AieMapping& engine) {
        const auto one = accel::aie_placement(engine);
        all.tiles += one.tiles;
        all.plio_in += one.plio_in;
        all.plio_out += one.plio_out;
        all.gmio_in += one.gmio_in;
        all.tile_dma_in = std::max(all.tile_dma_in, one.tile_dma_in);
        all.tile_memory_bytes = std::max(all.tile_memory_bytes, one.tile_memory_bytes);
    };
    if (uses_aie()) add(aie.value());
    if (transformer() != nullptr && transformer()->aie_attention) add(*transformer()->aie_attention);
    return all;
}

bool Design::multiplies_on(LinearEngine engine) const {
    const auto layers = linear_layers();
    return std::any_of(layers.begin(), layers.end(), [&](const auto& layer) {
        return engine == LinearEngine::aie ? aie_share(layer) > 0 : aie_share(layer) < 1;
    });
}

const std::string& Design::network_name() const {
    if (super_resolution) return super_resolution->network.name;
    return var ? var->network.name : gpt ? gpt->network.name : network.name;
}

const std::string& Design::recipe_name() const {
    if (super_resolution) return super_resolution->recipe.name;
    return transformer() != nullptr ? transformer()->recipe.name : recipe.name;
}

int Design::blocks() const {
    if (super_resolution) return super_resolution->network.blocks;
    return transformer() != nullptr ? transformer()->block.blocks : network.layers;
}

models::MambaStep Design::step() const {
    models::MambaStep step;
    step.phase = workload.phase;
    step.tokens = workload.tokens;
    step.online_hadamard = recipe.online_hadamard;
    return step;
}

models::OperatorGraph build_graph(const Design& design) {
    if (design.var) return models::build_var_graph(design.var->network, design.var->step);
    if (design.gpt) return models::build_gpt_graph(design.gpt->network, design.gpt->work);
    if (design.super_resolution) {
        return models::build_super_resolution_graph(design.super_resolution->network,
                                                    design.super_resolution->image);
    }
    return models::build_mamba_graph(design.network, design.step());
}

namespace {

// A row of inputs is a pixel, and each of the taps that meet in an output has scales of its own.
std::vector<LinearOperands> convolution_operands(const SuperResolutionDesign& design) {
    std::vector<LinearOperands> layers;
    for (const auto* name : convolution_layer_names) {
        const auto channels =
            name == convolution_layer_names[0] ? design.network.colors : design.network.channels;
        const auto inputs = models::convolution_taps * channels;
        layers.push_back({name,
                          models::row_quantization(design.recipe.weights, inputs),
                          models::row_quantization(design.recipe.activations, channels),
                          {},
                          inputs,
                          0});
    }
    return layers;
}

}  // namespace

std::vector<LinearOperands> linear_operands(const Design& design) {
    if (design.super_resolution) return convolution_operands(*design.super_resolution);
    if (design.is_mamba()) {
        const auto& recipe = design.recipe;
        return {{"linear", recipe.weights, recipe.activations, {}, design.network.d_model, 0}};
    }
    const auto& [block, recipe] = std::tie(design.transformer()->block, design.transformer()->recipe);
    const auto operands = [](const char* name, const models::LinearRecipe& layer, std::int64_t inputs) {
        return LinearOperands{name,
                              models::row_quantization(layer.weights, inputs),
                              models::row_quantization(layer.activations, inputs),
                              layer.activations.dual,
                              inputs,
                              layer.rotation_block};
    };
    return {operands("qkv", recipe.qkv, block.width),
            operands("proj", recipe.proj, block.heads * block.head_dim),
            operands("fc1", recipe.fc1, block.width), operands("fc2", recipe.fc2, block.hidden)};
}

std::vector<LinearOperands> linear_operands_on(const Design& design, LinearEngine engine) {
    auto layers = linear_operands(design);
    std::erase_if(layers, [&](const auto& layer) {
        // Mamba's linear layers are one class.
        if (design.is_mamba()) return !design.multiplies_on(engine);
        const auto share = design.aie_share(layer.name);
        return engine == LinearEngine::aie ? share == 0 : share == 1;
    });
    return layers;
}

}  // namespace tilewright::accel
