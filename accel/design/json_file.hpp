// SPDX-License-Identifier: Apache-2.0
// Reading one JSON file.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace tilewright::accel {

// Parses one JSON file. Throws ConfigError for a missing or unreadable file, bad syntax (with line and
// column) and duplicate keys.
nlohmann::json read_json_file(const std::filesystem::path& path);
// The same of a text that is said to be in `file`.
nlohmann::json parse_json_text(const std::string& text, const std::string& file);

}  // namespace tilewright::accel
