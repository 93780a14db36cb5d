// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/mamba2_schedule.hpp"

#include <algorithm>
#include <span>
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
      runs_ahead_(runs_ahead(design)),
      state_loads_(static_cast<std::size_t>(channel_groups(design))),
      state_stores_(static_cast<std::size_t>(channel_groups(design))),
      stored_later_(static_cast<std::size_t>(channel_groups(design)), false) {}

Instruction Mamba2Schedule::work(Opcode opcode, std::uint32_t first, std::uint8_t count, const char* label,
                                 Tokens tokens) const {
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.operator_first = first;
    instruction.operator_count = count;
    instruction.label = builder_.label(label);
    instruction.m0 = static_cast<std::uint32_t>(tokens.begin);
    instruction.m = static_cast<std::uint32_t>(tokens.size);
    instruction.k = 1;
    return instruction;
}

std::uint32_t Mamba2Schedule::operator_index(const std::string& name) const {
    return static_cast<std::uint32_t>(&find_operator(operators_, name) - operators_.data());
}

InstructionRef Mamba2Schedule::vector_work(Opcode opcode, const char* op, std::uint8_t ops, Tokens tokens,
                                           std::int64_t n0, std::int64_t n,
                                           const std::vector<InstructionRef>& data, const char* label) {
    auto instruction = work(opcode, operator_index(op), ops, label, tokens);
    instruction.n0 = static_cast<std::uint32_t>(n0);
    instruction.n = static_cast<std::uint32_t>(n);
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
void Mamba2Schedule::matmul(const char* name, const LinearSplit& split, std::span<const OutputRun> runs,
                            LinearInputs& inputs, Done done) {
    const auto& op = find_operator(operators_, name);
    const auto& tile = design_.mapping.tile;
    const auto rows = std::min(tile.outputs, op.n);
    const auto columns = std::min(tile.inputs.value_or(op.k), op.k);
    const auto& order = design_.mapping.loop_order;
    const bool k_outside_n = order.find('k') < order.find('n');
    const auto tokens = inputs.tokens;
    const auto m_tile =
        order[0] == 'm' ? tokens.size : std::min(tile.tokens.value_or(tokens.size), tokens.size);
    const auto layer = std::string(name).substr(std::string(name).find('.') + 1);
    const auto label_of = [&](const OutputRun& run) {
        return run.segment.empty() ? layer : layer + " " + run.segment;
    };
    auto instruction = work(Opcode::matmul, operator_index(name), 1, label_of(runs.front()).c_str(), tokens);

    // One weight tile, applied to all tokens of the pass.
    const auto weight_tile = [&](std::int64_t n, std::int64_t n_size, std::int64_t k) {
        const auto k_size = std::min(columns, op.k - k);
        const auto engine = split.engine_of(n);
        const auto loaded = weights_[engine].require(n_size * k_size, instruction.label);
        std::vector<InstructionRef> data;
        // Later tiles come after this one on the same engine.
        const bool first = !std::exchange(inputs.taken_up[static_cast<std::size_t>(engine)], true);
        const auto step = first ? std::min(m_tile, inputs.pieces.front().tokens.size) : m_tile;
        auto input = inputs.pieces.begin();
        instruction.n0 = static_cast<std::uint32_t>(n);
        instruction.n = static_cast<std::uint32_t>(n_size);
        instruction.k0 = static_cast<std::uint32_t>(k);
        instruction.k = static_cast<std::uint32_t>(k_size);
        InstructionRef ref;
        for (auto m = tokens.begin; m < tokens.end(); m += step) {
            const auto end = std::min(m + step, tokens.end());
            instruction.m0 = static_cast<std::uint32_t>(m);
            instruction.m = static_cast<std::uint32_t>(end - m);
            for (; first && input != inputs.pieces.end() && input->tokens.begin < end; ++input)
                data.push_back(input->ready);
            if (m == tokens.begin) data.push_back(loaded);
            ref = builder_.emit(engines_.linear[engine], instruction, data);
            data.clear();
        }
        weights_[engine].used_by(ref);
        return ref;
    };
    const auto run_tiles = [&](const OutputRun& run, std::int64_t k_begin, std::int64_t k_end) {
        std::vector<InstructionRef> last;  // of each engine
        instruction.label = builder_.label(label_of(run));
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

InstructionRef Mamba2Schedule::last_product(const LinearSplit& split) const {
    return builder_.last(
        engines_.linear[split.outputs(LinearEngine::aie) > 0 ? LinearEngine::aie : LinearEngine::pl]);
}

Mamba2Schedule::LinearInputs Mamba2Schedule::in_pieces(Tokens tokens) const {
    LinearInputs inputs;
    inputs.tokens = tokens;
    for (const auto& piece : token_pieces(design_, tokens)) inputs.pieces.push_back({piece, {}});
    return inputs;
}

void Mamba2Schedule::begin_weights(WeightPiece piece, bool first_pass) {
    for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
        const auto index = static_cast<std::size_t>(engine);
        const auto& [begin, weights] = layout_.weights[index][piece];
        if (weights == 0) continue;
        weights_[engine].begin_pass(
            {design_.recipe.weights, weights, begin, layout_.weights_stride[index], !first_pass});
    }
}

Mamba2Schedule::LinearInputs Mamba2Schedule::begin_pass(TokenPass& pass) {
    load_residual(pass);
    auto inputs = in_pieces(pass.tokens);
    auto load = pass.residual.begin();
    for (auto& piece : inputs.pieces) {
        std::vector<InstructionRef> data;
        if (load != pass.residual.end()) data.push_back(*load++);
        piece.ready =
            vector_work(Opcode::norm, "0.norm", 1, piece.tokens, 0, design_.network.d_model, data, "norm");
    }
    pass.norm = inputs.pieces.front().ready;
    return inputs;
}

void Mamba2Schedule::in_proj(TokenPass& pass, LinearInputs& inputs, WeightPiece piece,
                             std::span<const OutputRun> runs) {
    if (runs.empty()) return;
    begin_weights(piece, pass.first);
    // Where two engines share the layer, either may be the first.
    auto first = pass.norm;
    if (!in_proj_split_.shared()) {
        const auto before = last_product(in_proj_split_);
        first = {before.engine, before.index + 1};
    }
    std::int64_t outputs = 0;
    for (const auto& run : runs) outputs += run.size;
    pass.made.push_back({first, outputs});
    const auto third = std::max(runs.size() / 3, std::size_t{1});
    std::size_t made = 0;
    matmul("mixer.in_proj", in_proj_split_, runs, inputs, [&](const OutputRun& run, const auto& products) {
        on_outputs(pass, run, products);
        if (piece == in_proj_rest && ++made % third == 0) move_residual(1);
    });
    // The naive order has one thing to do, when all is made.
    if (design_.mapping.operator_order == OperatorOrder::naive) run_ssm_for_all(pass);
    if (piece == in_proj_rest && !in_proj_split_.shared()) hold_norm(pass, last_product(in_proj_split_));
}

void Mamba2Schedule::hold_norm(const TokenPass& pass, InstructionRef last_user) {
    const auto elements = pass.tokens.size * design_.network.d_model;
    builder_.hold(Buffer::activations, models::stored_bytes(design_.recipe.activations, elements), pass.norm,
                  last_user);
}

void Mamba2Schedule::on_outputs(const TokenPass& pass, const OutputRun& run,
                                const std::vector<InstructionRef>& products) {
    if (design_.mapping.operator_order == OperatorOrder::naive) return;
    const auto inner = design_.network.d_inner();
    const auto shared = design_.network.groups * design_.network.d_state;
    auto data = products;
    const auto convolve = [&](std::int64_t n0, std::int64_t n, const char* label) {
        convolved_ = vector_work(Opcode::convolution, "mixer.conv1d", 2, pass.tokens, n0, n, data, label);
    };
    if (run.segment == "dt") {
        const auto dt = vector_work(Opcode::softplus, "dt.softplus", 1, pass.tokens, run.begin, run.size,
                                    data, "softplus dt");
        auto instruction =
            work(Opcode::discretize, operator_index("ssm.discretize"), 1, "discretize", pass.tokens);
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
    if (pass.first) data.insert(data.end(), convolution_loads_.begin(), convolution_loads_.end());
    if (run.segment == "B") {
        convolve(inner, shared, "conv B");
    } else if (run.segment == "C") {
        convolve(inner + shared, shared, "conv C");
        b_c_ready_ = convolved_;
        if (late_discretize_) {
            discretized_ = builder_.emit(engines_.ssm, *late_discretize_, {b_c_ready_});
            late_discretize_.reset();
        }
    } else if (run.segment == "x") {
        if (pass.first && design_.mapping.state_transfer == StateTransfer::per_group) {
            load_state(run.begin / group_channels(design_), 1);
        }
        convolve(run.begin, run.size, "conv x");
        ssm_group(pass, run.begin, run.size);
    } else {
        waiting_gates_.push_back({pass.tokens, run.begin, run.size, ssm_done_, products});
        open_gates(static_cast<std::size_t>(design_.mapping.groups_ahead));
    }
}

void Mamba2Schedule::finish_pass(const TokenPass& pass) {
    const auto inner = design_.network.d_inner();
    const auto last_gate = builder_.last(engines_.vector);
    if (in_proj_split_.shared()) hold_norm(pass, last_gate);
    // in_proj's outputs are kept until the gates have used them.
    for (const auto& [first, outputs] : pass.made) {
        builder_.hold(Buffer::activations,
                      models::stored_bytes(design_.recipe.convolution, pass.tokens.size * outputs), first,
                      last_gate);
    }
    auto inputs = in_pieces(pass.tokens);
    for (auto& piece : inputs.pieces) {
        piece.ready = vector_work(Opcode::norm, "mixer.norm", 1, piece.tokens, 0, inner, {}, "gated norm");
    }
    const auto normed = inputs.pieces.front().ready;
    for (auto& piece : inputs.pieces) {
        if (!design_.recipe.online_hadamard) break;
        auto instruction =
            work(Opcode::hadamard, operator_index("mixer.hadamard"), 1, "hadamard", piece.tokens);
        instruction.n = static_cast<std::uint32_t>(inner);
        piece.ready = builder_.emit(engines_.hadamard, instruction, {piece.ready});
    }
    begin_weights(out_proj_piece, pass.first);
    matmul("mixer.out_proj", out_proj_split_, out_proj_order(design_), inputs,
           [&](const OutputRun& run, const auto& products) {
               vector_work(Opcode::residual_add, "residual", 1, pass.tokens, run.begin, run.size, products,
                           "residual");
           });
    // The residual has taken up all that shared engines make.
    const auto added = builder_.last(engines_.vector);
    builder_.hold(Buffer::activations,
                  models::stored_bytes(design_.recipe.activations, pass.tokens.size * inner), normed,
                  out_proj_split_.shared() ? added : last_product(out_proj_split_));
}

void Mamba2Schedule::store_convolution() {
    const auto store =
        transfer(Opcode::store, Traffic::convolution_state, Stream::convolution, layout_.convolution_state,
                 layout_.convolution_state_stride, convolution_elements(design_), design_.recipe.convolution,
                 {convolved_}, "conv state out");
    // Weights and state of the convolution stay until the updated state has been written back.
    for (const auto& load : convolution_loads_) {
        builder_.hold(Buffer::activations, convolution_bytes(design_), load, store);
    }
    convolution_loads_.clear();
}

}  // namespace tilewright::accel
