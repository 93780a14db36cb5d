// SPDX-License-Identifier: Apache-2.0
// AI Engines in JSON: the array of a device, and the engine that a design makes of it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// `from`: the member "aie" of a device that has passed its schema, which stands at `pointer` of `file`.
// Throws ConfigError for tiles without data memory.
AieArray parse_aie_array(const nlohmann::json& from, const std::string& file, const std::string& pointer);

// Names that a schema has admitted.
AiePrecision parse_aie_precision(const nlohmann::json& name);
AieKernelKind parse_aie_kernel_kind(const nlohmann::json& name);

// `from`: the member "aie" or "aie_attention" of a design's engines that has passed its schema; fp32 where it
// names no precision.
AieMapping parse_aie_engine(const nlohmann::json& from);

// What multiplies the linear layers, from the member "linear_engine" of a mapping that has passed its schema:
// "pl", "aie" or AI Engines' part of the outputs; for all layers, or an object with one of these by layer.
// The design's network and workload must be there.
void parse_linear_engine(const nlohmann::json& mapping, Design& design);

// Tells the engine how many GMIO bring its weights, from the design's memory ports. Throws ConfigError for
// ports with GMIO where no linear layer runs on AI Engines, or that carry anything else.
void connect_gmio(Design& design, const std::string& file);

// Throws ConfigError when the design's array cannot be built or cannot multiply what the recipe asks for: no
// AI Engines on the device; tiles, PLIO or data memory over their number; formats that are wider than the
// kernel's operands; sums that would run over several groups with a scale each; a mapping that asks for an
// array the design does not have, or for one per block.
void check_aie_engine(const Design& design, const std::string& file);

}  // namespace tilewright::accel
