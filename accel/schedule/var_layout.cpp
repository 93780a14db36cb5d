// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/var_layout.hpp"

#include <algorithm>
#include <utility>

#include "accel/schedule/linear_split.hpp"
#include "accel/schedule/weight_stream.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

// Gives out memory one piece behind the other; each starts on a new row of the DRAM or a new page.
class Allocator {
  public:
    explicit Allocator(std::int64_t alignment) : alignment_(alignment) {}
    std::int64_t place(std::int64_t bytes) {
        const auto at = next_;
        next_ += divide_up(bytes, alignment_) * alignment_;
        return at;
    }
    std::int64_t end() const { return next_; }

  private:
    std::int64_t alignment_;
    std::int64_t next_ = 0;
};

constexpr std::int64_t region_alignment = 64 * 1024;  // whole rows of every memory of the devices
constexpr std::int64_t piece_alignment = 4096;        // AXI bursts do not cross it

}  // namespace

models::Quantization unquantized_weights() {
    return {models::number_format("fp16"), 0, models::ScaleKind::none, 0, 0};
}

models::Quantization unquantized_activations() {
    return {models::number_format("fp32"), 0, models::ScaleKind::none, 0, 0};
}

models::Quantization kv_format(const VarDesign& var) {
    if (!var.recipe.kv_cache) return unquantized_activations();
    return models::row_quantization(*var.recipe.kv_cache, var.network.head_dim());
}

TransferSize transfer_size(const models::Quantization& format, std::int64_t elements) {
    return {divide_up(models::value_bits(format, elements), 8),
            divide_up(models::scale_bits(format, elements), 8)};
}

std::int64_t heads_per_tile(const Design& design) {
    const auto& network = design.var->network;
    return std::min(network.heads, design.mapping.tile.outputs / network.head_dim());
}

std::int64_t head_groups(const Design& design) {
    return divide_up(design.var->network.heads, heads_per_tile(design));
}

std::int64_t cache_piece_elements(const VarDesign& var, std::size_t scale, std::int64_t heads) {
    return 2 * var.step.batch() * heads * var.network.scale_tokens(scale) * var.network.head_dim();
}

std::int64_t block_vector_elements(const models::VarConfig& network) {
    return 3 * network.width + network.width + network.hidden() + network.width + network.heads;
}

std::vector<models::Operator> var_linear_operators(const Design& design) {
    const auto& network = design.var->network;
    const auto c = network.width;
    const std::array<std::int64_t, var_linear_count> outputs = {3 * c, c, network.hidden(), c};
    const auto operands = linear_operands(design);
    std::vector<models::Operator> operators;
    for (std::size_t i = 0; i < var_linear_count; ++i) {
        models::Operator op;
        op.name = var_linear_names[i];
        op.n = outputs[i];
        op.k = operands[i].inputs;
        operators.push_back(std::move(op));
    }
    return operators;
}

VarLayout lay_out_var(const Design& design) {
    const auto& var = *design.var;
    const auto& network = var.network;
    const auto c = network.width;
    const auto& port = design.memory_ports[design.port_of(Stream::weights)];
    const auto operands = linear_operands(design);
    VarLayout layout;

    Allocator weights(region_alignment);
    const auto operators = var_linear_operators(design);
    for (std::size_t engine = 0; engine < linear_engine_count; ++engine) {
        const auto kind = static_cast<LinearEngine>(engine);
        const auto& carrier = design.memory_ports[design.weights_port(kind)];
        Allocator in_block(piece_alignment);
        for (std::size_t i = 0; i < var_linear_count; ++i) {
            const auto outputs = split_of(design, operators[i]).outputs(kind);
            layout.linear[engine][i] =
                in_block.place(stream_bytes(carrier, operands[i].weights, outputs * operands[i].inputs));
        }
        layout.linear_stride[engine] = in_block.end();
        const auto first = weights.place(layout.linear_stride[engine] * network.depth);
        for (auto& address : layout.linear[engine]) address += first;
    }
    const auto plain = [&](std::int64_t elements) {
        return stream_bytes(port, unquantized_weights(), elements);
    };
    layout.adaln_stride = divide_up(plain(6 * c * c), piece_alignment) * piece_alignment;
    layout.adaln = weights.place(layout.adaln_stride * (network.shared_adaln ? 1 : network.depth));
    layout.head_adaln = weights.place(plain(2 * c * c));
    layout.word_embedding = weights.place(plain(c * network.codebook_width));
    layout.head = weights.place(plain(network.codebook * c));
    layout.weights_end = weights.end();

    Allocator state(region_alignment);
    // Both regions may lie in the same channels, behind one port or two.
    const auto& other = design.memory_ports[design.port_of(Stream::state)];
    const auto apart = [&](const MemoryPort& one) {
        return one.memory != other.memory || one.first_channel + one.channels <= other.first_channel ||
               other.first_channel + other.channels <= one.first_channel;
    };
    if (!apart(port) || !apart(design.memory_ports[design.weights_port(LinearEngine::aie)])) {
        state.place(layout.weights_end);
    }
    Allocator in_cache(piece_alignment);
    const auto format = kv_format(var);
    const auto heads = heads_per_tile(design);
    for (std::size_t scale = 0; scale < network.scales.size(); ++scale) {
        for (std::int64_t group = 0; group < head_groups(design); ++group) {
            const auto present = std::min(heads, network.heads - group * heads);
            const auto size = transfer_size(format, cache_piece_elements(var, scale, present));
            // Both parts in whole beats of every channel.
            const auto& carrier = design.memory_ports[design.port_of(Stream::state)];
            const auto beat = carrier.width_bits / 8 * static_cast<std::int64_t>(carrier.channels);
            layout.cache_piece.push_back(in_cache.place(divide_up(size.value_bytes, beat) * beat +
                                                        divide_up(size.scale_bytes, beat) * beat));
        }
    }
    layout.cache_stride = in_cache.end();
    const auto cache = state.place(layout.cache_stride * network.depth);
    for (auto& address : layout.cache_piece) address += cache;
    const auto batch = var.step.batch();
    const auto binary32 = [&](std::int64_t elements) { return 4 * elements; };
    layout.modulation_stride = divide_up(binary32(batch * 6 * c), piece_alignment) * piece_alignment;
    layout.modulation = state.place(layout.modulation_stride * (network.depth + 1));  // and the head's
    layout.vectors_stride =
        divide_up(binary32(block_vector_elements(network)), piece_alignment) * piece_alignment;
    layout.vectors = state.place(layout.vectors_stride * network.depth);
    layout.positions = state.place(binary32(network.tokens() * c));
    const auto rows = batch * network.scale_tokens(network.scales.size() - 1);
    layout.inputs = state.place(binary32(rows * c));
    layout.outputs = state.place(binary32(rows * std::max(c, network.codebook)));
    layout.state_end = state.end();
    return layout;
}

}  // namespace tilewright::accel
