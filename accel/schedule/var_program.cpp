// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/var_program.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "accel/schedule/schedule.hpp"
#include "accel/schedule/var_schedule.hpp"

namespace tilewright::accel {

namespace {

// Weight tiles that must fit the weight buffer at once, by engine, in bursts of the largest kind. The
// attention unit's come as the matrix unit's do.
std::array<std::int64_t, linear_engine_count> weight_slots(const Design& design) {
    const auto& var = *design.var;
    std::vector<WeightNeed> needs;
    const auto consider = [&](LinearEngine engine, const models::Quantization& format, std::int64_t inputs) {
        needs.push_back({engine, format, design.mapping.tile.outputs * inputs});
    };
    const auto operators = var_linear_operators(design);
    const auto layers = linear_operands(design);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto split = split_of(design, operators[i]);
        for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
            if (split.outputs(engine) > 0) consider(engine, layers[i].weights, layers[i].inputs);
        }
    }
    if (var.adaln || var.ends) consider(LinearEngine::pl, unquantized_weights(), var.network.width);
    return weight_buffer_slots(design, needs);
}

void check_memory(const Design& design, const VarLayout& layout) {
    const auto check = [&](Stream stream, std::int64_t end) {
        const auto index = design.port_of(stream);
        const auto& port = design.memory_ports[index];
        const auto available =
            design.device.memories.at(port.memory).dram.organization.channel_bytes * port.channels;
        if (end <= available) return;
        throw MappingError("/memory_ports/" + std::to_string(index),
                           "the network needs " + std::to_string(end) +
                               " bytes of memory but the port reaches " + std::to_string(available),
                           "a smaller network or format, or more channels");
    };
    check(Stream::weights, layout.weights_end);
    check(Stream::state, layout.state_end);
}

class VarProgram {
  public:
    VarProgram(const Design& design, const models::OperatorGraph& graph, TileProgram& program)
        : design_(design),
          var_(*design.var),
          graph_(graph),
          builder_(program),
          engines_(add_var_engines(design, program)),
          layout_(lay_out_var(design)),
          slots_(weight_slots(design)) {
        check_memory(design, layout_);
    }

    void emit() {
        if (var_.adaln) conditions();
        for (std::size_t scale = 0; scale < var_.network.scales.size(); ++scale) {
            const auto name = "scale " + std::to_string(scale + 1);
            input(scale, name + " input");
            builder_.begin_section(name, var_.network.depth, var_block_operators(var_, graph_, scale), false);
            VarSchedule(design_, builder_, engines_, layout_, slots_, scale).emit();
            builder_.end_section();
            output(scale, name + (var_.ends ? " head" : " output"));
        }
    }

  private:
    std::uint16_t state_dma() const { return engines_.dma[design_.port_of(Stream::state)]; }

    // Opens a section with the operators of these names.
    void begin(const std::string& name, std::int64_t repeat, const std::vector<std::string>& operators) {
        std::vector<models::Operator> found;
        for (const auto& wanted : operators) {
            const auto at = std::find_if(graph_.operators.begin(), graph_.operators.end(),
                                         [&](const auto& op) { return op.name == wanted; });
            if (at != graph_.operators.end()) found.push_back(*at);
        }
        builder_.begin_section(name, repeat, std::move(found), false);
    }

    // The whole of `count` operators from the one at `first`, or columns [n0, n0 + n) of it.
    InstructionRef whole(std::uint16_t engine, Opcode opcode, std::uint32_t first, std::uint8_t count,
                         const char* label, const std::vector<InstructionRef>& data, std::int64_t n0 = 0,
                         std::int64_t n = 0, const std::vector<InstructionRef>& space = {}) {
        const auto& op = builder_.operators()[first];
        Instruction instruction;
        instruction.opcode = opcode;
        instruction.operator_first = first;
        instruction.operator_count = count;
        instruction.label = builder_.label(label);
        instruction.m = static_cast<std::uint32_t>(op.m);
        instruction.n0 = static_cast<std::uint32_t>(n0);
        instruction.n = static_cast<std::uint32_t>(n > 0 ? n : op.n);
        instruction.k = static_cast<std::uint32_t>(op.k);
        return builder_.emit(engine, instruction, data, space);
    }

    InstructionRef transfer(Opcode opcode, std::int64_t address, std::int64_t stride, std::int64_t elements,
                            const char* label, const std::vector<InstructionRef>& data) {
        Instruction instruction;
        instruction.opcode = opcode;
        instruction.traffic = Traffic::activations;
        instruction.label = builder_.label(label);
        instruction.address = address;
        instruction.address_stride = stride;
        instruction.value_bytes = 4 * elements;
        return builder_.emit(state_dma(), instruction, data);
    }

    // An unquantized linear layer on the attention unit, tile after tile. `each` is told of every product;
    // where it returns who frees the product's space, the second tile behind waits for it. Returns the first
    // and the last product.
    using EachTile =
        std::function<std::optional<InstructionRef>(InstructionRef product, std::int64_t n0, std::int64_t n)>;
    std::pair<InstructionRef, InstructionRef> linear(std::uint32_t op_index, const char* label,
                                                     std::int64_t address, std::int64_t stride, bool repeated,
                                                     const std::vector<InstructionRef>& data,
                                                     const EachTile& each = {}) {
        const auto op = builder_.operators()[op_index];
        const auto port = design_.port_of(Stream::weights);
        WeightStream weights(design_.memory_ports[port], design_.mapping.double_buffer, builder_,
                             engines_.dma[port], engines_.attention,
                             slots_[static_cast<std::size_t>(LinearEngine::pl)]);
        weights.begin_pass({unquantized_weights(), op.n * op.k, address, stride});
        std::pair<InstructionRef, InstructionRef> products;
        std::deque<InstructionRef> freed;
        for (std::int64_t n0 = 0; n0 < op.n; n0 += design_.mapping.tile.outputs) {
            const auto n = std::min(design_.mapping.tile.outputs, op.n - n0);
            auto waits = data;
            waits.push_back(weights.require(n * op.k, builder_.label(label)));
            std::vector<InstructionRef> space;
            if (freed.size() == 2) space.push_back(freed.front());
            products.second =
                whole(engines_.attention, Opcode::matmul, op_index, 1, label, waits, n0, n, space);
            if (n0 == 0) products.first = products.second;
            weights.used_by(products.second);
            if (!each) continue;
            if (const auto user = each(products.second, n0, n)) freed.push_back(*user);
            if (freed.size() > 2) freed.pop_front();
        }
        weights.close(repeated);
        return products;
    }

    void conditions();
    void input(std::size_t scale, const std::string& name);
    void output(std::size_t scale, const std::string& name);

    const Design& design_;
    const VarDesign& var_;
    const models::OperatorGraph& graph_;
    ProgramBuilder builder_;
    VarEngineIndices engines_;
    VarLayout layout_;
    std::array<std::int64_t, linear_engine_count> slots_;
};

// AdaLN of all blocks and of the head, from the class alone.
void VarProgram::conditions() {
    const auto width = var_.network.width;
    const auto batch = var_.step.batch();
    const auto head_modulation = layout_.modulation + layout_.modulation_stride * var_.network.depth;
    std::vector<std::string> operators = {"class_emb", "ada_lin.0"};
    if (var_.ends) operators.emplace_back("head_nm.ada_lin.1");
    if (var_.network.shared_adaln) operators.emplace_back("shared_ada_lin.1");
    begin("condition", 1, operators);
    const auto loaded = transfer(Opcode::load, layout_.inputs, 0, batch * width, "class", {});
    const auto embedded = whole(engines_.vector, Opcode::embedding, 0, 1, "class", {loaded});
    const auto activated = whole(engines_.vector, Opcode::activation, 1, 1, "silu", {embedded});
    auto last = activated;
    if (var_.ends) {
        const auto made = linear(2, "head adaln", layout_.head_adaln, 0, false, {activated});
        const auto stored =
            transfer(Opcode::store, head_modulation, 0, batch * 2 * width, "modulation", {made.second});
        builder_.hold(Buffer::activations, 4 * batch * 2 * width, made.first, stored);
        last = made.second;
    }
    if (var_.network.shared_adaln) {
        const auto index = static_cast<std::uint32_t>(var_.ends ? 3 : 2);
        last = linear(index, "adaln", layout_.adaln, 0, false, {activated}).second;
    }
    builder_.hold(Buffer::activations, 4 * batch * width, loaded, last);
    builder_.end_section();

    const bool shared = var_.network.shared_adaln;
    begin("adaln", var_.network.depth, {shared ? "blocks.0.ada_gss" : "blocks.0.ada_lin.1"});
    std::pair<InstructionRef, InstructionRef> made;
    if (shared) {
        const auto offsets =
            transfer(Opcode::load, layout_.vectors, layout_.vectors_stride, 6 * width, "adaln", {});
        made.first = made.second =
            whole(engines_.vector, Opcode::residual_add, 0, 1, "adaln", {offsets, {engines_.attention, -1}});
        builder_.hold(Buffer::activations, 4 * 6 * width, offsets, made.second);
    } else {
        made = linear(0, "adaln", layout_.adaln, layout_.adaln_stride, true, {{engines_.vector, -1}});
    }
    const auto stored = transfer(Opcode::store, layout_.modulation, layout_.modulation_stride,
                                 batch * 6 * width, "modulation", {made.second});
    builder_.hold(Buffer::activations, 4 * batch * 6 * width, made.first, stored);
    builder_.end_section();
}

void VarProgram::input(std::size_t scale, const std::string& name) {
    const auto width = var_.network.width;
    const auto tokens = var_.network.scale_tokens(scale);
    const auto rows = var_.step.batch() * tokens;
    const auto at = "scale." + std::to_string(scale) + ".";
    // What the scale before has put out.
    const InstructionRef before{state_dma(), -1};
    if (!var_.ends) {
        begin(name, 1, {});
        transfer(Opcode::load, layout_.inputs, 0, rows * width, "input", {before});
        builder_.end_section();
        return;
    }
    InstructionRef made{engines_.vector, -1};  // the condition, of the first scale
    InstructionRef first{};
    std::uint32_t positions = 1;
    if (scale == 0) {
        begin(name, 1, {at + "pos_start", at + "positions"});
        first = made = whole(engines_.vector, Opcode::residual_add, 0, 1, "start", {made});
    } else {
        begin(name, 1, {at + "next_input", at + "word_embed", at + "positions"});
        const auto inputs = rows * var_.network.codebook_width;
        const auto loaded = transfer(Opcode::load, layout_.inputs, 0, inputs, "input", {before});
        const auto embedded = whole(engines_.vector, Opcode::embedding, 0, 1, "input", {loaded});
        const auto products = linear(1, "word embedding", layout_.word_embedding, 0, false, {embedded});
        builder_.hold(Buffer::activations, 4 * inputs, loaded, products.second);
        first = products.first;
        made = products.second;
        positions = 2;
    }
    const auto offset = 4 * var_.network.tokens_until(scale) * width;
    const auto embeddings =
        transfer(Opcode::load, layout_.positions + offset, 0, tokens * width, "positions", {made});
    const auto added =
        whole(engines_.vector, Opcode::residual_add, positions, 1, "positions", {made, embeddings});
    builder_.hold(Buffer::activations, 4 * tokens * width, embeddings, added);
    builder_.hold(Buffer::activations, 4 * rows * width, first, added);
    builder_.end_section();
}

void VarProgram::output(std::size_t scale, const std::string& name) {
    const auto width = var_.network.width;
    const auto rows = var_.step.batch() * var_.network.scale_tokens(scale);
    const auto at = "scale." + std::to_string(scale) + ".";
    const InstructionRef last{engines_.vector, -1};
    if (!var_.ends) {
        begin(name, 1, {});
        transfer(Opcode::store, layout_.outputs, 0, rows * width, "output", {last});
        builder_.end_section();
        return;
    }
    begin(name, 1, {at + "head_nm.norm", at + "head_nm.modulate", at + "head"});
    const auto head_modulation = layout_.modulation + layout_.modulation_stride * var_.network.depth;
    const auto modulation =
        transfer(Opcode::load, head_modulation, 0, var_.step.batch() * 2 * width, "modulation", {last});
    const auto normed = whole(engines_.vector, Opcode::norm, 0, 2, "head norm", {modulation, last});
    const auto products = linear(2, "head", layout_.head, 0, false, {normed},
                                 [&](InstructionRef product, std::int64_t n0, std::int64_t n) {
                                     const auto stored =
                                         transfer(Opcode::store, layout_.outputs + 4 * rows * n0, 0, rows * n,
                                                  "logits", {product});
                                     builder_.hold(Buffer::activations, 4 * rows * n, product, stored);
                                     return stored;
                                 });
    builder_.hold(Buffer::activations, 4 * rows * width, normed, products.second);
    builder_.hold(Buffer::activations, 4 * var_.step.batch() * 2 * width, modulation, normed);
    builder_.end_section();
}

}  // namespace

TileProgram build_var_program(const Design& design, const models::OperatorGraph& graph) {
    TileProgram program;
    VarProgram(design, graph, program).emit();
    return program;
}

}  // namespace tilewright::accel
