// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/mamba2_schedule.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

const models::Operator& find_operator(const std::vector<models::Operator>& operators,
                                      const std::string& name) {
    const auto found = std::find_if(operators.begin(), operators.end(), [&](const auto& op) {
        return op.name.size() >= name.size() &&
               op.name.compare(op.name.size() - name.size(), name.size(), name) == 0;
    });
    if (found == operators.end()) throw std::logic_error("the graph has no operator " + name);
    return *found;
}

}  // namespace

Mamba2Schedule::Mamba2Schedule(const Design& design, ProgramBuilder& builder, const EngineIndices& engines,
                               const Mamba2BlockLayout& layout,
                               const std::array<std::int64_t, linear_engine_count>& weight_slots,
                               std::int64_t state_slots)
    : design_(design),
      builder_(builder),
      engines_(engines),
      layout_(layout),
      operators_(builder.operators()),
      weights_(design, builder, engines.linear, engines.dma, weight_slots),
      in_proj_split_(split_of(design, find_operator(builder.operators(), "mixer.in_proj"))),
      out_proj_split_(split_of(design, find_operator(builder.operators(), "mixer.out_proj"))),
      state_slots_(state_slots),
      state_loads_(static_cast<std::size_t>(channel_groups(design))),
      state_users_(static_cast<std::size_t>(channel_groups(design))),
      state_stores_(static_cast<std::size_t>(channel_groups(design))) {}

Instruction Mamba2Schedule::work(Opcode opcode, std::uint32_t first, std::uint8_t count,
                                 std::uint16_t label) {
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.operator_first = first;
    instruction.operator_count = count;
    instruction.label = label;
    return instruction;
}

std::uint32_t Mamba2Schedule::operator_index(const std::string& name) const {
    return static_cast<std::uint32_t>(&find_operator(operators_, name) - operators_.data());
}

InstructionRef Mamba2Schedule::vector_work(Opcode opcode, const char* op, std::uint8_t ops, std::int64_t n0,
                                           std::int64_t n, const std::vector<InstructionRef>& data,
                                           const char* label, const ReadyTokens* tokens) {
    auto instruction = work(opcode, operator_index(op), ops, builder_.label(label));
    instruction.m0 = static_cast<std::uint32_t>(m0_ + (tokens == nullptr ? 0 : tokens->begin));
    instruction.m = static_cast<std::uint32_t>(tokens == nullptr ? tokens_ : tokens->size);
    instruction.n0 = static_cast<std::uint32_t>(n0);
    instruction.n = static_cast<std::uint32_t>(n);
    instruction.k = 1;
    return builder_.emit(engines_.vector, instruction, data);
}

InstructionRef Mamba2Schedule::transfer(Opcode opcode, Traffic traffic, Stream stream, std::int64_t address,
                                        std::int64_t stride, std::int64_t elements,
                                        const models::Quantization& quantization,
                                        const std::vector<InstructionRef>& data, const char* label) {
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.traffic = traffic;
    instruction.label = builder_.label(label);
    instruction.address = address;
    instruction.address_stride = stride;
    instruction.value_bytes = divide_up(models::value_bits(quantization, elements), 8);
    instruction.scale_bytes = divide_up(models::scale_bits(quantization, elements), 8);
    return builder_.emit(engines_.dma[design_.port_of(stream)], instruction, data);
}

template <typename Done>
void Mamba2Schedule::matmul(const char* name, const LinearSplit& split, const std::vector<OutputRun>& runs,
                            const std::vector<ReadyTokens>& inputs, Done done) {
    const auto& op = find_operator(operators_, name);
    const auto& tile = design_.mapping.tile;
    const auto rows = std::min(tile.outputs, op.n);
    const auto columns = std::min(tile.inputs.value_or(op.k), op.k);
    const auto& order = design_.mapping.loop_order;
    const bool k_outside_n = order.find('k') < order.find('n');
    const bool m_outermost = order[0] == 'm';
    const auto m_tile = m_outermost ? tokens_ : std::min(tile.tokens.value_or(tokens_), tokens_);
    auto instruction = work(Opcode::matmul, operator_index(name), 1, 0);
    const auto label_prefix = std::string(name).substr(std::string(name).find('.') + 1);
    std::array<bool, linear_engine_count> begun{};

    // One weight tile, applied to all tokens of the pass.
    const auto weight_tile = [&](std::int64_t n, std::int64_t n_size, std::int64_t k) {
        const auto k_size = std::min(columns, op.k - k);
        const auto engine = split.engine_of(n);
        const auto loaded = weights_[engine].require(n_size * k_size, instruction.label);
        std::vector<InstructionRef> data;
        // Later tiles come after this one on the same engine.
        const bool first = !std::exchange(begun[static_cast<std::size_t>(engine)], true);
        const auto step = first ? std::min(m_tile, inputs.front().size) : m_tile;
        auto input = inputs.begin();
        instruction.n0 = static_cast<std::uint32_t>(n);
        instruction.n = static_cast<std::uint32_t>(n_size);
        instruction.k0 = static_cast<std::uint32_t>(k);
        instruction.k = static_cast<std::uint32_t>(k_size);
        InstructionRef ref;
        for (std::int64_t m = 0; m < tokens_; m += step) {
            const auto end = std::min(m + step, tokens_);
            instruction.m0 = static_cast<std::uint32_t>(m0_ + m);
            instruction.m = static_cast<std::uint32_t>(end - m);
            for (; first && input != inputs.end() && input->begin < end; ++input)
                data.push_back(input->ready);
            if (m == 0) data.push_back(loaded);
            ref = builder_.emit(engines_.linear[engine], instruction, data);
            data.clear();
        }
        weights_[engine].used_by(ref);
        return ref;
    };
    const auto run_tiles = [&](const OutputRun& run, std::int64_t k_begin, std::int64_t k_end) {
        std::vector<InstructionRef> last;  // of each engine
        instruction.label =
            builder_.label(run.segment.empty() ? label_prefix : label_prefix + " " + run.segment);
        const auto begin = segment_begin(op, run.segment) + run.begin;
        for (auto n = begin; n < begin + run.size; n += rows) {
            const auto n_size = std::min(rows, begin + run.size - n);
            for (auto k = k_begin; k < k_end; k += columns) {
                const auto ref = weight_tile(n, n_size, k);
                std::erase_if(last, [&](const auto& other) { return other.engine == ref.engine; });
                last.push_back(ref);
            }
        }
        return last;
    };
    if (!k_outside_n) {
        for (const auto& run : runs) done(run, run_tiles(run, 0, op.k));
        return;
    }
    for (std::int64_t k = 0; k < op.k; k += columns) {
        for (const auto& run : runs) {
            const auto refs = run_tiles(run, k, std::min(k + columns, op.k));
            if (k + columns >= op.k) done(run, refs);
        }
    }
}

InstructionRef Mamba2Schedule::end_of(const LinearSplit& split) const {
    // Every product of a shared layer was awaited by the vector unit.
    if (split.shared()) return builder_.last(engines_.vector);
    return builder_.last(
        engines_.linear[split.outputs(LinearEngine::aie) > 0 ? LinearEngine::aie : LinearEngine::pl]);
}

void Mamba2Schedule::emit() {
    const auto total = design_.workload.tokens;
    const bool m_outermost = design_.mapping.loop_order[0] == 'm';
    const auto pass_tokens =
        m_outermost ? std::min(design_.mapping.tile.tokens.value_or(total), total) : total;
    for (std::int64_t m0 = 0; m0 < total; m0 += pass_tokens) {
        emit_pass(m0, std::min(pass_tokens, total - m0), m0 == 0, m0 + pass_tokens >= total);
    }
    weights_.close(true);
    reuse_state_slots();
}

void Mamba2Schedule::emit_pass(std::int64_t m0, std::int64_t tokens, bool first, bool last) {
    m0_ = m0;
    tokens_ = tokens;
    first_pass_ = first;
    last_pass_ = last;
    const auto& in_proj = find_operator(operators_, "mixer.in_proj");
    const auto& out_proj = find_operator(operators_, "mixer.out_proj");
    for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
        const auto weights =
            in_proj_split_.outputs(engine) * in_proj.k + out_proj_split_.outputs(engine) * out_proj.k;
        if (weights == 0) continue;
        const auto index = static_cast<std::size_t>(engine);
        weights_[engine].begin_pass(
            {design_.recipe.weights, weights, layout_.weights[index], layout_.weights_stride[index], !first});
    }
    const bool early = design_.mapping.operator_order != OperatorOrder::naive;
    if (first && early) {
        load_convolution();
        if (design_.mapping.state_transfer == StateTransfer::per_layer)
            load_state(0, channel_groups(design_));
    }
    norm_and_in_proj();
    gated_norm_and_out_proj();
    if (last) {
        const auto elements = convolution_elements(design_);
        const auto store = transfer(Opcode::store, Traffic::convolution_state, Stream::convolution,
                                    layout_.convolution_state, layout_.convolution_state_stride, elements,
                                    design_.recipe.convolution, {convolved_}, "conv state out");
        // Weights and state of the convolution stay until the updated state has been written back.
        for (const auto& load : convolution_loads_) {
            builder_.hold(Buffer::activations, convolution_bytes(design_), load, store);
        }
        convolution_loads_.clear();
        flush_stores(0);
    }
}

std::vector<Mamba2Schedule::ReadyTokens> Mamba2Schedule::token_pieces() const {
    const auto size = std::min(tokens_handed_on(design_), tokens_);
    std::vector<ReadyTokens> pieces;
    for (std::int64_t begin = 0; begin < tokens_; begin += size) {
        pieces.push_back({begin, std::min(size, tokens_ - begin), {}});
    }
    return pieces;
}

void Mamba2Schedule::norm_and_in_proj() {
    const auto d_model = design_.network.d_model;
    auto pieces = token_pieces();
    for (auto& piece : pieces) {
        piece.ready = vector_work(Opcode::norm, "0.norm", 1, 0, d_model, {}, "norm", &piece);
    }
    const auto norm = pieces.front().ready;
    block_input_ = norm;
    const auto runs = in_proj_order(design_);
    runs_left_ = static_cast<std::int64_t>(runs.size());
    // Where two engines share the layer, either may be the first.
    first_in_proj_ = norm;
    if (!in_proj_split_.shared()) {
        const auto first = end_of(in_proj_split_);
        first_in_proj_ = {first.engine, first.index + 1};
    }
    matmul("mixer.in_proj", in_proj_split_, runs, pieces,
           [&](const OutputRun& run, const auto& products) { on_outputs(run, products); });
    builder_.hold(Buffer::activations, models::stored_bytes(design_.recipe.activations, tokens_ * d_model),
                  norm, end_of(in_proj_split_));
}

void Mamba2Schedule::on_outputs(const OutputRun& run, const std::vector<InstructionRef>& products) {
    --runs_left_;
    if (design_.mapping.operator_order == OperatorOrder::naive) {
        if (runs_left_ == 0) run_ssm_for_all();
        return;
    }
    const auto inner = design_.network.d_inner();
    const auto shared = design_.network.groups * design_.network.d_state;
    auto data = products;
    if (run.segment == "dt") {
        const auto dt =
            vector_work(Opcode::softplus, "dt.softplus", 1, run.begin, run.size, data, "softplus dt");
        auto instruction =
            work(Opcode::discretize, operator_index("ssm.discretize"), 1, builder_.label("discretize"));
        instruction.m0 = static_cast<std::uint32_t>(m0_);
        instruction.m = static_cast<std::uint32_t>(tokens_);
        instruction.n0 = static_cast<std::uint32_t>(run.begin);
        instruction.n = static_cast<std::uint32_t>(run.size);
        instruction.k = static_cast<std::uint32_t>(design_.network.d_state);
        // dt B needs B, which the reordered list makes after dt: then the SSM engine takes it up when B is
        // there.
        discretized_ = {engines_.ssm, -1};
        if (design_.mapping.operator_order == OperatorOrder::released_rtl) {
            discretized_ = builder_.emit(engines_.ssm, instruction, {dt, b_c_ready_});
        } else {
            late_discretize_ = instruction;
        }
        return;
    }
    if (first_pass_) data.insert(data.end(), convolution_loads_.begin(), convolution_loads_.end());
    if (run.segment == "B") {
        convolved_ = vector_work(Opcode::convolution, "mixer.conv1d", 2, inner, shared, data, "conv B");
    } else if (run.segment == "C") {
        convolved_ =
            vector_work(Opcode::convolution, "mixer.conv1d", 2, inner + shared, shared, data, "conv C");
        b_c_ready_ = convolved_;
        if (late_discretize_) {
            discretized_ = builder_.emit(engines_.ssm, *late_discretize_, {b_c_ready_});
            late_discretize_.reset();
        }
    } else if (run.segment == "x") {
        const auto group = run.begin / group_channels(design_);
        if (first_pass_ && design_.mapping.state_transfer == StateTransfer::per_group) load_state(group, 1);
        convolved_ = vector_work(Opcode::convolution, "mixer.conv1d", 2, run.begin, run.size, data, "conv x");
        ssm_group(run.begin, run.size);
    } else {
        gate_group(run.begin, run.size, products);
    }
}

void Mamba2Schedule::gated_norm_and_out_proj() {
    const auto inner = design_.network.d_inner();
    const auto d_model = design_.network.d_model;
    const auto last_gate = builder_.last(engines_.vector);
    // in_proj's outputs are kept until the gates have used them.
    builder_.hold(
        Buffer::activations,
        models::stored_bytes(design_.recipe.convolution, tokens_ * design_.network.in_proj_outputs()),
        first_in_proj_, last_gate);
    auto pieces = token_pieces();
    for (auto& piece : pieces) {
        piece.ready = vector_work(Opcode::norm, "mixer.norm", 1, 0, inner, {}, "gated norm", &piece);
    }
    const auto normed = pieces.front().ready;
    for (auto& piece : pieces) {
        if (!design_.recipe.online_hadamard) break;
        auto instruction =
            work(Opcode::hadamard, operator_index("mixer.hadamard"), 1, builder_.label("hadamard"));
        instruction.m0 = static_cast<std::uint32_t>(m0_ + piece.begin);
        instruction.m = static_cast<std::uint32_t>(piece.size);
        instruction.n = static_cast<std::uint32_t>(inner);
        instruction.k = 1;
        piece.ready = builder_.emit(engines_.hadamard, instruction, {piece.ready});
    }
    matmul("mixer.out_proj", out_proj_split_, out_proj_order(design_), pieces,
           [&](const OutputRun& run, const auto& products) {
               vector_work(Opcode::residual_add, "residual", 1, run.begin, run.size, products, "residual");
           });
    builder_.hold(Buffer::activations, models::stored_bytes(design_.recipe.activations, tokens_ * inner),
                  normed, end_of(out_proj_split_));
    builder_.hold(Buffer::activations, divide_up(tokens_ * d_model * design_.recipe.residual.bits, 8),
                  block_input_, builder_.last(engines_.vector));
}

}  // namespace tilewright::accel
