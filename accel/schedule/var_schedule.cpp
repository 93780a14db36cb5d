// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/var_schedule.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

std::size_t index(std::int64_t i) {
    return static_cast<std::size_t>(i);
}

constexpr const char* linear_labels[] = {"qkv", "proj", "fc1", "fc2"};

}  // namespace

VarSchedule::VarSchedule(const Design& design, ProgramBuilder& builder, const VarEngineIndices& engines,
                         const VarLayout& layout,
                         const std::array<std::int64_t, linear_engine_count>& weight_slots, std::size_t scale)
    : design_(design),
      var_(*design.var),
      builder_(builder),
      engines_(engines),
      layout_(layout),
      operands_(linear_operands(design)),
      weights_(design, builder, engines.linear, engines.dma, weight_slots),
      scale_(scale),
      tokens_(var_.network.scale_tokens(scale)),
      batch_(var_.step.batch()),
      width_(var_.network.width),
      dim_(var_.network.head_dim()),
      seen_(var_.network.tokens_until(scale + 1)) {
    const auto& operators = builder.operators();
    for (std::size_t i = 0; i < operators.size(); ++i) {
        operator_index_[short_name(operators[i].name)] = static_cast<std::uint32_t>(i);
    }
    const auto rows = batch_ * tokens_;
    for (std::int64_t row = 0; row < rows; row += var_.tile_tokens) {
        chunks_.push_back({row, std::min(var_.tile_tokens, rows - row)});
    }
    for (auto& ready : input_ready_) ready.resize(chunks_.size());
    for (const auto& op : var_linear_operators(design)) splits_.push_back(split_of(design, op));
    const auto columns = heads_per_tile(design) * dim_;
    projection_streams_ =
        streams_columns(proj_linear, columns) && streams_columns(proj_linear, width_ % columns);
}

InstructionRef VarSchedule::emit(std::uint16_t engine, const Work& work, std::vector<InstructionRef> data,
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
    if (in_matrix_unit && !var_.pipeline.matrix && matrix_chain_) data.push_back(*matrix_chain_);
    const auto ref = builder_.emit(engine, instruction, data, space);
    if (in_matrix_unit) matrix_chain_ = ref;
    return ref;
}

InstructionRef VarSchedule::transfer(Opcode opcode, Traffic traffic, std::int64_t address,
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

void VarSchedule::begin_operator() {
    if (var_.pipeline.operators) return;
    barrier_ = engines_.linear.last(builder_);
    for (const auto engine :
         {engines_.quantizer, engines_.hadamard, engines_.attention, engines_.softmax, engines_.vector}) {
        barrier_.push_back(builder_.last(engine));
    }
    std::size_t engines = 0;
    for (const auto& ref : barrier_) engines = std::max<std::size_t>(engines, ref.engine);
    barrier_passed_.assign(engines + 1, false);
}

// AdaLN's six vectors of every image, biases and query factors.
void VarSchedule::load_vectors() {
    // They were written before the blocks began.
    const InstructionRef before{engines_.dma[design_.port_of(Stream::state)], -1};
    // Those of the next block come while this one's feed-forward part still needs its own, no earlier.
    const InstructionRef attention_before{engines_.attention, -1};
    first_vectors_load_ =
        transfer(Opcode::load, Traffic::activations, layout_.modulation, layout_.modulation_stride,
                 transfer_size(unquantized_activations(), batch_ * 6 * width_), {before}, {attention_before},
                 "modulation");
    last_vectors_load_ = transfer(
        Opcode::load, Traffic::activations, layout_.vectors, layout_.vectors_stride,
        transfer_size(unquantized_activations(), block_vector_elements(var_.network)), {}, {}, "biases");
}

void VarSchedule::norm(const char* operator_name, const char* label, VarLinear linear, std::size_t first,
                       std::size_t end) {
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
        if (var_.pipeline.operators && c >= first + 2) space.push_back(ready[c - 2]);
        normed.push_back(emit(
            engines_.vector, {Opcode::norm, operator_name, 2, chunks_[c], 0, width_, 1, label}, data, space));
        if (c == 0 && residual_ready_.empty()) first_norm_ = normed.front();
        if (var_.pipeline.operators) make_input(c);
    }
    if (var_.pipeline.operators) return;
    begin_operator();
    for (auto c = first; c < end; ++c) make_input(c);
}

InstructionRef VarSchedule::prepare(VarLinear linear, std::size_t chunk, std::int64_t n0, std::int64_t n,
                                    InstructionRef source, std::int64_t source_bytes) {
    const std::string name = var_linear_names[linear];
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

bool VarSchedule::streams_columns(VarLinear linear, std::int64_t columns) const {
    if (!var_.pipeline.operators) return false;
    const auto& layer = operands_[linear];
    const auto unit = std::lcm(std::max<std::int64_t>(layer.activations.group_size, 1),
                               std::max<std::int64_t>(layer.rotation_block, 1));
    return columns % unit == 0;
}

void VarSchedule::begin_linear(VarLinear linear, bool again) {
    const auto& layer = operands_[linear];
    for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
        const auto outputs = splits_[linear].outputs(engine);
        if (outputs == 0) continue;
        const auto index = static_cast<std::size_t>(engine);
        weights_[engine].begin_pass({layer.weights, outputs * layer.inputs, layout_.linear[index][linear],
                                     layout_.linear_stride[index], again});
    }
    last_products_.clear();
}

void VarSchedule::tile(VarLinear linear, std::int64_t n0, std::int64_t n, std::size_t first, std::size_t end,
                       const std::vector<InstructionRef>& space, const EachProduct& each) {
    const auto inputs = operands_[linear].inputs;
    const auto* label = linear_labels[linear];
    const auto kind = splits_[linear].engine_of(n0);
    const auto engine = engines_.linear[kind];
    const auto loaded = weights_[kind].require(n * inputs, builder_.label(label));
    InstructionRef product{};
    for (auto c = first; c < end; ++c) {
        product =
            emit(engine, {Opcode::matmul, var_linear_names[linear], 1, chunks_[c], n0, n, inputs, label},
                 {loaded, input_ready_[linear][c]}, space);
        each(c, product);
    }
    weights_[kind].used_by(product);
    std::erase_if(last_products_, [&](const auto& ref) { return ref.engine == engine; });
    last_products_.push_back(product);
}

void VarSchedule::release_input(VarLinear linear, std::size_t first, std::size_t end, bool users) {
    const auto rows = chunks_[end - 1].begin + chunks_[end - 1].size - chunks_[first].begin;
    const auto& layer = operands_[linear];
    const auto scales = models::scale_bits(layer.activations, layer.inputs) * (layer.dual ? 2 : 1);
    const auto bits = models::value_bits(layer.activations, layer.inputs) + scales;
    const auto end_of_use =
        users && last_products_.size() > 1 ? builder_.last(engines_.vector) : join(builder_, last_products_);
    builder_.hold(Buffer::activations, divide_up(rows * bits, 8), *first_input_[linear], end_of_use);
    first_input_[linear].reset();
}

void VarSchedule::linear_into_residual(VarLinear linear, const char* gamma, std::size_t first,
                                       std::size_t end) {
    residual_ready_.resize(chunks_.size());
    std::deque<InstructionRef> additions;
    struct Product {
        std::size_t chunk;
        std::int64_t n0;
        std::int64_t n;
        InstructionRef ref;
    };
    const auto add = [&](const Product& product) {
        const auto& rows = chunks_[product.chunk];
        residual_ready_[product.chunk] =
            emit(engines_.vector,
                 {Opcode::residual_add, gamma, 2, rows, product.n0, product.n, 1, "residual"}, {product.ref});
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
            if (var_.pipeline.operators) {
                add({c, n0, n, ref});
            } else {
                products.push_back({c, n0, n, ref});
            }
        });
    }
    release_input(linear, first, end, var_.pipeline.operators);
    if (var_.pipeline.operators) return;
    begin_operator();
    for (const auto& product : products) add(product);
}

void VarSchedule::feed_forward(std::size_t first, std::size_t end, bool again) {
    norm("ffn.norm", "ffn norm", fc1_linear, first, end);
    const auto hidden = var_.network.hidden();
    const auto tile_outputs = design_.mapping.tile.outputs;
    const bool streams =
        streams_columns(fc2_linear, tile_outputs) && streams_columns(fc2_linear, hidden % tile_outputs);
    struct Product {
        std::size_t chunk;
        std::int64_t n0;
        std::int64_t n;
        InstructionRef ref;
    };
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
            if (!var_.pipeline.operators) {
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
    release_input(fc1_linear, first, end, var_.pipeline.operators);
    if (!var_.pipeline.operators) {
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
    linear_into_residual(fc2_linear, "ffn.gamma", first, end);
}

void VarSchedule::emit() {
    load_vectors();
    attention();
    projection();
    const auto rows_at_once = var_.feed_forward_rows.value_or(batch_ * tokens_);
    const auto chunks_at_once = index(divide_up(rows_at_once, var_.tile_tokens));
    for (std::size_t first = 0; first < chunks_.size(); first += chunks_at_once) {
        feed_forward(first, std::min(first + chunks_at_once, chunks_.size()), first > 0);
    }
    const auto last = builder_.last(engines_.vector);
    builder_.hold(Buffer::activations, 4 * batch_ * tokens_ * width_, first_norm_, last);
    builder_.hold(Buffer::state, 4 * batch_ * 6 * width_, first_vectors_load_, last);
    builder_.hold(Buffer::state, 4 * block_vector_elements(var_.network), last_vectors_load_, last);
    weights_.close(true);
}

}  // namespace tilewright::accel
