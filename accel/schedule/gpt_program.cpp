// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/gpt_program.hpp"

#include <vector>

#include "accel/schedule/gpt_schedule.hpp"
#include "accel/schedule/schedule.hpp"
#include "accel/schedule/transformer_program.hpp"

namespace tilewright::accel {

namespace {

class GptProgram : private TransformerProgram {
  public:
    GptProgram(const Design& design, const models::OperatorGraph& graph, TileProgram& program)
        : TransformerProgram(design, graph, program, design.gpt->ends),
          gpt_(*design.gpt),
          layout_(lay_out_gpt(design)) {
        std::vector<std::int64_t> rows;
        for (const auto& step : gpt_.work.steps()) rows.push_back(step.rows());
        check_pieces(rows, "take larger slices or tiles, or a shorter prompt");
    }

    void emit() {
        const auto steps = gpt_.work.steps();
        for (std::size_t s = 0; s < steps.size(); ++s) {
            const auto name = gpt_.work.decode ? std::string("decode") : "slice " + std::to_string(s + 1);
            const auto at = "step." + std::to_string(s) + ".";
            input(steps[s], at, name + " input");
            builder_.begin_section(name, gpt_.block.blocks,
                                   transformer_block_operators(gpt_, graph_, at, steps[s].rows()), false);
            GptSchedule(design_, builder_, engines_, layout_, slots_, steps[s]).emit();
            builder_.end_section();
            if (!gpt_.ends) {
                output(steps[s], name + " output");
            } else if (steps[s].head) {
                head(steps[s], at);
            }
        }
    }

  private:
    void input(const models::GptStep& step, const std::string& at, const std::string& name) {
        const auto elements = step.rows() * gpt_.block.width;
        // The step before has ended; otherwise its buffers and this one's would be full at once.
        const std::vector<InstructionRef> before = {{state_dma(), -1}, {engines_.vector, -1}};
        if (!gpt_.ends) {
            begin(name, 1, {});
            transfer(Opcode::load, layout_.embedding, 0, elements, "input", before);
            builder_.end_section();
            return;
        }
        begin(name, 1, {at + "embedding", at + "positions"});
        const auto rows = transfer(Opcode::load, layout_.embedding, 0, elements, "tokens", before);
        const auto positions =
            transfer(Opcode::load, layout_.embedding + 4 * elements, 0, elements, "positions", {});
        const auto embedded = whole(engines_.vector, Opcode::embedding, 0, 1, "embedding", {rows});
        const auto added =
            whole(engines_.vector, Opcode::residual_add, 1, 1, "positions", {embedded, positions});
        builder_.hold(Buffer::activations, 4 * elements, rows, added);
        builder_.hold(Buffer::activations, 4 * elements, positions, added);
        builder_.end_section();
    }

    void output(const models::GptStep& step, const std::string& name) {
        begin(name, 1, {});
        transfer(Opcode::store, layout_.outputs, 0, step.rows() * gpt_.block.width, "output",
                 {{engines_.vector, -1}});
        builder_.end_section();
    }

    void head(const models::GptStep& step, const std::string& at) {
        const auto width = gpt_.block.width;
        const auto rows = step.sequences;
        begin("head", 1, {at + "final_norm", at + "lm_head"});
        const InstructionRef last{engines_.vector, -1};
        const auto vectors = transfer(Opcode::load, layout_.final_norm, 0, 2 * width, "final norm", {});
        const auto normed = whole(engines_.vector, Opcode::norm, 0, 1, "final norm", {vectors, last});
        const auto products = linear(1, "lm_head", layout_.lm_head, 0, false, {normed},
                                     [&](InstructionRef product, std::int64_t n0, std::int64_t n) {
                                         const auto stored =
                                             transfer(Opcode::store, layout_.outputs + 4 * rows * n0, 0,
                                                      rows * n, "logits", {product});
                                         builder_.hold(Buffer::activations, 4 * rows * n, product, stored);
                                         return stored;
                                     });
        builder_.hold(Buffer::activations, 4 * rows * width, normed, products.second);
        builder_.hold(Buffer::state, 4 * 2 * width, vectors, normed);  // as the blocks' vectors
        builder_.end_section();
    }

    const GptDesign& gpt_;
    GptLayout layout_;
};

}  // namespace

TileProgram build_gpt_program(const Design& design, const models::OperatorGraph& graph) {
    TileProgram program;
    GptProgram(design, graph, program).emit();
    return program;
}

}  // namespace tilewright::accel
