// SPDX-License-Identifier: Apache-2.0
// A device's JSON as typed values.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "accel/design/device.hpp"

namespace tilewright::accel {

// `document` must have passed the schema of devices; `file` and `pointer` stand in errors. Throws ConfigError
// for organisations that are not powers of two and for timings that cannot be: an access larger than a row,
// a bank cycle shorter than its parts, bank groups that are faster within than between, refreshes that leave
// no time for data.
Device parse_device(const nlohmann::json& document, const std::string& file, const std::string& pointer);

}  // namespace tilewright::accel
