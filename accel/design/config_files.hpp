// SPDX-License-Identifier: Apache-2.0
// Reading configuration files: where they are, how references between them are resolved, how --set changes
// them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "accel/design/design.hpp"

namespace tilewright::accel {

// The folder that holds devices/, networks/, recipes/, cost/ and schemas/: TILEWRIGHT_CONFIGS if set, else
// configs/ beside or above the executable, else the installed one. Throws ConfigError if there is none.
std::filesystem::path config_root();

// A design with its references (device, network, recipe) replaced by what they name. Value semantics: a sweep
// copies it and sets a few pointers.
class DesignDocument {
  public:
    // Reads and validates the design and the files that it names.
    static DesignDocument load(const std::filesystem::path& path);

    // Replaces the value at a JSON pointer; a string for /device, /network or /recipe names a file again.
    void set(const std::string& pointer, const nlohmann::json& value);

    // "POINTER=VALUE" as on the command line; VALUE is JSON, or else a string.
    void assign(const std::string& assignment);

    // Throws ConfigError where the document does not keep to its schemas.
    void check() const;
    // The same, and turns it into typed values.
    Design parse() const;

    // The resolved document without descriptions and with the defaults of what it leaves out: what the result
    // depends on, keys sorted.
    nlohmann::json canonical() const;

    const nlohmann::json& document() const { return document_; }
    const std::string& file() const { return file_; }
    // It and those that it names.
    const std::vector<std::string>& files() const { return files_; }
    // Pointers that set() has changed since the file was read.
    const std::vector<std::string>& changed() const { return changed_; }

  private:
    void resolve(const std::string& key);

    std::string file_;
    std::vector<std::string> files_;
    std::filesystem::path folder_;
    nlohmann::json document_;
    std::map<std::string, std::string> part_files_;  // by key; empty: it stands in the design itself
    std::vector<std::string> changed_;
};

// A device by its name in configs/devices, or from a .json file. Throws ConfigError; an unknown name with
// the allowed ones.
Device load_device(const std::string& name);

// The file of a recipe by its name in configs/recipes, or a .json file itself. Throws ConfigError, which
// names `option`; for an unknown name with the allowed ones.
std::filesystem::path find_recipe(const std::string& name, const std::string& option);

// A recipe's document. `kind`: what recipes of these networks say that they are; empty: of Mamba, nothing.
// Throws ConfigError for one of another kind, or that its schema does not admit.
nlohmann::json read_recipe_file(const std::filesystem::path& path, const std::string& kind);

// 64-bit FNV-1a of a text, as 16 hexadecimal digits. Identifies configurations; not a cryptographic hash.
std::string content_hash(const std::string& text);

}  // namespace tilewright::accel
