// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/super_resolution_schedule.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

namespace {

constexpr std::int64_t factor_bytes = 4;  // of a pixel

}  // namespace

SuperResolutionEngines make_super_resolution_engines(const Design& design, TileProgram& program) {
    SuperResolutionEngines engines;
    engines.dma = add_dma_engines(design, program);
    engines.linear = add_linear_engines(design, program);
    engines.binary = program.add_engine({"binary", EngineKind::binary});
    engines.quantizer = program.add_engine({"quantizer", EngineKind::quantizer});
    engines.vector = program.add_engine({"vector", EngineKind::vector});
    return engines;
}

SuperResolutionSchedule::SuperResolutionSchedule(const Design& design, const models::OperatorGraph& graph,
                                                 TileProgram& program)
    : design_(design),
      own_(*design.super_resolution),
      graph_(graph),
      builder_(program),
      engines_(make_super_resolution_engines(design, program)),
      layout_(lay_out_super_resolution(design)),
      strips_(static_cast<std::size_t>(divide_up(own_.image.height, own_.tile_rows))) {}

SuperResolutionSchedule::Strip SuperResolutionSchedule::strip(std::size_t index, int doublings) const {
    const auto first = static_cast<std::int64_t>(index) * own_.tile_rows;
    const auto rows = std::min(own_.tile_rows, own_.image.height - first);
    const auto pixels = own_.image.width << 2 * doublings;  // of a row of the small image
    return {first * pixels, rows * pixels};
}

std::uint32_t SuperResolutionSchedule::add_operator(const std::string& name) {
    const auto found = std::find_if(graph_.operators.begin(), graph_.operators.end(),
                                    [&](const auto& op) { return op.name == name; });
    if (found == graph_.operators.end()) throw std::logic_error("the graph has no operator " + name);
    operators_.push_back(*found);
    return static_cast<std::uint32_t>(operators_.size() - 1);
}

std::uint32_t SuperResolutionSchedule::add_quantize(const std::string& name, std::int64_t pixels,
                                                    std::int64_t channels) {
    models::Operator op;
    op.name = name + ".quantize";
    op.kind = models::OperatorKind::quantize;
    op.m = pixels;
    op.n = channels;
    operators_.push_back(std::move(op));
    return static_cast<std::uint32_t>(operators_.size() - 1);
}

void SuperResolutionSchedule::begin(const std::string& name, std::int64_t repeat) {
    builder_.begin_section(name, repeat, std::exchange(operators_, {}), false);
}

InstructionRef SuperResolutionSchedule::work(std::uint16_t engine, Opcode opcode, std::uint32_t first,
                                             std::uint8_t count, const char* label, const Strip& strip,
                                             const Refs& data, const Refs& space) {
    const auto& op = builder_.operators()[first];
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.operator_first = first;
    instruction.operator_count = count;
    instruction.label = builder_.label(label);
    instruction.m0 = static_cast<std::uint32_t>(strip.begin);
    instruction.m = static_cast<std::uint32_t>(strip.size);
    instruction.n = static_cast<std::uint32_t>(op.n);
    instruction.k = static_cast<std::uint32_t>(op.k);
    return builder_.emit(engine, instruction, data, space);
}

InstructionRef SuperResolutionSchedule::move(Opcode opcode, Traffic traffic, std::int64_t address,
                                             std::int64_t bytes, const char* label, const Refs& data,
                                             const Refs& space) {
    Instruction instruction;
    instruction.opcode = opcode;
    instruction.traffic = traffic;
    instruction.label = builder_.label(label);
    instruction.address = address;
    instruction.value_bytes = bytes;
    return builder_.emit(state_dma(), instruction, data, space);
}

InstructionRef SuperResolutionSchedule::load_weights(const ConvolutionLayer& layer) {
    Instruction instruction;
    instruction.opcode = Opcode::load;
    instruction.traffic = weight_traffic(layer.engine, false);
    instruction.label = builder_.label("weights");
    instruction.address = layer.address;
    instruction.value_bytes = layer.weights.value_bytes;
    instruction.scale_bytes = layer.weights.scale_bytes;
    return builder_.emit(engines_.dma[design_.weights_port(layer.engine)], instruction, {});
}

SuperResolutionSchedule::Convolution SuperResolutionSchedule::convolution(std::size_t index,
                                                                          const std::string& name,
                                                                          int doublings,
                                                                          std::int64_t input_channels) {
    Convolution one;
    one.layer = &layout_.convolutions[index];
    one.doublings = doublings;
    one.input_channels = input_channels;
    one.quantize = add_quantize(name, own_.image.pixels() << 2 * doublings, input_channels);
    one.multiply = add_operator(name);
    return one;
}

void SuperResolutionSchedule::quantize(Convolution& of, std::size_t index, InstructionRef input) {
    of.quantized.push_back(work(engines_.quantizer, Opcode::quantize, of.quantize, 1, "quantize",
                                strip(index, of.doublings), {input}));
}

void SuperResolutionSchedule::multiply(Convolution& of, std::size_t index, const Refs& space) {
    const auto behind = std::min(index + 1, strips_ - 1);
    const auto ref = work(engines_.linear[of.layer->engine], Opcode::matmul, of.multiply, 1, "convolution",
                          strip(index, of.doublings), {of.weights, of.quantized[behind]}, space);
    of.made.push_back(ref);
    const auto operands = linear_operands(design_)[of.layer->operands].activations;
    // A strip is needed once more, by the one behind it.
    const auto release = [&](std::size_t of_strip) {
        const auto elements = strip(of_strip, of.doublings).size * of.input_channels;
        builder_.hold(Buffer::intermediates, transfer_size(operands, elements).bytes(),
                      of.quantized[of_strip], ref);
    };
    if (index > 0) release(index - 1);
    if (index + 1 < strips_) return;
    release(index);
    builder_.hold(Buffer::weights, of.layer->weights.bytes(), of.weights, ref);
}

void SuperResolutionSchedule::head() {
    const auto colors = own_.network.colors;
    const auto channels = own_.network.channels;
    auto layer = convolution(0, "head.conv", 0, colors);
    const auto pool = add_operator("body.0.pool");
    begin("head", 1);
    layer.weights = load_weights(*layer.layer);
    Refs pooled;
    for (std::size_t step = 0; step < strips_ + 1; ++step) {
        if (step < strips_) {
            const auto at = strip(step);
            Refs space;
            if (step >= strips_in_flight) space.push_back(layer.quantized[step - strips_in_flight]);
            const auto load = move(Opcode::load, Traffic::activations, layout_.image.strip(step),
                                   at.size * colors, "image", {}, space);
            quantize(layer, step, load);
            builder_.hold(Buffer::activations, at.size * colors, load, layer.quantized.back());
        }
        if (step == 0) continue;
        const auto at = strip(step - 1);
        Refs space;
        const bool waits = !on_chip() && step > strips_in_flight;
        if (waits) space.push_back(head_stores_[step - 1 - strips_in_flight]);
        multiply(layer, step - 1, space);
        const auto made = layer.made.back();
        pooled.push_back(work(engines_.vector, Opcode::pool, pool, 1, "pool", at, {made}));
        const auto bytes = map_bytes(at.size, channels);
        head_stores_.push_back(move(Opcode::store, Traffic::feature_maps, layout_.head_map.strip(step - 1),
                                    bytes, "map", {made, pooled.back()}));
        if (!on_chip()) builder_.hold(Buffer::activations, bytes, made, head_stores_.back());
    }
    if (on_chip()) {
        builder_.hold(Buffer::activations, map_bytes(own_.image.pixels(), channels), layer.made.front(),
                      head_stores_.back());
    }
    head_transfers_ = builder_.size(state_dma());
    builder_.end_section();
}

// Of a unit whose pixels lie in memory, emitted `strips_ahead` steps before it is needed.
void SuperResolutionSchedule::load_map(int number, std::size_t index, bool first) {
    const auto at = strip(index);
    const auto channels = own_.network.channels;
    const bool from_head = first && number == 0;
    auto& loads = units_[static_cast<std::size_t>(number)].map_loads;
    const auto& source = from_head ? layout_.head_map : layout_.map;
    loads.push_back(move(Opcode::load, Traffic::feature_maps, source.strip(index),
                         map_bytes(at.size, channels), "map", {}));
    if (from_head) {
        builder_.wait_for_data(loads.back(), {state_dma(), head_stores_[index].index - head_transfers_});
    } else if (number > 0) {
        builder_.wait_for_data(loads.back(), units_[0].map_stores[index]);
    }
    const auto position = static_cast<std::size_t>(number) * strips_ + index;
    if (position < strips_in_flight) return;
    const auto freed = position - strips_in_flight;
    builder_.wait_for_space(loads.back(), units_[freed / strips_].map_stores[freed % strips_]);
}

void SuperResolutionSchedule::channel_branch(int number, const UnitOperators& operators) {
    auto& refs = units_[static_cast<std::size_t>(number)];
    Instruction load;
    load.opcode = Opcode::load;
    load.traffic = Traffic::weights;
    load.label = builder_.label("unit weights");
    load.address = layout_.units + operators.unit * layout_.unit_stride;
    load.address_stride = units_of_block * layout_.unit_stride;
    load.value_bytes = layout_.unit_bytes;
    refs.load = builder_.emit(engines_.dma[design_.port_of(Stream::weights)], load, {});
    const Strip one{0, 1};
    // On the chip the units write over what the head has made, so all of that must be stored before.
    Refs space;
    if (on_chip() && operators.unit == 0) {
        space.push_back({state_dma(), head_stores_.back().index - head_transfers_});
    }
    work(engines_.vector, Opcode::matmul, operators.fc1, 1, "channel branch", one, {refs.load}, space);
    work(engines_.vector, Opcode::matmul, operators.fc2, 1, "channel branch", one, {});
    work(engines_.vector, Opcode::activation, operators.gain, 1, "channel branch", one, {});
}

void SuperResolutionSchedule::count(int number, std::size_t index, const UnitOperators& operators) {
    auto& refs = units_[static_cast<std::size_t>(number)];
    const auto behind = refs.binarized[std::min(index + 1, strips_ - 1)];
    refs.counted.push_back(work(engines_.binary, Opcode::binary_convolution, operators.convolution, 1,
                                "binary convolution", strip(index), {behind}));
    const auto release = [&](std::size_t of_strip) {
        builder_.hold(Buffer::state, divide_up(strip(of_strip).size * own_.network.channels, 8),
                      refs.binarized[of_strip], refs.counted.back());
    };
    if (index > 0) release(index - 1);
    if (index + 1 == strips_) release(index);
}

void SuperResolutionSchedule::rescale(int number, std::size_t index, const UnitOperators& operators) {
    auto& refs = units_[static_cast<std::size_t>(number)];
    const auto at = strip(index);
    const auto channels = own_.network.channels;
    refs.rescaled.push_back(work(engines_.vector, Opcode::rescale, operators.rescale, operators.rescales,
                                 "rescale", at, {refs.counted[index]}));
    builder_.hold(Buffer::intermediates, divide_up(at.size * channels * own_.count_bits(), 8),
                  refs.counted[index], refs.rescaled.back());
    builder_.hold(Buffer::state, factor_bytes * at.size, refs.binarized[index], refs.rescaled.back());
    if (on_chip()) return;
    const auto bytes = map_bytes(at.size, channels);
    refs.map_stores.push_back(move(Opcode::store, Traffic::feature_maps, layout_.map.strip(index), bytes,
                                   "map", {refs.rescaled.back()}));
    builder_.hold(Buffer::activations, bytes, refs.map_loads[index], refs.map_stores.back());
}

void SuperResolutionSchedule::unit(int number, bool first, const UnitOperators& operators) {
    auto& refs = units_[static_cast<std::size_t>(number)];
    channel_branch(number, operators);
    for (std::size_t step = 0; step < strips_ + 2; ++step) {
        while (!on_chip() && refs.map_loads.size() < std::min(step + strips_ahead, strips_)) {
            load_map(number, refs.map_loads.size(), first);
        }
        if (step < strips_) {
            Refs data;
            if (!on_chip()) data.push_back(refs.map_loads[step]);
            refs.binarized.push_back(
                work(engines_.vector, Opcode::binarize, operators.signs, 2, "binarize", strip(step), data));
        }
        // One step behind the signs, and two: the vector unit makes signs while ones are counted.
        if (step >= 1 && step <= strips_) count(number, step - 1, operators);
        if (step >= 2) rescale(number, step - 2, operators);
    }
    builder_.hold(Buffer::weights, layout_.unit_bytes, refs.load, refs.rescaled.back());
}

// What a repetition waits for in the one before it, which has the same instructions.
void SuperResolutionSchedule::wait_for_block_before() {
    const auto before = [&](InstructionRef ref) {
        return InstructionRef{ref.engine, ref.index - builder_.size(ref.engine)};
    };
    for (int u = 0; u < units_of_block; ++u) {
        const auto& user = design_.mapping.double_buffer ? units_[u] : units_[1 - u];
        if (design_.mapping.double_buffer || u == 0) {
            builder_.wait_for_space(units_[u].load, before(user.rescaled.back()));
        }
    }
    if (on_chip()) return;
    for (std::size_t i = 0; i < strips_; ++i) {
        builder_.wait_for_data(units_[0].map_loads[i], before(units_[1].map_stores[i]));
    }
    const auto all = units_of_block * strips_;
    for (std::size_t position = 0; position < std::min(all, strips_in_flight); ++position) {
        if (position + all < strips_in_flight) continue;
        const auto freed = position + all - strips_in_flight;
        if (freed >= all) continue;
        builder_.wait_for_space(units_[position / strips_].map_loads[position % strips_],
                                before(units_[freed / strips_].map_stores[freed % strips_]));
    }
}

void SuperResolutionSchedule::block(const std::string& name, int first_unit, std::int64_t repeat) {
    std::array<UnitOperators, units_of_block> operators;
    for (int u = 0; u < units_of_block; ++u) {
        const auto at = "body." + std::to_string(first_unit + u) + ".";
        auto& of = operators[static_cast<std::size_t>(u)];
        of.unit = first_unit + u;
        of.fc1 = add_operator(at + "channel.fc1");
        of.fc2 = add_operator(at + "channel.fc2");
        of.gain = add_operator(at + "channel.sigmoid");
        of.signs = add_operator(at + "spatial");
        add_operator(at + "binarize");
        of.convolution = add_operator(at + "conv");
        of.rescale = add_operator(at + "rescale");
        add_operator(at + "add");
        if (u == 0) add_operator(at + "activation");
        add_operator(at + "pool");  // in place of the next unit's, which is alike
        of.rescales = static_cast<std::uint8_t>(operators_.size() - of.rescale);
    }
    begin(name, repeat);
    const bool first = first_unit == 0;
    units_ = {};
    for (int u = 0; u < units_of_block; ++u) unit(u, first, operators[static_cast<std::size_t>(u)]);
    if (!first) wait_for_block_before();
    if (!design_.mapping.double_buffer) {
        builder_.wait_for_space(units_[1].load, units_[0].rescaled.back());
    }
    if (on_chip()) {
        builder_.hold(Buffer::activations, map_bytes(own_.image.pixels(), own_.network.channels),
                      units_[0].binarized.front(), units_[1].rescaled.back());
    }
    body_transfers_ = builder_.size(state_dma());
    builder_.end_section();
}

void SuperResolutionSchedule::body() {
    block("block 1", 0, 1);
    if (own_.network.blocks > 1) block("blocks", units_of_block, own_.network.blocks - 1);
}

}  // namespace tilewright::accel
