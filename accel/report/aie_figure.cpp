// SPDX-License-Identifier: Apache-2.0
#include "accel/report/aie_figure.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

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

void check(const char* what, std::int64_t used, std::int64_t limit) {
    if (used <= limit) return;
    throw std::invalid_argument(std::to_string(used) + " " + what + "; allowed: " + std::to_string(limit));
}

AieMapping engine(const AieArray& array, const json& from) {
    auto mapping = parse_aie_engine(from);
    mapping.sum_bytes = from.value("sum_bytes", std::int64_t{0});
    // Those of its own tile and of three neighbours (AM009, UG1079).
    const auto reach = 4 * array.data_memory_bytes - array.reserved_memory_bytes;
    check("bytes of ping-pong buffers in the memories that a core reaches",
          aie_placement(mapping).tile_memory_bytes, reach);
    check("AI Engine tiles, those whose memories are used included", aie_tiles_in_use(array, mapping),
          array.tiles());
    auto reaching = array;
    reaching.data_memory_bytes = reach + array.reserved_memory_bytes;
    const auto problem = aie_placement_problem(reaching, mapping);
    if (!problem.what.empty()) throw std::invalid_argument(problem.what + "; allowed: " + problem.allowed);
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
    const auto mapping = engine(array, from.at("engine"));
    const auto iteration = aie_iteration(array, mapping, from.at("fabric_clock_hz").get<double>());
    return operations(mapping.native()) * array.clock_hz / static_cast<double>(iteration.cycles());
}

double product(const AieArray& array, const json& from) {
    const auto work = shape(from.at("work"));
    const auto cycles = aie_product_cycles(array, engine(array, from.at("engine")), work,
                                           from.at("fabric_clock_hz").get<double>());
    return operations(work) * array.clock_hz / static_cast<double>(cycles);
}

double memory_product(const AieArray& array, const json& from) {
    const auto& blocks = from.at("blocks");
    const auto stream = from.at("stream_bytes_per_s").get<double>();
    const AieMemoryFeed feed{
        {count(blocks, "x"), count(blocks, "y"), count(blocks, "z")}, stream, stream, stream};
    const auto work = shape(from.at("work"));
    return operations(work) / aie_memory_product_s(array, engine(array, from.at("engine")), feed, work,
                                                   from.at("fabric_clock_hz").get<double>());
}

double gmio(const AieArray& array, const json& from) {
    return gmio_bytes_per_s(array, count(from, "pairs"), count(from, "in_bytes"), count(from, "out_bytes"));
}

// At the published rate.
double watts(const AieArray& array, AiePrecision precision, const json& from, std::int64_t tiles) {
    const auto macs_per_s = from.at("operations_per_s").get<double>() / 2;
    return aie_power_w(array, precision, macs_per_s / array.macs(precision), tiles);
}

double power_of_tiles(const AieArray& array, const json& from) {
    check("AI Engine tiles", count(from, "tiles"), array.tiles());
    return watts(array, parse_aie_precision(from.at("precision")), from, count(from, "tiles"));
}

double power_of_engine(const AieArray& array, const json& from) {
    const auto mapping = engine(array, from.at("engine"));
    return watts(array, mapping.precision, from, aie_tiles_in_use(array, mapping));
}

}  // namespace

double aie_figure(const json& from, AieArray array) {
    array.clock_hz = from.value("clock_hz", array.clock_hz);
    constexpr std::pair<const char*, double (*)(const AieArray&, const json&)> models[] = {
        {"kernel_cycles", kernel_cycles},
        {"steady_operations_per_s", steady},
        {"product_operations_per_s", product},
        {"memory_product_operations_per_s", memory_product},
        {"gmio_bytes_per_s", gmio},
        {"power_of_tiles_w", power_of_tiles},
        {"power_of_engine_w", power_of_engine},
    };
    const auto given = [&](const auto& model) { return from.contains(model.first); };
    const auto model = std::find_if(std::begin(models), std::end(models), given);
    if (std::count_if(std::begin(models), std::end(models), given) != 1) {
        std::string names;
        for (const auto& [name, ignored] : models) names += (names.empty() ? "" : ", ") + std::string(name);
        throw std::invalid_argument("one model is what a figure comes from; allowed: one of " + names);
    }
    return model->second(array, from.at(model->first));
}

}  // namespace tilewright::accel
