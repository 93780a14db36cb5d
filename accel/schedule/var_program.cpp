// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/var_program.hpp"

#include "accel/schedule/transformer_program.hpp"
#include "accel/schedule/var_schedule.hpp"

namespace tilewright::accel {

namespace {

class VarProgram : private TransformerProgram {
  public:
    VarProgram(const Design& design, const models::OperatorGraph& graph, TileProgram& program)
        : TransformerProgram(design, graph, program, design.var->adaln || design.var->ends),
          var_(*design.var),
          layout_(lay_out_var(design)) {
        std::vector<std::int64_t> rows;
        for (std::size_t scale = 0; scale < var_.network.scales.size(); ++scale) {
            rows.push_back(var_.step.batch() * var_.network.scale_tokens(scale));
        }
        check_pieces(rows, "take larger tiles, or fewer images");
    }

    void emit() {
        if (var_.adaln) {
            conditions();
            adaln();
        }
        for (std::size_t scale = 0; scale < var_.network.scales.size(); ++scale) {
            const auto name = "scale " + std::to_string(scale + 1);
            input(scale, name + " input");
            const auto rows = var_.step.batch() * var_.network.scale_tokens(scale);
            builder_.begin_section(
                name, var_.network.depth,
                transformer_block_operators(var_, graph_, "scale." + std::to_string(scale) + ".", rows),
                false);
            VarSchedule(design_, builder_, engines_, layout_, slots_, scale).emit();
            builder_.end_section();
            output(scale, name + (var_.ends ? " head" : " output"));
        }
    }

  private:
    void conditions();
    void adaln();
    InstructionRef load_biases(std::uint32_t op_index, std::int64_t address);
    std::pair<InstructionRef, InstructionRef> biased_linear(std::uint32_t op_index, const char* label,
                                                            std::int64_t address, InstructionRef biases,
                                                            std::vector<InstructionRef> data,
                                                            const EachTile& each = {});
    void input(std::size_t scale, const std::string& name);
    void output(std::size_t scale, const std::string& name);

    const VarDesign& var_;
    VarLayout layout_;
};

// Of an unquantized linear layer, when the attention unit is done with those before.
InstructionRef VarProgram::load_biases(std::uint32_t op_index, std::int64_t address) {
    return transfer(Opcode::load, address, 0, builder_.operators()[op_index].n, "biases", {},
                    {{engines_.attention, -1}});
}

std::pair<InstructionRef, InstructionRef> VarProgram::biased_linear(std::uint32_t op_index, const char* label,
                                                                    std::int64_t address,
                                                                    InstructionRef biases,
                                                                    std::vector<InstructionRef> data,
                                                                    const EachTile& each) {
    data.push_back(biases);
    const auto products = linear(op_index, label, address, 0, false, data, each);
    builder_.hold(Buffer::activations, 4 * builder_.operators()[op_index].n, biases, products.second);
    return products;
}

// AdaLN of all blocks and of the head, from the class alone.
void VarProgram::conditions() {
    const auto width = var_.network.width;
    const auto batch = var_.step.batch();
    const auto head_modulation = layout_.modulation + layout_.modulation_stride * var_.network.depth;
    std::vector<std::string> operators = {"class_emb", "ada_lin.0"};
    if (var_.ends) operators.emplace_back("head_nm.ada_lin.1");
    if (var_.network.shared_adaln) operators.emplace_back("shared_ada_lin.1");
    begin("condition", 1, operators);
    const auto loaded = transfer(Opcode::load, layout_.classes, 0, batch * width, "class", {});
    const auto embedded = whole(engines_.vector, Opcode::embedding, 0, 1, "class", {loaded});
    const auto activated = whole(engines_.vector, Opcode::activation, 1, 1, "silu", {embedded});
    auto last = activated;
    if (var_.ends) {
        const auto biases = load_biases(2, layout_.head_adaln_bias);
        const auto made = biased_linear(2, "head adaln", layout_.head_adaln, biases, {activated});
        const auto stored =
            transfer(Opcode::store, head_modulation, 0, batch * 2 * width, "modulation", {made.second});
        builder_.hold(Buffer::activations, 4 * batch * 2 * width, made.first, stored);
        last = made.second;
    }
    if (var_.network.shared_adaln) {
        const auto index = static_cast<std::uint32_t>(var_.ends ? 3 : 2);
        const auto biases =
            load_biases(index, layout_.adaln_bias + layout_.adaln_bias_stride * var_.network.depth);
        const auto made = biased_linear(index, "adaln", layout_.adaln, biases, {activated});
        builder_.hold(Buffer::activations, 4 * batch * 6 * width, made.first, made.second);
        last = made.second;
    }
    builder_.hold(Buffer::activations, 4 * batch * width, loaded, last);
    builder_.end_section();
}

// The six vectors of every block.
void VarProgram::adaln() {
    const auto width = var_.network.width;
    const auto batch = var_.step.batch();
    const bool shared = var_.network.shared_adaln;
    begin("adaln", var_.network.depth, {shared ? "blocks.0.ada_gss" : "blocks.0.ada_lin.1"});
    // Biases, or what a block adds to the vectors that all share, when those before are not needed any more.
    const InstructionRef made_before{shared ? engines_.vector : engines_.attention, -1};
    const auto biases = transfer(Opcode::load, layout_.adaln_bias, layout_.adaln_bias_stride, 6 * width,
                                 "biases", {}, {made_before});
    std::pair<InstructionRef, InstructionRef> made;
    if (shared) {
        made.first = made.second =
            whole(engines_.vector, Opcode::residual_add, 0, 1, "adaln", {biases, {engines_.attention, -1}});
    } else {
        made = linear(0, "adaln", layout_.adaln, layout_.adaln_stride, true, {{engines_.vector, -1}, biases});
    }
    // And what the section before has left: the activated condition, or the vectors that all blocks share.
    const auto left = batch * (shared ? 6 * width : width);
    builder_.hold(Buffer::activations, 4 * (6 * width + left), biases, made.second);
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
    InstructionRef made{};
    InstructionRef first{};
    std::uint32_t positions = 1;
    if (scale == 0) {
        begin(name, 1, {at + "pos_start", at + "positions"});
        const auto classes =
            transfer(Opcode::load, layout_.classes, 0, var_.step.batch() * width, "class", {before});
        const auto start = transfer(Opcode::load, layout_.start, 0, tokens * width, "start", {});
        first = made = whole(engines_.vector, Opcode::residual_add, 0, 1, "start", {classes, start});
        builder_.hold(Buffer::activations, 4 * (var_.step.batch() + tokens) * width, classes, made);
    } else {
        begin(name, 1, {at + "next_input", at + "word_embed", at + "positions"});
        const auto inputs = rows * var_.network.codebook_width;
        const auto loaded = transfer(Opcode::load, layout_.inputs, 0, inputs, "input", {before});
        const auto embedded = whole(engines_.vector, Opcode::embedding, 0, 1, "input", {loaded});
        const auto biases = load_biases(1, layout_.word_bias);
        const auto products = biased_linear(1, "word embedding", layout_.word_embedding, biases, {embedded});
        builder_.hold(Buffer::activations, 4 * inputs, loaded, products.second);
        first = products.first;
        made = products.second;
        positions = 2;
    }
    const auto embeddings =
        transfer(Opcode::load, layout_.positions[scale], 0, tokens * width, "positions", {made});
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
    // Behind what waits for the last block, whose feed-forward part needs the room.
    const auto biases = load_biases(2, layout_.head_bias);
    const auto normed = whole(engines_.vector, Opcode::norm, 0, 2, "head norm", {modulation, last});
    const auto store = [&](InstructionRef product, std::int64_t n0, std::int64_t n) {
        const auto stored =
            transfer(Opcode::store, layout_.outputs + 4 * rows * n0, 0, rows * n, "logits", {product});
        builder_.hold(Buffer::activations, 4 * rows * n, product, stored);
        return stored;
    };
    const auto products = biased_linear(2, "head", layout_.head, biases, {normed}, store);
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
