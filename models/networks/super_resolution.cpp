// SPDX-License-Identifier: Apache-2.0
#include "models/networks/super_resolution.hpp"

#include <bit>
#include <stdexcept>

#include "models/graph/graph_writer.hpp"

namespace tilewright::models {

int SuperResolutionConfig::stages() const {
    return std::bit_width(static_cast<unsigned>(scale)) - 1;
}

void check_super_resolution_config(const SuperResolutionConfig& config) {
    const auto refuse = [&](const std::string& why) {
        throw std::invalid_argument("super-resolution \"" + config.name + "\": " + why);
    };
    if (config.blocks < 1 || config.channels < 1 || config.hidden < 1 || config.colors < 1) {
        refuse("blocks, channels, hidden and colors must be at least 1");
    }
    if (config.scale < 2 || !std::has_single_bit(static_cast<unsigned>(config.scale))) {
        refuse("the scale must be a power of two from 2 on");
    }
}

namespace {

class SuperResolutionGraphWriter : private OperatorGraphWriter {
  public:
    SuperResolutionGraphWriter(const SuperResolutionConfig& config, const ImageSize& image,
                               OperatorGraph& graph)
        : OperatorGraphWriter(graph), config_(config), pixels_(image.pixels()) {}

    void write();

  private:
    TensorIndex convolution(const std::string& name, std::int64_t pixels, std::int64_t outputs,
                            std::int64_t inputs, TensorIndex x);
    TensorIndex unit(int number, TensorIndex x);

    const SuperResolutionConfig& config_;
    std::int64_t pixels_;
};

TensorIndex SuperResolutionGraphWriter::convolution(const std::string& name, std::int64_t pixels,
                                                    std::int64_t outputs, std::int64_t inputs,
                                                    TensorIndex x) {
    const auto weights = weight(prefix_ + name + ".weight", TensorClass::linear_weight,
                                {outputs, convolution_side, convolution_side, inputs});
    return apply(name, OperatorKind::convolution_2d, pixels, outputs, convolution_taps * inputs,
                 {x, weights, vector(prefix_ + name + ".bias", outputs)});
}

TensorIndex SuperResolutionGraphWriter::unit(int number, TensorIndex x) {
    const auto c = config_.channels;
    const auto h = config_.hidden;
    prefix_ = "body." + std::to_string(number) + ".";
    layer_ = number;
    const auto dense = [&](const std::string& name, std::int64_t m, std::int64_t n, std::int64_t k,
                           TensorIndex input) {
        const auto weights = weight(prefix_ + name + ".weight", TensorClass::unquantized_weight, {n, k});
        return apply(name, OperatorKind::linear, m, n, k,
                     {input, weights, vector(prefix_ + name + ".bias", n)});
    };
    auto channel = apply("pool", OperatorKind::average_pool, pixels_, c, 1, {x});
    channel = dense("channel.fc1", 1, h, c, channel);
    const auto shift = dense("channel.fc2", 1, 2 * c, h, channel);
    const auto gain = apply("channel.sigmoid", OperatorKind::sigmoid, 1, c, 1, {shift});
    const auto pixel = apply("spatial", OperatorKind::pixel_factor, pixels_, c, 1,
                             {x, weight(prefix_ + "spatial.weight", TensorClass::unquantized_weight, {1, c}),
                              vector(prefix_ + "spatial.bias", 1)});
    const auto signs = apply("binarize", OperatorKind::binarize, pixels_, c, 1, {x, shift});
    const auto weights = weight(prefix_ + "conv.weight", TensorClass::binary_weight,
                                {c, convolution_side, convolution_side, c});
    auto y =
        apply("conv", OperatorKind::binary_convolution, pixels_, c, convolution_taps * c, {signs, weights});
    y = apply("rescale", OperatorKind::channel_scale, pixels_, c, 1,
              {y, vector(prefix_ + "conv.scale", c), pixel, gain});
    y = apply("add", OperatorKind::residual_add, pixels_, c, 1, {x, y});
    if (number % 2 == 0) y = apply("activation", OperatorKind::leaky_relu, pixels_, c, 1, {y});
    prefix_.clear();
    layer_ = -1;
    return y;
}

void SuperResolutionGraphWriter::write() {
    const auto c = config_.channels;
    const auto image = graph_.add_tensor(
        {"image", TensorRole::activation, TensorClass::activation, {pixels_, config_.colors}});
    const auto head = convolution("head.conv", pixels_, c, config_.colors, image);
    auto x = head;
    for (int number = 0; number < config_.units(); ++number) x = unit(number, x);
    x = apply("body.add", OperatorKind::residual_add, pixels_, c, 1, {x, head});
    auto pixels = pixels_;
    for (int stage = 0; stage < config_.stages(); ++stage) {
        const auto name = "upsample." + std::to_string(stage);
        x = convolution(name + ".conv", pixels, 4 * c, c, x);
        pixels *= 4;
        x = apply(name + ".shuffle", OperatorKind::pixel_shuffle, pixels, c, 1, {x});
    }
    convolution("tail.conv", pixels, config_.colors, c, x);
}

}  // namespace

OperatorGraph build_super_resolution_graph(const SuperResolutionConfig& config, const ImageSize& image) {
    check_super_resolution_config(config);
    if (image.height < 1 || image.width < 1) {
        throw std::invalid_argument("super-resolution \"" + config.name + "\": the image must have a pixel");
    }
    OperatorGraph graph;
    graph.name = config.name;
    graph.tokens = 1;
    graph.layers = config.units();
    SuperResolutionGraphWriter(config, image, graph).write();
    return graph;
}

SuperResolutionTotals super_resolution_totals(const OperatorGraph& graph) {
    SuperResolutionTotals sum;
    for (const auto& op : graph.operators) {
        if (op.kind == OperatorKind::binary_convolution) sum.binary_macs += op.macs();
        if (op.kind == OperatorKind::convolution_2d) sum.convolution_macs += op.macs();
        if (op.kind == OperatorKind::linear || op.kind == OperatorKind::pixel_factor) {
            sum.branch_macs += op.macs();
        }
    }
    for (const auto& tensor : graph.tensors) {
        if (tensor.role != TensorRole::weight) continue;
        (tensor.tensor_class == TensorClass::binary_weight ? sum.binary_weights : sum.other_parameters) +=
            tensor.elements();
    }
    return sum;
}

}  // namespace tilewright::models
