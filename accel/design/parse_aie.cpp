// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_aie.hpp"

#include <cmath>

#include "accel/design/config_error.hpp"

namespace tilewright::accel {

using nlohmann::json;

AieArray parse_aie_array(const json& from, const std::string& file, const std::string& pointer) {
    const auto real = [](const json& parent, const char* name) {
        return parent.at(name).at("value").get<double>();
    };
    const auto count = [&](const json& parent, const char* name) { return std::llround(real(parent, name)); };
    AieArray array;
    const std::pair<const char*, std::int64_t AieArray::*> counts[] = {
        {"rows", &AieArray::rows},
        {"columns", &AieArray::columns},
        {"interface_columns", &AieArray::interface_columns},
        {"streams_in_per_column", &AieArray::streams_in_per_column},
        {"streams_out_per_column", &AieArray::streams_out_per_column},
        {"data_memory_bytes", &AieArray::data_memory_bytes},
        {"data_memory_banks", &AieArray::data_memory_banks},
        {"reserved_memory_bytes", &AieArray::reserved_memory_bytes},
        {"load_ports", &AieArray::load_ports},
        {"vector_bytes", &AieArray::vector_bytes},
        {"stream_bytes_per_cycle", &AieArray::stream_bytes_per_cycle},
        {"cascade_bits_per_cycle", &AieArray::cascade_bits_per_cycle},
        {"tile_dma_channels", &AieArray::tile_dma_channels},
        {"switch_streams_north", &AieArray::switch_streams_north},
        {"switch_streams_south", &AieArray::switch_streams_south},
        {"floating_dependence_cycles", &AieArray::floating_dependence_cycles},
        {"noc_interfaces", &AieArray::noc_interfaces},
        {"gmio_per_noc_interface", &AieArray::gmio_per_noc_interface},
        {"gmio_transfer_cycles", &AieArray::gmio_transfer_cycles},
    };
    for (const auto& [name, member] : counts) array.*member = count(from, name);
    if (array.reserved_memory_bytes >= array.data_memory_bytes) {
        throw ConfigError(file, pointer + "/reserved_memory_bytes/value",
                          std::to_string(array.reserved_memory_bytes) + " leaves nothing of a tile's " +
                              std::to_string(array.data_memory_bytes) + " bytes of data memory",
                          "allowed: less than data_memory_bytes");
    }
    const std::pair<const char*, double AieArray::*> reals[] = {
        {"clock_hz", &AieArray::clock_hz},
        {"interface_clock_hz", &AieArray::interface_clock_hz},
        {"unpack_int4_cycles_per_vector", &AieArray::unpack_int4_cycles_per_vector},
        {"noc_interface_bytes_per_s", &AieArray::noc_interface_bytes_per_s},
        {"mixed_dram_bytes_per_s", &AieArray::mixed_dram_bytes_per_s},
        {"vector_cycle_j", &AieArray::vector_cycle_j},
        {"floating_vector_cycle_j", &AieArray::floating_vector_cycle_j},
        {"active_tile_w", &AieArray::active_tile_w},
    };
    for (const auto& [name, member] : reals) array.*member = real(from, name);
    for (int i = 0; i < aie_precision_count; ++i) {
        array.macs_per_cycle[i] = real(from.at("macs_per_cycle"), to_string(static_cast<AiePrecision>(i)));
    }
    for (int i = 0; i < aie_kernel_kind_count; ++i) {
        const auto& kernel = from.at("kernels").at(to_string(static_cast<AieKernelKind>(i)));
        array.kernels[i] = {static_cast<int>(count(kernel, "accumulators")),
                            static_cast<int>(count(kernel, "exposed_load_cycles")),
                            static_cast<int>(count(kernel, "block_overhead_cycles")),
                            static_cast<int>(count(kernel, "call_cycles")),
                            static_cast<int>(count(kernel, "cascade_ways_exposed"))};
    }
    return array;
}

}  // namespace tilewright::accel
