// SPDX-License-Identifier: Apache-2.0
// Reading one JSON file.
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

namespace tilewright::accel {

// Parses one JSON file. Throws ConfigError for a missing or unreadable file, bad syntax (with line and
// column) and duplicate keys.
nlohmann::json read_json_file(const std::filesystem::path& path);

}  // namespace tilewright::accel
