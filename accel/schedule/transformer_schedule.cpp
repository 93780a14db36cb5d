// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/transformer_schedule.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "memory/integer_math.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

using models::index;

}  // namespace

TransformerSchedule::TransformerSchedule(const Design& design, ProgramBuilder& builder,
                                         const TransformerEngines& engines, const LinearLayout& layout,
                                         const std::array<std::int64_t, linear_engine_count>& weight_slots,
                                         std::int64_t rows, const BlockOperators& operators)
    : design_(design),
      transformer_(*design.transformer()),
      block_(transformer_.block),
      builder_(builder),
      engines_(engines),
      linear_layout_(layout),
      operands_(linear_operands(design)),
      block_operators_(operators),
      weights_(design, builder, engines.linear, engines.dma, weight_slots),
      width_(block_.width),
      dim_(block_.head_dim),
      rows_(rows) {
    const auto& present = builder.operators();
    for (std::size_t i = 0; i < present.size(); ++i) {
        operator_index_[short_name(present[i].name)] = static_cast<std::uint32_t>(i);
    }
    for (std::int64_t row = 0; row < rows; row += transformer_.tile_tokens) {
        chunks_.push_back({row, std::min(transformer_.tile_tokens, rows - row)});
    }
    for (auto& ready : input_ready_) ready.resize(chunks_.size());
    for (const auto& op : transformer_linear_operators(design)) splits_.push_back(split_of(design, op));
    const auto columns = heads_per_tile(design) * dim_;
    projection_streams_ =
        streams_columns(proj_linear, columns) && streams_columns(proj_linear, block_.heads * dim_ % columns);
}

InstructionRef TransformerSchedule::emit(std::uint16_t engine, const Work& work,
                                         std::vector<InstructionRef> data,
                                         const std::vector<InstructionRef>& space) {
    Instruction instruction;
    instruction.opcode = work.opcode;
    instruction.operator_first = operator_index_.at(work.operator_name);
    instruction.operator_count = work.operators;
    instruction.label = builder_.label(work.label);
    instruction.m0 = static_cast<std::uint32_t>(work.rows.begin);
    instruction.m = static_cast<std::uint32_t>(work.rows.size);
    instruction.n0 = static_cast<std::uint32_t>(work.n0);
    instruction.n = static_cast<std::uint32_t>(work.n);
    instruction.k = static_cast<std::uint32_t>(work.k);
    if (!barrier_.empty() && !barrier_passed_[engine]) {
        data.insert(data.end(), barrier_.begin(), barrier_.end());
        barrier_passed_[engine] = true;
    }
    const auto& linear = engines_.linear.indices;
    const bool in_matrix_unit = std::find(linear.begin(), linear.end(), engine) != linear.end() ||
                                engine == engines_.quantizer || engine == engines_.hadamard;
    if (in_matrix_unit && !transformer_.pipeline.matrix && matrix_chain_) data.push_back(*matrix_chain_);
    const auto ref = builder_.emit(engine, instruction, data, space);
    if (in_matrix_unit) matrix_chain_ = ref;
    return ref;
}

InstructionRef TransformerSchedule::transfer(Opcode opcode, Traffic traffic, std::int64_t address,
                                             std::int64_t stride, TransferSize size,
                                             const std::vector<InstructionRef>& data,
                                             const std::vector<InstructionRef>& space, const char* label) {
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.traffic = traffic;
    instruction.label = builder_.label(label);
    instruction.address = address;
    instruction.address_stride = stride;
    instruction.value_bytes = size.value_bytes;
    instruction.scale_bytes = size.scale_bytes;
    return builder_.emit(engines_.dma[design_.port_of(Stream::state)], instruction, data, space);
}

void TransformerSchedule::begin_operator() {
    if (transformer_.pipeline.operators) return;
    barrier_ = engines_.linear.last(builder_);
    for (const auto engine :
         {engines_.quantizer, engines_.hadamard, engines_.attention, engines_.softmax, engines_.vector}) {
        barrier_.push_back(builder_.last(engine));
    }
    std::size_t engines = 0;
    for (const auto& ref : barrier_) engines = std::max<std::size_t>(engines, ref.engine);
    barrier_passed_.assign(engines + 1, false);
}

void TransformerSchedule::norm(const char* operator_name, const char* label, TransformerLinear linear,
                               std::size_t first, std::size_t end) {
    begin_operator();
    auto& ready = input_ready_[linear];
    std::vector<InstructionRef> normed;
    const auto bytes = [&](std::size_t c) { return rows_bytes(chunks_[c], width_); };
    const auto make_input = [&](std::size_t c) {
        ready[c] = prepare(linear, c, 0, width_, normed[c - first], bytes(c));
    };
    for (auto c = first; c < end; ++c) {
        std::vector<InstructionRef> data = {last_vectors_load_};
        if (residual_ready_.empty()) {
            // The block before this one, or the section that made the scale's input.
            data.push_back({engines_.vector, -1});
            data.push_back({engines_.dma[design_.port_of(Stream::state)], -1});
        } else {
            data.push_back(residual_ready_[c]);
        }
        std::vector<InstructionRef> space;
        if (transformer_.pipeline.operators && c >= first + 2) space.push_back(ready[c - 2]);
        normed.push_back(
            emit(engines_.vector,
                 {Opcode::norm, operator_name, block_operators_.norm, chunks_[c], 0, width_, 1, label}, data,
                 space));
        if (c == 0 && residual_ready_.empty()) first_norm_ = normed.front();
        if (transformer_.pipeline.operators) make_input(c);
    }
    if (transformer_.pipeline.operators) return;
    begin_operator();
    for (auto c = first; c < end; ++c) make_input(c);
}

InstructionRef TransformerSchedule::prepare(TransformerLinear linear, std::size_t chunk, std::int64_t n0,
                                            std::int64_t n, InstructionRef source,
                                            std::int64_t source_bytes) {
    const std::string name = transformer_linear_names[linear];
    auto ready = source;
    const auto& rows = chunks_[chunk];
    if (operands_[linear].rotation_block > 0) {
        std::vector<InstructionRef> space;
        if (roundings_.size() == 2) space.push_back(roundings_.front());
        ready = emit(engines_.hadamard,
                     {Opcode::hadamard, name + ".hadamard", 1, rows, n0, n, operands_[linear].rotation_block,
                      "hadamard"},
                     {ready}, space);
        if (source_bytes > 0) builder_.hold(Buffer::activations, source_bytes, source, ready);
        source = ready;
        source_bytes = rows_bytes(rows, n);
    }
    ready = emit(engines_.quantizer, {Opcode::quantize, name + ".quantize", 1, rows, n0, n, 1, "quantize"},
                 {ready});
    if (source_bytes > 0) builder_.hold(Buffer::activations, source_bytes, source, ready);
    if (!first_input_[linear]) first_input_[linear] = ready;
    roundings_.push_back(ready);
    if (roundings_.size() > 2) roundings_.pop_front();
    return ready;
}

bool TransformerSchedule::streams_columns(TransformerLinear linear, std::int64_t columns) const {
    if (!transformer_.pipeline.operators) return false;
    const auto& layer = operands_[linear];
    const auto unit = std::lcm(std::max<std::int64_t>(layer.activations.group_size, 1),
                               std::max<std::int64_t>(layer.rotation_block, 1));
    return columns % unit == 0;
}

void TransformerSchedule::begin_linear(TransformerLinear linear, bool again) {
    const auto& layer = operands_[linear];
    for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
        const auto outputs = splits_[linear].outputs(engine);
        if (outputs == 0) continue;
        const auto index = static_cast<std::size_t>(engine);
        weights_[engine].begin_pass({layer.weights, outputs * layer.inputs,
                                     linear_layout_.linear[index][linear],
                                     linear_layout_.linear_stride[index], again});
    }
    last_products_.clear();
}

void TransformerSchedule::tile(TransformerLinear linear, std::int64_t n0, std::int64_t n, std::size_t first,
                               std::size_t end, const std::vector<InstructionRef>& space,
                               const EachProduct& each) {
    const auto inputs = operands_[linear].inputs;
    const auto* label = transformer_layer_names[linear];
    const auto kind = splits_[linear].engine_of(n0);
    const auto engine = engines_.linear[kind];
    const auto loaded = weights_[kind].require(n * inputs, builder_.label(label));
    InstructionRef product{};
    for (auto c = first; c < end; ++c) {
        product = emit(
            engine, {Opcode::matmul, transformer_linear_names[linear], 1, chunks_[c], n0, n, inputs, label},
            {loaded, input_ready_[linear][c]}, space);
        each(c, product);
    }
    weights_[kind].used_by(product);
    std::erase_if(last_products_, [&](const auto& ref) { return ref.engine == engine; });
    last_products_.push_back(product);
}

void TransformerSchedule::release_input(TransformerLinear linear, std::size_t first, std::size_t end,
                                        bool users) {
    const auto rows = chunks_[end - 1].begin + chunks_[end - 1].size - chunks_[first].begin;
    const auto& layer = operands_[linear];
    const auto scales = models::scale_bits(layer.activations, layer.inputs) * (layer.dual ? 2 : 1);
    const auto bits = models::value_bits(layer.activations, layer.inputs) + scales;
    const auto end_of_use =
        users && last_products_.size() > 1 ? builder_.last(engines_.vector) : join(builder_, last_products_);
    builder_.hold(Buffer::activations, divide_up(rows * bits, 8), *first_input_[linear], end_of_use);
    first_input_[linear].reset();
}

void TransformerSchedule::linear_into_residual(TransformerLinear linear, const char* addition,
                                               std::size_t first, std::size_t end) {
    residual_ready_.resize(chunks_.size());
    std::deque<InstructionRef> additions;
    const auto add = [&](const Product& product) {
        const auto& rows = chunks_[product.chunk];
        residual_ready_[product.chunk] = emit(engines_.vector,
                                              {Opcode::residual_add, addition, block_operators_.residual,
                                               rows, product.n0, product.n, 1, "residual"},
                                              {product.ref});
        builder_.hold(Buffer::activations, rows_bytes(rows, product.n), product.ref,
                      residual_ready_[product.chunk]);
        additions.push_back(residual_ready_[product.chunk]);
    };
    std::vector<Product> products;
    const auto tile_outputs = design_.mapping.tile.outputs;
    for (std::int64_t n0 = 0; n0 < width_; n0 += tile_outputs) {
        const auto n = std::min(tile_outputs, width_ - n0);
        // A tile of all chunks waits until the additions of the tile before the last have used theirs.
        std::vector<InstructionRef> space;
        const auto count = end - first;
        if (additions.size() >= 2 * count) space.push_back(additions[additions.size() - count - 1]);
        tile(linear, n0, n, first, end, space, [&](std::size_t c, InstructionRef ref) {
            if (transformer_.pipeline.operators) {
                add({c, n0, n, ref});
            } else {
                products.push_back({c, n0, n, ref});
            }
        });
    }
    release_input(linear, first, end, transformer_.pipeline.operators);
    if (transformer_.pipeline.operators) return;
    begin_operator();
    for (const auto& product : products) add(product);
}

void TransformerSchedule::feed_forward_part(std::size_t first, std::size_t end, bool again) {
    norm("ffn.norm", "ffn norm", fc1_linear, first, end);
    const auto hidden = block_.hidden;
    const auto tile_outputs = design_.mapping.tile.outputs;
    const bool streams =
        streams_columns(fc2_linear, tile_outputs) && streams_columns(fc2_linear, hidden % tile_outputs);
    std::vector<Product> products;
    std::vector<InstructionRef> activated(chunks_.size());
    const auto activate = [&](const Product& product) {
        activated[product.chunk] = emit(
            engines_.vector,
            {Opcode::activation, "ffn.gelu", 1, chunks_[product.chunk], product.n0, product.n, 1, "gelu"},
            {product.ref});
    };
    // Roundings follow one product later, so that the matrix unit has its next product first.
    struct Waiting {
        Product product;
        InstructionRef activated;
    };
    std::deque<Waiting> waiting;
    std::vector<InstructionRef> rounded;
    auto& fc2_ready = input_ready_[fc2_linear];
    const auto round_next = [&] {
        const auto [product, source] = waiting.front();
        waiting.pop_front();
        fc2_ready[product.chunk] = prepare(fc2_linear, product.chunk, product.n0, product.n, source, 0);
        builder_.hold(Buffer::activations, rows_bytes(chunks_[product.chunk], product.n), product.ref,
                      fc2_ready[product.chunk]);
        rounded.push_back(fc2_ready[product.chunk]);
    };
    std::optional<InstructionRef> first_product;
    begin_linear(fc1_linear, again);
    for (std::int64_t n0 = 0; n0 < hidden; n0 += tile_outputs) {
        const auto n = std::min(tile_outputs, hidden - n0);
        std::vector<InstructionRef> space;
        const auto count = end - first;
        if (streams && rounded.size() >= 2 * count) space.push_back(rounded[rounded.size() - count]);
        tile(fc1_linear, n0, n, first, end, space, [&](std::size_t c, InstructionRef ref) {
            if (!first_product) first_product = ref;
            const Product product{c, n0, n, ref};
            if (!transformer_.pipeline.operators) {
                products.push_back(product);
                return;
            }
            activate(product);
            if (!streams) return;
            waiting.push_back({product, activated[c]});
            if (waiting.size() > 1) round_next();
        });
    }
    while (!waiting.empty()) round_next();
    release_input(fc1_linear, first, end, transformer_.pipeline.operators);
    if (!transformer_.pipeline.operators) {
        begin_operator();
        for (const auto& product : products) activate(product);
    }
    if (!streams) {
        begin_operator();
        for (auto c = first; c < end; ++c) fc2_ready[c] = prepare(fc2_linear, c, 0, hidden, activated[c], 0);
        const auto rows = chunks_[end - 1].begin + chunks_[end - 1].size - chunks_[first].begin;
        builder_.hold(Buffer::activations, 4 * rows * hidden, *first_product, fc2_ready[end - 1]);
    }
    begin_linear(fc2_linear, again);
    linear_into_residual(fc2_linear, block_operators_.feed_forward_residual, first, end);
}

void TransformerSchedule::feed_forward() {
    const auto rows_at_once = transformer_.feed_forward_rows.value_or(rows_);
    const auto chunks_at_once = index(divide_up(rows_at_once, transformer_.tile_tokens));
    for (std::size_t first = 0; first < chunks_.size(); first += chunks_at_once) {
        feed_forward_part(first, std::min(first + chunks_at_once, chunks_.size()), first > 0);
    }
}

}  // namespace tilewright::accel
