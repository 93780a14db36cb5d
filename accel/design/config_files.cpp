// SPDX-License-Identifier: Apache-2.0
#include "accel/design/config_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <vector>

#include "accel/design/config_error.hpp"
#include "accel/design/json_file.hpp"
#include "accel/design/parse.hpp"
#include "accel/design/parse_device.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// Which part of a design may name a file, and the folder in which it is looked for.
const std::map<std::string, std::string> reference_folders = {
    {"device", "devices"}, {"network", "networks"}, {"recipe", "recipes"}};

bool is_config_root(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(folder / "schemas" / "design.schema.json", ignored);
}

const Schema& schema_for(const std::string& kind) {
    static std::map<std::string, Schema> schemas;
    auto found = schemas.find(kind);
    if (found == schemas.end()) {
        found = schemas.emplace(kind, Schema(config_root() / "schemas" / (kind + ".schema.json"))).first;
    }
    return found->second;
}

// Parts of a design come in kinds: of a design for anything but Mamba, the "kind" that it says and the
// "family" of its network, the beginning of the names of their schemas, and the "kind" of its recipe.
struct Kind {
    const char* name;
    const char* schema;
    const char* recipe;
};
constexpr Kind kinds[] = {{"var", "var", "transformer"},
                          {"gpt_bigcode", "gpt", "transformer"},
                          {"super_resolution", "super_resolution", "super_resolution"}};

// The kind that a document says it is in `member`; null for the others.
const Kind* kind_of(const json& document, const char* member, const char* Kind::*name = &Kind::name) {
    for (const auto& kind : kinds) {
        if (document.is_object() && document.value(member, json()) == kind.*name) return &kind;
    }
    return nullptr;
}

// The schema of a document that stands for a part of a design (or, with "design", for all of it).
std::string schema_of(const std::string& key, const json& document) {
    const Kind* kind = nullptr;
    if (key == "design") kind = kind_of(document, "kind");
    if (key == "network") kind = kind_of(document, "family");
    if (kind != nullptr) return std::string(kind->schema) + "_" + key;
    if (key == "recipe") kind = kind_of(document, "kind", &Kind::recipe);
    return kind == nullptr ? key : std::string(kind->recipe) + "_recipe";
}

// A kind or family that nobody knows is named before anything that a schema of another kind would say.
void check_kind(const std::string& key, const json& document, const std::string& file,
                const std::string& pointer) {
    const std::string member = key == "network" ? "family" : "kind";
    if (!document.is_object() || !document.contains(member) || !document.at(member).is_string()) return;
    std::vector<std::string> known;
    if (key == "network") known = {"mamba1", "mamba2"};
    for (const auto& kind : kinds) {
        const std::string name = key == "recipe" ? kind.recipe : kind.name;
        if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
    }
    const auto found = document.at(member).get<std::string>();
    if (key == "device" || std::find(known.begin(), known.end(), found) != known.end()) return;
    const auto near = nearest_spelling(found, known);
    std::string list;
    for (const auto& name : known) list += (list.empty() ? "\"" : ", \"") + name + "\"";
    throw ConfigError(file, pointer + "/" + member,
                      document.at(member).dump() + " is not a known value" +
                          (near.empty() ? "" : ", did you mean \"" + near + "\"?"),
                      "allowed: " + list + (key == "network" ? "" : ", or none, of Mamba"));
}

void validate(const std::string& key, const json& document, const std::string& file,
              const std::string& pointer = "") {
    check_kind(key, document, file, pointer);
    schema_for(schema_of(key, document)).validate(document, file, pointer);
}

// Network and recipe must be of the design's kind.
void check_kinds(const json& design, const std::string& file) {
    const auto* const kind = kind_of(design, "kind");
    const auto quoted = [](const std::string& text) { return json(text).dump(); };
    const auto* const family = kind_of(design.at("network"), "family");
    if (family != kind) {
        std::string allowed = kind != nullptr ? quoted(kind->name) : "\"mamba1\", \"mamba2\"";
        if (kind == nullptr) allowed += ", or \"kind\": " + quoted(family->name) + " in the design";
        throw ConfigError(file, "/network/family",
                          design.at("network").at("family").dump() + " is no network for this kind of design",
                          "allowed: " + allowed);
    }
    const auto wanted = kind != nullptr ? std::string(kind->recipe) + "_recipe" : std::string("recipe");
    if (schema_of("recipe", design.at("recipe")) != wanted) {
        throw ConfigError(
            file, "/recipe", design.at("recipe").at("name").dump() + " is no recipe for this kind of network",
            "allowed: a recipe " + (kind != nullptr ? "of kind " + quoted(kind->recipe) : "without a kind"));
    }
}

}  // namespace

json read_recipe_file(const std::filesystem::path& path, const std::string& kind) {
    auto document = read_json_file(path);
    check_kind("recipe", document, path.string(), "");
    const auto wanted = kind.empty() ? std::string("recipe") : kind + "_recipe";
    if (document.is_object() && schema_of("recipe", document) != wanted) {
        throw ConfigError(
            path.string(), document.contains("kind") ? "/kind" : "", "is no recipe for this kind of network",
            "allowed: a recipe " + (kind.empty() ? "without a kind" : "of kind \"" + kind + "\""));
    }
    schema_for(wanted).validate(document, path.string());
    return document;
}

namespace {

// Whether something stands at a pointer; one with an impossible array index points at nothing.
bool stands(const json& document, const json::json_pointer& pointer) {
    try {
        return document.contains(pointer);
    } catch (const json::exception&) {
        return false;
    }
}

// Of a place that has no such member or item.
std::string what_stands(const json& there, const std::string& pointer) {
    if (!there.is_array()) return pointer + " is " + there.dump() + "; allowed: " + pointer + " itself";
    if (there.empty()) return pointer + " has no items";
    if (there.size() == 1) return "allowed: " + pointer + "/0";
    return "allowed: " + pointer + "/0 to " + pointer + "/" + std::to_string(there.size() - 1);
}

bool is_utf8(const json& value) {
    try {
        (void)value.dump();
        return true;
    } catch (const json::exception&) {
        return false;
    }
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

// The file that a part of a design names. `folder` is that of the design; `file` and `pointer` say who names
// it.
fs::path find_reference(const std::string& key, const std::string& name, const fs::path& design_folder,
                        const std::string& file, const std::string& pointer) {
    const auto& folder = reference_folders.at(key);
    std::vector<fs::path> candidates;
    if (fs::path(name).extension() == ".json") {
        candidates = {design_folder / name, fs::path(name)};
    } else {
        candidates = {design_folder / ".." / folder / (name + ".json"),
                      config_root() / folder / (name + ".json")};
    }
    for (const auto& candidate : candidates) {
        std::error_code error;
        if (fs::exists(candidate, error)) return candidate;
    }
    if (fs::path(name).extension() == ".json") {
        throw ConfigError(
            file, pointer, "there is no file \"" + name + "\"",
            "allowed: the path of a " + key + " from the design's folder or from here, or a name");
    }
    const auto known = names_in(config_root() / folder);
    std::string list;
    for (const auto& other : known) list += (list.empty() ? "" : ", ") + other;
    const auto near = nearest_spelling(name, known);
    throw ConfigError(
        file, pointer,
        "there is no " + key + " \"" + name + "\"" + (near.empty() ? "" : ", did you mean \"" + near + "\"?"),
        "allowed: " + list + ", or the path of a .json file");
}

// The same with what it holds, validated.
std::pair<fs::path, json> load_reference(const std::string& key, const std::string& name,
                                         const fs::path& design_folder, const std::string& file,
                                         const std::string& pointer) {
    const auto found = find_reference(key, name, design_folder, file, pointer);
    auto loaded = read_json_file(found);
    const auto path = found.lexically_normal();
    validate(key, loaded, path.string());
    return {path, std::move(loaded)};
}

}  // namespace

fs::path config_root() {
    static const fs::path root = [] {
        if (const char* configured = std::getenv("TILEWRIGHT_CONFIGS"); configured != nullptr) {
            if (is_config_root(configured)) return fs::path(configured);
            throw ConfigError(configured, "", "TILEWRIGHT_CONFIGS does not name a configs folder",
                              "allowed: a folder with schemas/design.schema.json");
        }
        std::error_code error;
        for (auto at = fs::read_symlink("/proc/self/exe", error).parent_path(); !at.empty();
             at = at.parent_path()) {
            for (const auto* below : {"configs", "share/tilewright/configs"}) {
                if (is_config_root(at / below)) return at / below;
            }
            if (at == at.root_path()) break;
        }
        throw ConfigError("configs", "", "the configs folder was not found beside the program",
                          "set TILEWRIGHT_CONFIGS to it");
    }();
    return root;
}

DesignDocument DesignDocument::load(const fs::path& path) {
    DesignDocument result;
    result.file_ = path.string();
    result.files_ = {result.file_};
    result.folder_ = path.parent_path();
    result.document_ = read_json_file(path);
    if (result.document_.is_object() && result.document_.contains("base") &&
        !result.document_.contains("engines")) {
        throw ConfigError(result.file_, "", "is a study",
                          "allowed: a design; tilewright sweep takes studies");
    }
    validate("design", result.document_, result.file_);
    for (const auto& [key, folder] : reference_folders) result.resolve(key);
    return result;
}

void DesignDocument::resolve(const std::string& key) {
    auto& value = document_.at(key);
    std::string file;
    if (value.is_string()) {
        auto [path, read] = load_reference(key, value.get<std::string>(), folder_, file_, "/" + key);
        file = path.string();
        files_.push_back(file);
        value = std::move(read);
    }
    part_files_[key] = file;
}

Device load_device(const std::string& name) {
    const auto [path, document] = load_reference("device", name, fs::current_path(), "", "");
    return parse_device(document, path.string(), "");
}

fs::path find_recipe(const std::string& name, const std::string& option) {
    return find_reference("recipe", name, fs::current_path(), option, "");
}

void DesignDocument::set(const std::string& pointer, const json& value) {
    json::json_pointer parsed;
    try {
        parsed = json::json_pointer(pointer);
    } catch (const json::exception&) {
        throw ConfigError(file_, "", "\"" + pointer + "\" is not a JSON pointer",
                          "allowed: / before every key, such as /mapping/tile/outputs");
    }
    if (parsed.empty())
        throw ConfigError(file_, "", "the whole design cannot be set", "allowed: a pointer below it");
    if (!is_utf8(value)) {
        throw ConfigError(file_, pointer, "the text is not valid UTF-8", "allowed: UTF-8");
    }
    // Objects on the way that are missing are made; whether they may be there is for the schema to say.
    auto standing = parsed;
    std::deque<std::string> missing;
    while (!stands(document_, standing)) {
        missing.push_front(standing.back());
        standing.pop_back();
    }
    if (!missing.empty() && !document_.at(standing).is_object()) {
        throw ConfigError(file_, pointer, "nothing stands there to be set",
                          what_stands(document_.at(standing), standing.to_string()));
    }
    auto* place = &document_.at(standing);
    for (const auto& key : missing) place = &(*place)[key];
    *place = value;
    std::erase_if(changed_,
                  [&](const std::string& before) { return (before + "/").starts_with(pointer + "/"); });
    changed_.push_back(pointer);
    const auto key = parsed.back();
    if (parsed.parent_pointer().empty() && reference_folders.contains(key)) resolve(key);
}

void DesignDocument::assign(const std::string& assignment) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
        throw ConfigError("--set", "", "\"" + assignment + "\" is not an assignment",
                          "allowed: /json/pointer=VALUE");
    }
    const auto text = assignment.substr(equals + 1);
    const auto pointer = assignment.substr(0, equals);
    set(pointer, json::accept(text) ? parse_json_text(text, "--set " + pointer) : json(text));
}

void DesignDocument::check() const {
    validate("design", document_, file_);
    for (const auto& [key, folder] : reference_folders) validate(key, document_.at(key), file_, "/" + key);
    check_kinds(document_, file_);
}

Design DesignDocument::parse() const {
    check();
    try {
        return parse_design(document_, file_);
    } catch (const ConfigError& error) {
        // What is wrong inside a part that was read from a file is wrong in that file, unless the design has
        // changed something there.
        for (const auto& [key, file] : part_files_) {
            const auto inside = [part = "/" + key + "/"](const std::string& pointer) {
                return pointer.starts_with(part);
            };
            if (file.empty() || !inside(error.pointer()) ||
                std::any_of(changed_.begin(), changed_.end(), inside))
                continue;
            throw error.of_part(file, key, file_, changed_);
        }
        throw;
    }
}

nlohmann::json DesignDocument::canonical() const {
    auto result = document_;
    for (const auto* told : {"description", "fitted", "$schema"}) result.erase(told);
    for (const auto& [key, folder] : reference_folders) {
        auto& part = result.at(key);
        for (const auto* told : {"description", "$schema"}) part.erase(told);
        schema_for(schema_of(key, part)).complete(part);
    }
    schema_for(schema_of("design", result)).complete(result);
    return result;
}

std::string content_hash(const std::string& text) {
    std::uint64_t hash =
        14695981039346656037ULL;  // FNV-1a, 64 bit: offset basis and prime of the published algorithm
    for (const unsigned char byte : text) {
        hash ^= byte;
        hash *= 1099511628211ULL;
    }
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex(16, '0');
    for (int i = 15; i >= 0; --i, hash >>= 4) hex[static_cast<std::size_t>(i)] = digits[hash & 15];
    return hex;
}

}  // namespace tilewright::accel
