// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "accel/design/config_error.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/parse_aie.hpp"
#include "accel/design/parse_device.hpp"
#include "accel/design/parse_gpt.hpp"
#include "accel/design/parse_matrix.hpp"
#include "accel/design/parse_memory.hpp"
#include "accel/design/parse_recipe.hpp"
#include "accel/design/parse_super_resolution.hpp"
#include "accel/design/parse_var.hpp"
#include "memory/integer_math.hpp"
#include "models/kernels/lut_multiplier.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

models::MambaConfig parse_network(const json& from, const std::string& file) {
    models::MambaConfig network;
    network.name = from.at("name").get<std::string>();
    network.version = choice<models::MambaVersion>(
        from.at("family"),
        {{"mamba1", models::MambaVersion::mamba1}, {"mamba2", models::MambaVersion::mamba2}});
    network.layers = from.at("layers").get<int>();
    network.d_model = from.at("d_model").get<std::int64_t>();
    network.d_state = from.at("d_state").get<std::int64_t>();
    network.expand = from.at("expand").get<std::int64_t>();
    network.head_dim = from.value("head_dim", std::int64_t{64});
    network.groups = from.value("groups", std::int64_t{1});
    network.convolution_width = from.at("convolution_width").get<std::int64_t>();
    network.vocabulary = from.at("vocabulary").get<std::int64_t>();
    if (network.version == models::MambaVersion::mamba2 && network.d_inner() % network.head_dim != 0) {
        throw ConfigError(file, "/network/head_dim",
                          std::to_string(network.head_dim) +
                              " does not divide expand * d_model = " + std::to_string(network.d_inner()),
                          "allowed: a divisor");
    }
    return network;
}

memory::RamKind parse_ram(const json& from) {
    return choice<memory::RamKind>(from.at("ram"), {{"bram", memory::RamKind::bram},
                                                    {"uram", memory::RamKind::uram},
                                                    {"lutram", memory::RamKind::lutram}});
}

BufferDesign parse_buffer(const json& from) {
    BufferDesign buffer;
    buffer.ram = parse_ram(from);
    if (from.contains("bytes")) buffer.bytes = from.at("bytes").get<std::int64_t>();
    buffer.ports = from.value("ports", 2);
    return buffer;
}

void parse_engines(const json& from, Design& design) {
    const auto& matrix = from.at("matrix");
    design.matrix.inputs = matrix.at("inputs").get<int>();
    design.matrix.outputs = matrix.at("outputs").get<int>();
    design.matrix.multiplier =
        choice<MultiplierKind>(matrix.value("multiplier", json("dsp")),
                               {{"dsp", MultiplierKind::dsp}, {"lut", MultiplierKind::lut}});
    design.matrix.products_per_dsp = matrix.value("products_per_dsp", 1);
    design.matrix.accumulator_bits = matrix.value("accumulator_bits", 32);
    design.matrix.tile_drain_cycles = matrix.value("tile_drain_cycles", 0);
    const auto& ssm = from.at("ssm");
    design.ssm = {ssm.at("head_unroll").get<int>(), ssm.at("head_dim_unroll").get<int>(),
                  ssm.at("state_unroll").get<int>(), ssm.at("pipeline_cycles").get<int>()};
    if (from.contains("hadamard")) {
        design.hadamard = {from.at("hadamard").at("points_per_cycle").get<int>(),
                           from.at("hadamard").at("pipeline_cycles").get<int>()};
    }
    design.vector = {from.at("vector").at("lanes").get<int>(),
                     from.at("vector").at("pipeline_cycles").get<int>()};
}

void parse_mapping(const json& from, Mapping& mapping) {
    const auto& tile = from.at("tile");
    if (tile.contains("tokens")) mapping.tile.tokens = tile.at("tokens").get<std::int64_t>();
    if (tile.contains("inputs")) mapping.tile.inputs = tile.at("inputs").get<std::int64_t>();
    mapping.tile.outputs = tile.at("outputs").get<std::int64_t>();
    mapping.tile.channels = tile.at("channels").get<std::int64_t>();
    mapping.tile.state = tile.at("state").get<std::int64_t>();
    mapping.loop_order = from.at("loop_order").get<std::string>();
    mapping.unroll = choice<Unroll>(
        from.at("unroll"), {{"none", Unroll::none}, {"partial", Unroll::partial}, {"full", Unroll::full}});
    mapping.operator_order =
        choice<OperatorOrder>(from.at("operator_order"), {{"naive", OperatorOrder::naive},
                                                          {"reordered", OperatorOrder::reordered},
                                                          {"released_rtl", OperatorOrder::released_rtl}});
    mapping.fusion =
        choice<Fusion>(from.at("fusion"), {{"none", Fusion::none}, {"fine_grained", Fusion::fine_grained}});
    mapping.state_transfer = choice<StateTransfer>(
        from.at("state_transfer"),
        {{"per_layer", StateTransfer::per_layer}, {"per_group", StateTransfer::per_group}});
    mapping.double_buffer = from.at("double_buffer").get<bool>();
    mapping.groups_ahead = from.value("groups_ahead", std::int64_t{0});
    mapping.residual =
        choice<ResidualPlace>(from.value("residual", json("on_chip")),
                              {{"on_chip", ResidualPlace::on_chip}, {"memory", ResidualPlace::memory}});
}

// Elements that share a scale are made and used together, so tiles hold whole groups: weight tiles along the
// inputs, SSM steps along the channels.
void align_tiles(Design& design) {
    const auto align = [](std::int64_t size, std::int64_t group) {
        return group == 0 ? size : memory::divide_up(size, group) * group;
    };
    auto& tile = design.mapping.tile;
    if (tile.inputs) tile.inputs = align(*tile.inputs, design.recipe.weights.group_size);
    const auto element_group = std::max<std::int64_t>(design.recipe.convolution.group_size, 1);
    const auto state_group = std::max<std::int64_t>(design.recipe.state.group_size, 1);
    tile.channels = align(tile.channels, std::lcm(element_group, state_group));
}

// Beside linear layers that it multiplies: rows of an embedding, and what recipes leave unquantized.
bool fabric_reads_weights(const Design& design) {
    if (design.multiplies_on(LinearEngine::pl) || design.super_resolution) return true;
    if (design.is_mamba()) return design.workload.lm_head;
    return design.transformer()->ends || (design.var && design.var->adaln);
}

void check_streams(const Design& design, const std::string& file) {
    std::vector<Stream> streams = {Stream::weights, Stream::state};
    if (design.is_mamba()) streams.push_back(Stream::convolution);
    for (std::size_t i = 0; !design.is_mamba() && i < design.memory_ports.size(); ++i) {
        const auto& carries = design.memory_ports[i].carries;
        if (std::find(carries.begin(), carries.end(), Stream::convolution) == carries.end()) continue;
        throw ConfigError(file, "/memory_ports/" + std::to_string(i) + "/carries",
                          "only Mamba has a convolution with a state, so nothing carries one",
                          "allowed: \"weights\", \"state\"");
    }
    for (const auto stream : streams) {
        // Weights of AI Engines may come through GMIO and the others through an AXI port.
        const auto carriers = [&](bool gmio) {
            return std::count_if(
                design.memory_ports.begin(), design.memory_ports.end(),
                [&](const auto& port) { return port.carries_stream(stream) && (port.gmio > 0) == gmio; });
        };
        const auto through_axi = carriers(false);
        const auto through_gmio = carriers(true);
        if (through_axi > 1 || through_gmio > 1 || through_axi + through_gmio == 0) {
            throw ConfigError(file, "/memory_ports",
                              std::string("the stream \"") + to_string(stream) + "\" is carried by " +
                                  std::to_string(through_axi + through_gmio) + " ports",
                              "allowed: exactly one port carries it");
        }
        if (stream == Stream::weights && through_axi == 0 && fabric_reads_weights(design)) {
            throw ConfigError(file, "/memory_ports", "weights that the fabric reads come through no port",
                              "allowed: one AXI port with \"weights\" beside that with gmio");
        }
    }
}

// Floating point from tables: numbers of at most 8 bits. Integers: as wide as those whose cost is known.
void check_lookup_tables(const Design& design, const std::string& file) {
    constexpr int widest_integer = 16;
    const auto& recipe = design.recipe;
    const bool floating = models::is_floating(recipe.weights) || models::is_floating(recipe.activations);
    const int widest = floating ? models::LutMultiplier::widest_format : widest_integer;
    for (const auto& [operand, name] :
         {std::pair{recipe.weights, "weights"}, std::pair{recipe.activations, "activations"}}) {
        if (operand.format.bits <= widest) continue;
        throw ConfigError(
            file, std::string("/recipe/") + name + "/format",
            std::string(operand.format.name) + " is too wide for lookup tables",
            "allowed: multiplier \"dsp\", two integers of at most 16 bits, or formats of at most 8");
    }
    if (floating)
        check_lookup_table(recipe.weights.format, recipe.activations.format, file, "/recipe/weights/format");
}

// One product a DSP block, or several of integers; whatever a table holds.
void check_packing(const Design& design, const std::string& file) {
    const auto& recipe = design.recipe;
    const bool multiplies = design.multiplies_on(LinearEngine::pl);
    if (design.matrix.multiplier == MultiplierKind::lut) {
        if (multiplies) check_lookup_tables(design, file);
        return;
    }
    for (const auto& operand : {recipe.weights, recipe.activations}) {
        if (!multiplies || !models::is_floating(operand) || design.matrix.products_per_dsp == 1) continue;
        throw ConfigError(file, "/engines/matrix/products_per_dsp",
                          "a DSP block makes one product of " + std::string(operand.format.name),
                          "allowed: 1, or integers");
    }
    check_products_per_dsp(design, std::max(recipe.weights.format.bits, recipe.activations.format.bits), true,
                           file);
}

// What only designs for Mamba have.
void parse_mamba(const json& document, Design& design, const std::string& file) {
    design.network = parse_network(document.at("network"), file);
    design.recipe = parse_recipe(document.at("recipe"), file, "/recipe");
    const auto& workload = document.at("workload");
    design.workload.phase = choice<models::Phase>(
        workload.at("phase"), {{"decode", models::Phase::decode}, {"prefill", models::Phase::prefill}});
    design.workload.tokens = workload.value("tokens", std::int64_t{1});
    design.workload.lm_head = workload.value("lm_head", true);
    if (design.workload.phase == models::Phase::decode && design.workload.tokens != 1) {
        throw ConfigError(file, "/workload/tokens", "a decode step has one token",
                          "allowed: 1, or phase \"prefill\"");
    }
    const auto& buffers = document.at("buffers");
    if (buffers.contains("vectors")) design.vectors_ram = parse_ram(buffers.at("vectors"));
    parse_engines(document.at("engines"), design);
    check_packing(design, file);
    check_recipe(design.recipe, design.network, file, "/recipe");
    parse_mapping(document.at("mapping"), design.mapping);
    check_rows_in_pairs(design, file);
    parse_linear_engine(document.at("mapping"), design);
    align_tiles(design);
    if (document.at("engines").contains("aie")) {
        design.aie = parse_aie_engine(document.at("engines").at("aie"));
    }
    connect_gmio(design, file);
    check_aie_engine(design, file);
    const bool shared_array = design.mapping.unroll == Unroll::none;
    if (design.recipe.online_hadamard && design.hadamard.points_per_cycle == 0 && !shared_array) {
        throw ConfigError(file, "/engines/hadamard",
                          "the recipe rotates at run time but there is no Hadamard unit",
                          "allowed: a hadamard engine, unroll \"none\", or a recipe without that rotation");
    }
}

// Multiplies in binary32 or another floating-point format in its DSP blocks.
bool in_floating_point(const Design& design) {
    if (!design.is_mamba()) return true;
    const auto& recipe = design.recipe;
    const auto& tensors = {recipe.weights, recipe.activations, recipe.convolution, recipe.state};
    return std::any_of(tensors.begin(), tensors.end(), models::is_floating);
}

void check_clock(const Design& design, const json& clock, const std::string& file) {
    const auto check = [&](const std::optional<double>& limit, const std::string& what) {
        if (!limit || design.clock_hz <= *limit) return;
        throw ConfigError(file, "/clock_hz", clock.dump() + " Hz is beyond " + what + design.device.name,
                          "allowed: at most " + json(*limit).dump());
    };
    check(design.device.fabric_clock_limit_hz, "the fabric of ");
    if (in_floating_point(design)) {
        check(design.device.floating_point_clock_limit_hz, "DSP blocks in floating point of ");
    }
}

// Where weights have scales.
void check_bursts(const Design& design, const std::string& file) {
    const auto layers = linear_operands(design);
    const auto scaled = [](const LinearOperands& layer) { return layer.weights.group_size > 0; };
    if (std::none_of(layers.begin(), layers.end(), scaled)) return;
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        const auto& port = design.memory_ports[i];
        if (port.burst_beats > 1 || !port.scales_inside_burst || !port.carries_stream(Stream::weights)) {
            continue;
        }
        throw ConfigError(file, "/memory_ports/" + std::to_string(i) + "/burst_beats",
                          "a burst of one beat has no place for scales beside the weights that they are of",
                          "allowed: at least 2, or scales_inside_burst false");
    }
}

}  // namespace

Design parse_design(const json& document, const std::string& file) {
    Design design;
    design.name = document.at("name").get<std::string>();
    design.device = parse_device(document.at("device"), file, "/device");
    design.clock_hz = document.at("clock_hz").get<double>();
    for (const auto which : {Buffer::weights, Buffer::activations, Buffer::state, Buffer::intermediates}) {
        design.buffers[static_cast<int>(which)] = parse_buffer(document.at("buffers").at(to_string(which)));
    }
    parse_memories(document, design, file);
    if (document.value("kind", json()) == "var") {
        parse_var(document, design, file);
    } else if (document.value("kind", json()) == "gpt_bigcode") {
        parse_gpt(document, design, file);
    } else if (document.value("kind", json()) == "super_resolution") {
        parse_super_resolution(document, design, file);
    } else {
        parse_mamba(document, design, file);
    }
    check_clock(design, document.at("clock_hz"), file);
    check_streams(design, file);
    check_bursts(design, file);
    return design;
}

}  // namespace tilewright::accel
