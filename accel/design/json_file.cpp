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
#include "accel/design/schema.hpp"

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
        using Event = json::parse_event_t;
        if (depth > deepest) too_deep = true;
        if (too_deep) return false;  // keeps nothing of it
        const bool begins = event == Event::object_start || event == Event::array_start;
        if (event == Event::object_end || event == Event::array_end) open_.pop_back();
        if ((begins || event == Event::value) && !open_.empty()) ++open_.back().elements;
        if (begins) open_.push_back({event == Event::array_start, 0, {}, {}});
        if (event == Event::key) {
            auto& object = open_.back();
            object.key = parsed.get<std::string>();
            if (!object.keys.insert(object.key).second && duplicate.empty()) duplicate = pointer();
        }
        return true;
    }
    std::string duplicate;              // JSON pointer
    static constexpr int deepest = 64;  // no configuration nests more than a dozen levels
    bool too_deep = false;

  private:
    struct Container {
        bool array = false;
        std::size_t elements = 0;  // begun
        std::string key;           // the last one
        std::set<std::string> keys;
    };

    std::string pointer() const {
        std::string text;
        for (const auto& one : open_) {
            text += "/" + (one.array ? std::to_string(one.elements - 1) : pointer_token(one.key));
        }
        return text;
    }

    std::vector<Container> open_;
};

// The first number of a text that is too large for binary64, as it is spelt there.
std::string too_large_number(const std::string& text, const std::string& message) {
    const auto begin = message.find('\'');
    const auto end = message.rfind('\'');
    if (begin == std::string::npos || end <= begin) return "";
    auto number = message.substr(begin + 1, end - begin - 1);
    return text.find(number) == std::string::npos ? "" : number;
}

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
            throw ConfigError(file, keys.duplicate, "this key stands twice in one object", "allowed: once");
        }
        return document;
    } catch (const json::parse_error& problem) {
        const auto [line, column] = line_and_column(text, problem.byte);
        throw ConfigError(
            file, "", "not valid JSON at line " + std::to_string(line) + ", column " + std::to_string(column),
            "look for a missing comma, quote or bracket just before");
    } catch (const json::exception& problem) {
        if (const auto number = too_large_number(text, problem.what()); !number.empty()) {
            const auto [line, column] = line_and_column(text, text.find(number) + 1);
            throw ConfigError(file, "",
                              number + " at line " + std::to_string(line) + ", column " +
                                  std::to_string(column) + " is too large",
                              "allowed: numbers below 1.8e308");
        }
        throw ConfigError(file, "", "not valid JSON: a number or text in it cannot be represented", "");
    }
}

}  // namespace tilewright::accel
