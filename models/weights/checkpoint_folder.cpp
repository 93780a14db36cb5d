// SPDX-License-Identifier: Apache-2.0
#include "models/weights/checkpoint_folder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

namespace tilewright::models {

using nlohmann::json;

namespace {

std::vector<std::int64_t> without_ones(std::vector<std::int64_t> shape) {
    std::erase(shape, 1);
    return shape;
}

// Numbers that JSON does not have, as Python writes them, become null; not inside of texts.
std::string without_special_numbers(const std::string& text) {
    std::string result;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto is_special = [&](const std::string& number) {
            return !quoted && text.compare(i, number.size(), number) == 0;
        };
        std::size_t skipped = 0;
        for (const std::string number : {"-Infinity", "Infinity", "NaN"}) {
            if (skipped == 0 && is_special(number)) skipped = number.size();
        }
        if (skipped > 0) {
            result += "null";
            i += skipped - 1;
            continue;
        }
        if (quoted && text[i] == '\\' && i + 1 < text.size()) {
            result += text[i++];
        } else if (text[i] == '"') {
            quoted = !quoted;
        }
        result += text[i];
    }
    return result;
}

std::string text_of(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text = "[";
    for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
    return text + "]";
}

json read_checkpoint_config(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw CheckpointError(file.string() + ": cannot be read; a checkpoint has one");
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    auto document = json::parse(without_special_numbers(text), nullptr, false);
    if (!document.is_object()) throw CheckpointError(file.string() + ": is not a JSON object");
    return document;
}

ConfigReader::ConfigReader(const json& document, const std::string& file, const std::string& within)
    : document_(document), place_(file + "#" + within) {}

void ConfigReader::fixed(const char* key, const std::vector<json>& computed) const {
    const auto found = document_.find(key);
    if (found == document_.end() || std::find(computed.begin(), computed.end(), *found) != computed.end()) {
        return;
    }
    std::string allowed;
    for (const auto& value : computed) allowed += (allowed.empty() ? "" : ", ") + text_of(value);
    throw CheckpointError(place_ + "/" + key + ": " + text_of(*found) +
                          " is not computed; allowed: " + allowed);
}

void ConfigReader::known_keys(const std::vector<std::string>& known) const {
    for (const auto& [key, value] : document_.items()) {
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        std::string allowed;
        for (const auto& name : known) allowed += (allowed.empty() ? "" : ", ") + name;
        throw CheckpointError(place_ + "/" + key + ": unknown key; allowed: " + allowed);
    }
}

std::int64_t ConfigReader::required(const char* key) const {
    if (!document_.contains(key)) refuse(key, "is missing");
    return count(document_.at(key), key);
}

std::int64_t ConfigReader::optional(const char* key, std::int64_t otherwise) const {
    return document_.contains(key) ? count(document_.at(key), key) : otherwise;
}

std::vector<std::int64_t> ConfigReader::required_list(const char* key) const {
    if (!document_.contains(key)) refuse(key, "is missing");
    const auto& list = document_.at(key);
    if (!list.is_array() || list.empty()) refuse(key, "is no list");
    std::vector<std::int64_t> counts;
    for (std::size_t i = 0; i < list.size(); ++i) {
        counts.push_back(count(list[i], std::string(key) + "/" + std::to_string(i)));
    }
    return counts;
}

void ConfigReader::refuse(const std::string& key, const std::string& what) const {
    throw CheckpointError(place_ + "/" + key + ": " + what + "; allowed: a count from 1 to 100000000");
}

std::int64_t ConfigReader::count(const json& value, const std::string& key) const {
    if (!value.is_number_integer() || value < 1 || value > 100'000'000) {
        refuse(key, text_of(value) + " is no size");
    }
    return value.get<std::int64_t>();
}

CheckpointFolder::CheckpointFolder(const std::filesystem::path& folder,
                                   const std::function<std::string(std::string)>& canonical)
    : folder_(folder.string()) {
    std::vector<std::filesystem::path> shards;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".safetensors") shards.push_back(entry.path());
    }
    if (shards.empty()) throw CheckpointError(folder_ + ": there is no .safetensors file");
    std::sort(shards.begin(), shards.end());
    files_.reserve(shards.size());
    for (const auto& shard : shards) {
        files_.emplace_back(shard);
        for (const auto& [name, view] : files_.back().tensors()) {
            if (!tensors_.emplace(canonical ? canonical(name) : name, &view).second) {
                throw CheckpointError(shard.string() + ": tensor \"" + name + "\" stands there twice");
            }
        }
    }
}

const TensorView& CheckpointFolder::tensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw CheckpointError(folder_ + ": tensor \"" + name + "\" is missing");
    return *found->second;
}

void CheckpointFolder::check(const std::string& name, const std::vector<std::int64_t>& shape,
                             bool ignore_ones) const {
    const auto& view = tensor(name);
    const bool same = ignore_ones ? without_ones(view.shape) == without_ones(shape) : view.shape == shape;
    if (!same) {
        throw CheckpointError(folder_ + ": tensor \"" + name + "\" has the shape " + shape_text(view.shape) +
                              "; config.json asks for " + shape_text(shape));
    }
    if (!is_floating(view.type)) {
        throw CheckpointError(folder_ + ": tensor \"" + name + "\" has the element type " +
                              std::string(to_string(view.type)) + "; allowed: F64, F32, F16, BF16");
    }
    constexpr std::int64_t piece = 1 << 14;
    std::vector<double> values(piece);
    const auto elements = view.elements();
    for (std::int64_t begin = 0; begin < elements; begin += piece) {
        const auto count = std::min(piece, elements - begin);
        view.read(begin, count, values.data());
        for (std::int64_t i = 0; i < count; ++i) {
            if (std::isfinite(values[static_cast<std::size_t>(i)])) continue;
            throw CheckpointError(folder_ + ": tensor \"" + name +
                                  "\" has a value that is not finite at element " +
                                  std::to_string(begin + i));
        }
    }
}

bool CheckpointFolder::same(const std::string& one, const std::string& other) const {
    const auto& a = tensor(one);
    const auto& b = tensor(other);
    if (a.shape != b.shape) return false;
    const auto bytes = static_cast<std::size_t>(a.elements()) * element_bytes(a.type);
    if (a.type == b.type && std::memcmp(a.data, b.data, bytes) == 0) return true;
    for (std::int64_t i = 0; i < a.elements(); ++i) {
        if (a.at(i) != b.at(i)) return false;
    }
    return true;
}

std::vector<std::string> CheckpointFolder::names() const {
    std::vector<std::string> names;
    names.reserve(tensors_.size());
    for (const auto& [name, view] : tensors_) names.push_back(name);
    return names;
}

std::vector<float> CheckpointFolder::read(const std::string& name) const {
    const auto& view = tensor(name);
    std::vector<double> values(static_cast<std::size_t>(view.elements()));
    view.read(0, view.elements(), values.data());
    return {values.begin(), values.end()};
}

void CheckpointFolder::require_blocks(const std::string& place, std::int64_t blocks) const {
    if (blocks <= static_cast<std::int64_t>(size())) return;
    throw CheckpointError(place + ": " + std::to_string(blocks) + " blocks; the files have " +
                          std::to_string(size()) + " tensors");
}

void require_whole_heads(const std::string& place, std::int64_t heads, std::int64_t width) {
    if (width % heads == 0) return;
    throw CheckpointError(place + ": " + std::to_string(heads) + " heads do not divide " +
                          std::to_string(width) + " channels; allowed: a divisor");
}

}  // namespace tilewright::models
