// SPDX-License-Identifier: Apache-2.0
#include "accel/cost/cost_constants.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "accel/design/config_files.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

CostConstants load_cost_constants(const std::string& path) {
    const auto document = read_json_file(path);
    Schema(config_root() / "schemas" / "cost.schema.json").validate(document, path);
    const auto& values = document.at("constants");
    CostConstants constants;
    const std::pair<const char*, double CostConstants::*> members[] = {
        {"int4_multiplier_lut", &CostConstants::int4_multiplier_lut},
        {"int8_multiplier_lut", &CostConstants::int8_multiplier_lut},
        {"int16_multiplier_lut", &CostConstants::int16_multiplier_lut},
        {"int6_multiplier_lut", &CostConstants::int6_multiplier_lut},
        {"fp6_multiplier_lut", &CostConstants::fp6_multiplier_lut},
        {"fp32_adder_lut", &CostConstants::fp32_adder_lut},
        {"fp32_adder_ff", &CostConstants::fp32_adder_ff},
        {"fp32_multiply_dsp48", &CostConstants::fp32_multiply_dsp48},
        {"fp32_add_dsp48", &CostConstants::fp32_add_dsp48},
        {"popcount_lut_per_bit", &CostConstants::popcount_lut_per_bit},
        {"dequantizer_lut_per_bit", &CostConstants::dequantizer_lut_per_bit},
        {"adder_lut_per_bit", &CostConstants::adder_lut_per_bit},
        {"packing_correction_lut", &CostConstants::packing_correction_lut},
        {"shift_scale_lut", &CostConstants::shift_scale_lut},
        {"element_multiply_lut", &CostConstants::element_multiply_lut},
        {"element_multiply_ff", &CostConstants::element_multiply_ff},
        {"exponential_lut", &CostConstants::exponential_lut},
        {"exponential_ff", &CostConstants::exponential_ff},
        {"quantizer_lut", &CostConstants::quantizer_lut},
        {"quantizer_ff", &CostConstants::quantizer_ff},
        {"c_buffer_lut", &CostConstants::c_buffer_lut},
        {"c_buffer_ff", &CostConstants::c_buffer_ff},
        {"table_bram", &CostConstants::table_bram},
        {"axi_port_lut", &CostConstants::axi_port_lut},
        {"axi_port_ff", &CostConstants::axi_port_ff},
        {"axi_port_bram", &CostConstants::axi_port_bram},
        {"plio_mover_lut", &CostConstants::plio_mover_lut},
        {"plio_mover_ff", &CostConstants::plio_mover_ff},
        {"plio_mover_bram", &CostConstants::plio_mover_bram},
        {"infrastructure_lut", &CostConstants::infrastructure_lut},
        {"infrastructure_ff", &CostConstants::infrastructure_ff},
    };
    for (const auto& [name, member] : members) constants.*member = values.at(name).at("value").get<double>();
    return constants;
}

const CostConstants& default_cost_constants() {
    static const CostConstants constants =
        load_cost_constants((config_root() / "cost" / "fabric.json").string());
    return constants;
}

}  // namespace tilewright::accel
