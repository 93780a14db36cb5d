// SPDX-License-Identifier: Apache-2.0
#include "accel/design/quantity_units.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "accel/design/config_error.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

// How a name ends, longest first, and how its unit begins.
struct Convention {
    std::string_view ending;
    std::string_view unit;
};
constexpr Convention conventions[] = {
    {"_bytes_per_s", "byte/s"},
    {"_bytes_per_cycle", "byte"},
    {"_bits_per_cycle", "bit"},
    {"_j_per_byte", "J/byte"},
    {"_j_per_bit", "J/bit"},
    {"_j_per_cycle", "J"},
    {"_j_per_access", "J"},
    {"_cycles", "cycle"},
    {"_bytes", "byte"},
    {"_hz", "Hz"},
    {"_w", "W"},
    {"_j", "J"},
};
constexpr Convention resources[] = {
    {"lut", "LUT"}, {"ff", "flip-flop"}, {"dsp", "DSP"}, {"bram", "RAMB36"}, {"uram", "URAM288"}};

// The unit, or more about it behind a comma or a blank; of LUTs and DSP blocks which ones.
bool is_in(const std::string& unit, const Convention& convention, bool resource) {
    if (!unit.starts_with(convention.unit)) return false;
    if (resource || unit.size() == convention.unit.size()) return true;
    const char next = unit[convention.unit.size()];
    return next == ' ' || next == ',' ||
           (next == '/' && convention.ending.find("_per_") != std::string_view::npos);
}

void check_unit(const std::string& name, const std::string& unit, bool resource, const std::string& file,
                const std::string& pointer) {
    const auto check = [&](const auto& all, const auto& applies) {
        const auto found = std::find_if(std::begin(all), std::end(all), applies);
        if (found == std::end(all) || is_in(unit, *found, resource)) return;
        throw ConfigError(file, pointer, json(unit).dump() + " is not the unit of " + name,
                          "allowed: " + json(std::string(found->unit)).dump());
    };
    if (resource) {
        check(resources, [&](const Convention& one) { return name == one.ending; });
    } else {
        check(conventions, [&](const Convention& one) { return name.ends_with(one.ending); });
    }
}

}  // namespace

void check_units(const json& document, const std::string& file, const std::string& pointer) {
    if (!document.is_object()) return;
    for (const auto& [name, value] : document.items()) {
        const auto place = pointer + "/" + pointer_token(name);
        if (value.is_object() && value.contains("value") && value.contains("unit")) {
            check_unit(name, value.at("unit").get<std::string>(), pointer.ends_with("/resources"), file,
                       place + "/unit");
        } else {
            check_units(value, file, place);
        }
    }
}

}  // namespace tilewright::accel
