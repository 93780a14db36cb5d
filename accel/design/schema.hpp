// SPDX-License-Identifier: Apache-2.0
// Validation against the JSON Schemas in configs/schemas, with errors written for people.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace tilewright::accel {

// Checks documents against one schema file. Validation itself is valijson's; when it fails, the first offence
// is looked up in the schema so that the message can name it, say what is allowed and propose the nearest
// spelling.
class Schema {
  public:
    explicit Schema(const std::filesystem::path& file);

    // Throws ConfigError. `file` and `pointer` say where `document` comes from.
    void validate(const nlohmann::json& document, const std::string& file,
                  const std::string& pointer = "") const;

    // What a valid document leaves out and the schema has a `default` for, in objects that stand there.
    void complete(nlohmann::json& document) const;

    // A place, a JSON pointer, that somebody names for reports of this schema: at `pointer` of `file`. Throws
    // ConfigError when none of them has anything there, or more than one figure, or, where a number is
    // wanted, no number.
    enum class Wanted { anything, number };
    void require_place(const std::string& place, Wanted wanted, const std::string& file,
                       const std::string& pointer) const;

  private:
    nlohmann::json schema_;
};

// The candidate with the smallest edit distance to `word`, or "" when none is near.
std::string nearest_spelling(const std::string& word, const std::vector<std::string>& candidates);

// A name as a JSON pointer token: ~ and / escaped (RFC 6901).
std::string pointer_token(const std::string& name);

}  // namespace tilewright::accel
