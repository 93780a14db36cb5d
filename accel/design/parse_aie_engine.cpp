// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <stdexcept>

#include "accel/design/config_error.hpp"
#include "accel/design/json_choice.hpp"
#include "accel/design/parse_aie.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

constexpr const char* engine_pointer = "/engines/aie";

// The enumerator of that name; the schema has admitted the name.
template <typename Enumeration>
Enumeration named(const json& name, int count) {
    for (int i = 0; i < count; ++i) {
        const auto one = static_cast<Enumeration>(i);
        if (name.get<std::string>() == to_string(one)) return one;
    }
    throw std::out_of_range(name.dump() + " is not in the schema");
}

// Of the first port with GMIO; check_streams refuses a second.
std::string gmio_pointer(const Design& design) {
    const auto& ports = design.memory_ports;
    const auto port = std::find_if(ports.begin(), ports.end(), [](const auto& one) { return one.gmio > 0; });
    return "/memory_ports/" + std::to_string(port - ports.begin()) + "/gmio";
}

void check_placement(const Design& design, const AieMapping& mapping, const std::string& engine,
                     const std::string& file) {
    const auto problem = aie_placement_problem(design.device.aie, mapping);
    if (problem.what.empty()) return;
    const auto pointer = problem.member == "gmio"        ? gmio_pointer(design)
                         : problem.member == "reduction" ? engine + "/reduction"
                         : problem.member == "tile"      ? engine + "/m"
                                                         : engine + "/x";
    if (problem.exceeds_array) {
        throw DesignDoesNotFit(file, pointer, problem.what, "allowed: " + problem.allowed);
    }
    throw ConfigError(file, pointer, problem.what, "allowed: " + problem.allowed);
}

// What kernels of an engine there are, and how fast the fabric may feed them.
void check_engine(const Design& design, const AieMapping& mapping, const std::string& engine,
                  const std::string& file) {
    const auto& array = design.device.aie;
    const bool used = design.uses_aie() || (design.transformer() && design.transformer()->aie_attention);
    if (used && design.clock_hz > array.interface_clock_hz) {
        throw ConfigError(
            file, "/clock_hz",
            json(design.clock_hz).dump() + " Hz is beyond the interface between fabric and AI Engines",
            "allowed: at most " + json(array.interface_clock_hz).dump());
    }
    // The data types of matrix_mult in AMD's Vitis DSP library for AIE.
    const bool bytes =
        mapping.precision == AiePrecision::int8 || mapping.precision == AiePrecision::int8_int4;
    if (mapping.kernel == AieKernelKind::library && bytes) {
        throw ConfigError(
            file, engine + "/kernel",
            std::string("\"library\" has no matrix multiplication of ") + to_string(mapping.precision),
            "allowed: \"library\" with another precision, or another kernel");
    }
    check_placement(design, mapping, engine, file);
}

// Linear layers and attention must find room side by side.
void check_both(const Design& design, const std::string& file) {
    const auto& array = design.device.aie;
    const auto bits = design.transformer()->aie_attention->plio_bits;
    if (bits != design.aie->plio_bits) {
        throw ConfigError(
            file, "/engines/aie_attention/plio_bits",
            std::to_string(bits) + " bits beside the linear layers' " + std::to_string(design.aie->plio_bits),
            "allowed: the same width for both arrays");
    }
    const auto placement = design.aie_placement();
    const auto limits = aie_limits(array, design.aie->plio_bits);
    const auto check = [&](const char* what, std::int64_t used, std::int64_t limit) {
        if (used <= limit) return;
        throw DesignDoesNotFit(file, "/engines/aie_attention/x",
                               "linear layers and attention take " + std::to_string(used) + " " + what +
                                   " of " + std::to_string(limit),
                               "allowed: smaller arrays");
    };
    check("AI Engine tiles", placement.tiles, limits.tiles);
    check("PLIO into the array", placement.plio_in, limits.plio_in);
    check("PLIO out of the array", placement.plio_out, limits.plio_out);
}

// " of fc1", where a design has several classes of linear layers.
std::string of_layer(const Design& design, const LinearOperands& layer) {
    return design.transformer() != nullptr ? " of " + layer.name : "";
}

void check_formats(const Design& design, const std::string& file) {
    const auto operands = aie_operands(design.aie->precision);
    for (const auto& layer : linear_operands_on(design, LinearEngine::aie)) {
        const auto check = [&](const char* what, const models::Quantization& quantization,
                               std::int64_t bits) {
            const bool integer = quantization.format.family == models::FormatFamily::integer;
            if (integer != operands.floating && quantization.format.bits <= bits) return;
            throw ConfigError(file, std::string(engine_pointer) + "/precision",
                              std::string("the recipe's ") + what + of_layer(design, layer) + " are " +
                                  std::string(quantization.format.name) + ", which kernels of " +
                                  to_string(design.aie->precision) + " cannot hold",
                              std::string("allowed: ") +
                                  (operands.floating ? "floating-point formats" : "integers") +
                                  " of at most " + std::to_string(bits) + " bits");
        };
        check("activations", layer.activations, 8 * operands.left_bytes);
        check("weights", layer.weights, operands.right_bits_moved);
        // No fabric lies between a GMIO and the tiles that could widen them.
        const std::int64_t stored = layer.weights.format.bits;
        if (design.aie->weight_gmio > 0 && stored != operands.right_bits_moved) {
            throw ConfigError(file, std::string(engine_pointer) + "/precision",
                              "weights" + of_layer(design, layer) + " of " + std::to_string(stored) +
                                  " bits come through GMIO as they are stored, and kernels of " +
                                  to_string(design.aie->precision) + " take " +
                                  std::to_string(operands.right_bits_moved),
                              "allowed: a precision whose weights have as many bits, or an AXI port");
        }
    }
}

// The sum that leaves a chain is scaled once, so all its products must have the same scales.
void check_groups(const Design& design, const std::string& file) {
    const auto depth = design.aie->native().k;
    for (const auto& layer : linear_operands_on(design, LinearEngine::aie)) {
        for (const auto& quantization : {layer.weights, layer.activations}) {
            const std::int64_t group = quantization.group_size;
            if (group == 0 || group % depth == 0) continue;
            throw ConfigError(file, std::string(engine_pointer) + "/k",
                              "sums over y * k = " + std::to_string(depth) +
                                  " inputs do not divide groups of " + std::to_string(group) +
                                  ", which have a scale each",
                              "allowed: y * k that divides " + std::to_string(group));
        }
    }
}

}  // namespace

void parse_linear_engine(const json& mapping, Design& design) {
    const auto share = [](const json& from) {
        if (from.is_number()) return from.get<double>();
        return choice<LinearEngine>(from, {{"pl", LinearEngine::pl}, {"aie", LinearEngine::aie}}) ==
                       LinearEngine::aie
                   ? 1.0
                   : 0.0;
    };
    const auto from = mapping.value("linear_engine", json("pl"));
    for (const auto& layer : design.linear_layers()) {
        design.mapping.aie_share[layer] = share(from.is_object() ? from.value(layer, json("pl")) : from);
    }
}

AiePrecision parse_aie_precision(const json& name) {
    return named<AiePrecision>(name, aie_precision_count);
}

AieKernelKind parse_aie_kernel_kind(const json& name) {
    return named<AieKernelKind>(name, aie_kernel_kind_count);
}

AieMapping parse_aie_engine(const json& from) {
    AieMapping mapping;
    const auto count = [&](const char* name) { return from.at(name).get<std::int64_t>(); };
    mapping.replication = {count("x"), count("y"), count("z")};
    mapping.tile = {count("m"), count("k"), count("n")};
    mapping.precision = parse_aie_precision(from.value("precision", json("fp32")));
    mapping.kernel = parse_aie_kernel_kind(from.value("kernel", json("intrinsics")));
    mapping.plio_bits = from.value("plio_bits", std::int64_t{128});
    mapping.reduction = choice<AieReduction>(
        from.value("reduction", json("cascade")),
        {{"cascade", AieReduction::cascade}, {"adder_tiles", AieReduction::adder_tiles}});
    mapping.tiles_per_plio_in = from.value("tiles_per_plio_in", std::int64_t{1});
    mapping.tiles_per_plio_out = from.value("tiles_per_plio_out", std::int64_t{1});
    return mapping;
}

void connect_gmio(Design& design, const std::string& file) {
    for (std::size_t i = 0; i < design.memory_ports.size(); ++i) {
        const auto& port = design.memory_ports[i];
        if (port.gmio == 0) continue;
        const auto pointer = "/memory_ports/" + std::to_string(i);
        if (!design.aie || !design.uses_aie()) {
            throw ConfigError(file, pointer + "/gmio", "no linear layer runs on AI Engines",
                              "allowed: an engine \"aie\" and linear_engine \"aie\", or an AXI port");
        }
        if (port.carries != std::vector{Stream::weights}) {
            throw ConfigError(file, pointer + "/carries", "AI Engines read weights alone from memory",
                              "allowed: [\"weights\"] for a port with gmio");
        }
        design.aie->weight_gmio += port.gmio;
    }
}

void check_aie_attention(const Design& design, const std::string& file) {
    const auto* const transformer = design.transformer();
    if (transformer == nullptr || !transformer->aie_attention) return;
    if (!design.device.aie.present()) {
        throw ConfigError(file, "/engines/aie_attention",
                          "the device " + design.device.name + " has no AI Engines",
                          "allowed: a device with an \"aie\" array, or attention_engine \"pl\"");
    }
    check_engine(design, *transformer->aie_attention, "/engines/aie_attention", file);
    if (design.uses_aie() && design.aie) check_both(design, file);
}

void check_aie_engine(const Design& design, const std::string& file) {
    check_aie_attention(design, file);
    if (!design.aie) {
        if (!design.uses_aie()) return;
        throw ConfigError(file, "/mapping/linear_engine", "the design has no AI Engine array",
                          "allowed: \"pl\", or an engine \"aie\" in /engines");
    }
    if (!design.device.aie.present()) {
        throw ConfigError(file, engine_pointer, "the device " + design.device.name + " has no AI Engines",
                          "allowed: a device with an \"aie\" array, or none in the design");
    }
    check_engine(design, *design.aie, engine_pointer, file);
    if (!design.uses_aie()) return;
    check_formats(design, file);
    check_groups(design, file);
    if (design.mapping.unroll == Unroll::full) {
        throw ConfigError(file, "/mapping/unroll", "every block would need an AI Engine array of its own",
                          "allowed: \"partial\" or \"none\" with linear layers on AI Engines");
    }
}

}  // namespace tilewright::accel
