// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/var_schedule.hpp"

namespace tilewright::accel {

VarSchedule::VarSchedule(const Design& design, ProgramBuilder& builder, const TransformerEngines& engines,
                         const VarLayout& layout,
                         const std::array<std::int64_t, linear_engine_count>& weight_slots, std::size_t scale)
    : TransformerSchedule(design, builder, engines, layout, weight_slots,
                          design.var->step.batch() * design.var->network.scale_tokens(scale),
                          // Modulation goes with the norm, gamma with the addition.
                          {2, "attn.gamma", "ffn.gamma", 2}),
      var_(*design.var),
      layout_(layout),
      scale_(scale),
      tokens_(var_.network.scale_tokens(scale)),
      batch_(var_.step.batch()),
      seen_(var_.network.tokens_until(scale + 1)) {}

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

void VarSchedule::emit() {
    load_vectors();
    attention();
    projection();
    feed_forward();
    const auto last = builder_.last(engines_.vector);
    builder_.hold(Buffer::activations, 4 * batch_ * tokens_ * width_, first_norm_, last);
    builder_.hold(Buffer::state, 4 * batch_ * 6 * width_, first_vectors_load_, last);
    builder_.hold(Buffer::state, 4 * block_vector_elements(var_.network), last_vectors_load_, last);
    weights_.close(true);
}

}  // namespace tilewright::accel
