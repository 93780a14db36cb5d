// SPDX-License-Identifier: Apache-2.0
// What the building blocks of an engine cost in fabric primitives; values, units, sources and how sure each
// is stand in configs/cost/fabric.json.
#pragma once

#include <map>
#include <string>

namespace tilewright::accel {

struct CostConstants {
    double int4_multiplier_lut = 0;
    double int8_multiplier_lut = 0;
    double int16_multiplier_lut = 0;
    double int6_multiplier_lut = 0;
    double fp6_multiplier_lut = 0;
    double adder_lut_per_bit = 0;
    double packing_correction_lut = 0;  // per product beyond the first in a DSP block
    double shift_scale_lut = 0;         // per output scaled by a sum of two powers of two
    double element_multiply_lut = 0;    // per lane
    double element_multiply_ff = 0;
    double exponential_lut = 0;  // per lane
    double exponential_ff = 0;
    double quantizer_lut = 0;  // per lane
    double quantizer_ff = 0;
    double c_buffer_lut = 0;  // per lane
    double c_buffer_ff = 0;
    double table_bram = 0;    // per two lanes and function
    double axi_port_lut = 0;  // per 256 bits
    double axi_port_ff = 0;
    double axi_port_bram = 0;
    double plio_mover_lut = 0;  // a data mover behind one PLIO
    double plio_mover_ff = 0;
    double plio_mover_bram = 0;
    double fp32_adder_lut = 0;
    double fp32_adder_ff = 0;
    double fp32_multiply_dsp48 = 0;
    double fp32_add_dsp48 = 0;
    double dequantizer_lut_per_bit = 0;  // of an element's significand, which becomes binary32
    double popcount_lut_per_bit = 0;     // of signs that are compared and counted
    double infrastructure_lut = 0;  // FIFOs, control and interfaces outside the datapaths, per block laid out
    double infrastructure_ff = 0;
};

// Reads and validates a cost file. Throws ConfigError.
CostConstants load_cost_constants(const std::string& path);

// The constants of configs/cost/fabric.json, read once.
const CostConstants& default_cost_constants();

}  // namespace tilewright::accel
