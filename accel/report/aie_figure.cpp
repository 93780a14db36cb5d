// SPDX-License-Identifier: Apache-2.0
#include "accel/report/aie_figure.hpp"

#include <limits>

#include "accel/aie/array_timing.hpp"
#include "accel/design/parse_aie.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

std::int64_t count(const json& from, const char* name) {
    return from.at(name).get<std::int64_t>();
}

AieShape shape(const json& from) {
    return {count(from, "m"), count(from, "k"), count(from, "n")};
}

AieMapping engine(const json& from) {
    auto mapping = parse_aie_engine(from);
    mapping.sum_bytes = from.value("sum_bytes", std::int64_t{0});
    return mapping;
}

double operations(const AieShape& work) {
    return 2.0 * static_cast<double>(work.m) * static_cast<double>(work.k) * static_cast<double>(work.n);
}

double kernel_cycles(const AieArray& array, const json& from) {
    AieKernel kernel;
    kernel.kind = parse_aie_kernel_kind(from.at("kernel"));
    kernel.precision = parse_aie_precision(from.at("precision"));
    kernel.shape = shape(from);
    kernel.cascade_ways = from.value("cascade_ways", 0);
    kernel.sum_bytes = from.value("sum_bytes", std::int64_t{0});
    return static_cast<double>(aie_kernel_cycles(array, kernel).total);
}

// Of an array that works all the time.
double steady(const AieArray& array, const json& from) {
    const auto mapping = engine(from.at("engine"));
    const auto iteration = aie_iteration(array, mapping, from.at("fabric_clock_hz").get<double>());
    return operations(mapping.native()) * array.clock_hz / static_cast<double>(iteration.cycles());
}

double product(const AieArray& array, const json& from) {
    const auto work = shape(from.at("work"));
    const auto cycles =
        aie_product_cycles(array, engine(from.at("engine")), work, from.at("fabric_clock_hz").get<double>());
    return operations(work) * array.clock_hz / static_cast<double>(cycles);
}

double memory_product(const AieArray& array, const json& from) {
    const auto& blocks = from.at("blocks");
    const auto stream = from.at("stream_bytes_per_s").get<double>();
    const AieMemoryFeed feed{
        {count(blocks, "x"), count(blocks, "y"), count(blocks, "z")}, stream, stream, stream};
    const auto work = shape(from.at("work"));
    return operations(work) / aie_memory_product_s(array, engine(from.at("engine")), feed, work,
                                                   from.at("fabric_clock_hz").get<double>());
}

double gmio(const AieArray& array, const json& from) {
    return gmio_bytes_per_s(array, count(from, "pairs"), count(from, "in_bytes"), count(from, "out_bytes"));
}

double power(const AieArray& array, const json& from) {
    const auto precision = parse_aie_precision(from.at("precision"));
    const auto macs_per_s = from.at("operations_per_s").get<double>() / 2;
    const auto tiles =
        from.contains("tiles") ? count(from, "tiles") : aie_placement(engine(from.at("engine"))).tiles;
    return aie_power_w(array, precision, macs_per_s / array.macs(precision), tiles);
}

}  // namespace

double aie_figure(const json& from, AieArray array) {
    array.clock_hz = from.value("clock_hz", array.clock_hz);
    constexpr std::pair<const char*, double (*)(const AieArray&, const json&)> kinds[] = {
        {"kernel_cycles", kernel_cycles},
        {"steady_operations_per_s", steady},
        {"product_operations_per_s", product},
        {"memory_product_operations_per_s", memory_product},
        {"gmio_bytes_per_s", gmio},
        {"power_w", power},
    };
    for (const auto& [name, figure] : kinds) {
        if (from.contains(name)) return figure(array, from.at(name));
    }
    return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tilewright::accel
