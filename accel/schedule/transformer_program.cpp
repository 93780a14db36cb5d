// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/transformer_program.hpp"

#include <algorithm>
#include <deque>

#include "accel/schedule/schedule.hpp"
#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

// Weight tiles that must fit the weight buffer at once, by engine, in bursts of the largest kind. The
// attention unit's come as the matrix unit's do.
std::array<std::int64_t, linear_engine_count> weight_slots(const Design& design, bool unquantized) {
    std::vector<WeightNeed> needs;
    const auto consider = [&](LinearEngine engine, const models::Quantization& format, std::int64_t inputs) {
        needs.push_back({engine, format, design.mapping.tile.outputs * inputs});
    };
    const auto operators = transformer_linear_operators(design);
    const auto layers = linear_operands(design);
    for (std::size_t i = 0; i < layers.size(); ++i) {
        const auto split = split_of(design, operators[i]);
        for (const auto engine : {LinearEngine::pl, LinearEngine::aie}) {
            if (split.outputs(engine) > 0) consider(engine, layers[i].weights, layers[i].inputs);
        }
    }
    if (unquantized) {
        // Of the word embedding of VAR they may be wider than the network.
        const auto maps = design.var ? design.var->network.codebook_width : 0;
        consider(LinearEngine::pl, unquantized_weights(), std::max(design.transformer()->block.width, maps));
    }
    return weight_buffer_slots(design, needs);
}

}  // namespace

TransformerProgram::TransformerProgram(const Design& design, const models::OperatorGraph& graph,
                                       TileProgram& program, bool unquantized)
    : design_(design),
      graph_(graph),
      builder_(program),
      engines_(add_transformer_engines(design, program)),
      slots_(weight_slots(design, unquantized)) {}

void TransformerProgram::check_pieces(const std::vector<std::int64_t>& rows,
                                      const std::string& advice) const {
    std::int64_t tiles = head_groups(design_);
    for (const auto& op : transformer_linear_operators(design_)) {
        tiles += static_cast<std::int64_t>(output_tiles(design_, op).size());
    }
    std::int64_t count = 0;
    for (const auto some : rows) count += tiles * divide_up(some, design_.transformer()->tile_tokens);
    constexpr std::int64_t most = 500'000;
    if (count <= most) return;
    throw MappingError("/mapping/tile",
                       "the tiles cut the blocks of all steps into " + std::to_string(count) + " pieces",
                       "at most " + std::to_string(most) + "; " + advice);
}

void TransformerProgram::begin(const std::string& name, std::int64_t repeat,
                               const std::vector<std::string>& operators) {
    std::vector<models::Operator> found;
    for (const auto& wanted : operators) {
        const auto at = std::find_if(graph_.operators.begin(), graph_.operators.end(),
                                     [&](const auto& op) { return op.name == wanted; });
        if (at != graph_.operators.end()) found.push_back(*at);
    }
    builder_.begin_section(name, repeat, std::move(found), false);
}

InstructionRef TransformerProgram::whole(std::uint16_t engine, Opcode opcode, std::uint32_t first,
                                         std::uint8_t count, const char* label,
                                         const std::vector<InstructionRef>& data, std::int64_t n0,
                                         std::int64_t n, const std::vector<InstructionRef>& space) {
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

InstructionRef TransformerProgram::transfer(Opcode opcode, std::int64_t address, std::int64_t stride,
                                            std::int64_t elements, const char* label,
                                            const std::vector<InstructionRef>& data,
                                            const std::vector<InstructionRef>& space) {
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.traffic = Traffic::activations;
    instruction.label = builder_.label(label);
    instruction.address = address;
    instruction.address_stride = stride;
    instruction.value_bytes = 4 * elements;
    return builder_.emit(state_dma(), instruction, data, space);
}

std::pair<InstructionRef, InstructionRef> TransformerProgram::linear(std::uint32_t op_index,
                                                                     const char* label, std::int64_t address,
                                                                     std::int64_t stride, bool repeated,
                                                                     const std::vector<InstructionRef>& data,
                                                                     const EachTile& each) {
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
        products.second = whole(engines_.attention, Opcode::matmul, op_index, 1, label, waits, n0, n, space);
        if (n0 == 0) products.first = products.second;
        weights.used_by(products.second);
        if (!each) continue;
        if (const auto user = each(products.second, n0, n)) freed.push_back(*user);
        if (freed.size() > 2) freed.pop_front();
    }
    weights.close(repeated);
    return products;
}

}  // namespace tilewright::accel
