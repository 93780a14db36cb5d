// SPDX-License-Identifier: Apache-2.0
#include "accel/design/json_file.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "accel/design/config_error.hpp"

namespace tilewright::accel {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::pair<std::size_t, std::size_t> line_and_column(const std::string& text, std::size_t byte) {
    const auto end = std::min(byte > 0 ? byte - 1 : 0, text.size());
    const auto line =
        1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<long>(end), '\n'));
    const auto last_break = text.rfind('\n', end == 0 ? 0 : end - 1);
    return {line, end - (last_break == std::string::npos || last_break >= end ? 0 : last_break + 1) + 1};
}

// Remembers the keys of every open object, so that a key that stands twice is an error and not a silent
// override.
class DuplicateKeys {
  public:
    bool operator()(int depth, json::parse_event_t event, json& parsed) {
        if (depth > deepest) too_deep = true;
        if (too_deep) return false;  // keeps nothing of it
        if (event == json::parse_event_t::object_start) open_.emplace_back();
        if (event == json::parse_event_t::object_end && !open_.empty()) open_.pop_back();
        if (event == json::parse_event_t::key && !open_.empty()) {
            auto name = parsed.get<std::string>();
            if (!open_.back().insert(name).second && duplicate.empty()) duplicate = name;
        }
        return true;
    }
    std::string duplicate;
    static constexpr int deepest = 64;  // no configuration nests more than a dozen levels
    bool too_deep = false;

  private:
    std::vector<std::set<std::string>> open_;
};

}  // namespace

json read_json_file(const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error))
        throw ConfigError(path.string(), "", "is a folder", "allowed: a JSON file");
    std::ifstream stream(path, std::ios::binary);
    if (!stream)
        throw ConfigError(path.string(), "", "the file cannot be read", "allowed: a readable JSON file");
    std::stringstream buffer;
    buffer << stream.rdbuf();
    return parse_json_text(buffer.str(), path.string());
}

json parse_json_text(const std::string& text, const std::string& file) {
    DuplicateKeys keys;
    try {
        auto document =
            json::parse(text, [&](int d, json::parse_event_t e, json& p) { return keys(d, e, p); });
        if (keys.too_deep) {
            throw ConfigError(file, "", "the document is nested too deeply",
                              "allowed: " + std::to_string(DuplicateKeys::deepest) + " levels");
        }
        if (!keys.duplicate.empty()) {
            throw ConfigError(file, "", "the key \"" + keys.duplicate + "\" stands twice in one object",
                              "allowed: once");
        }
        return document;
    } catch (const json::parse_error& problem) {
        const auto [line, column] = line_and_column(text, problem.byte);
        throw ConfigError(
            file, "", "not valid JSON at line " + std::to_string(line) + ", column " + std::to_string(column),
            "look for a missing comma, quote or bracket just before");
    } catch (const json::exception&) {
        throw ConfigError(file, "", "not valid JSON: a number or text in it cannot be represented", "");
    }
}

}  // namespace tilewright::accel
