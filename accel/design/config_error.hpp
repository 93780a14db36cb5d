// SPDX-License-Identifier: Apache-2.0
// The errors that a user's input can cause.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace tilewright::accel {

// Reads "FILE#/json/pointer: what is wrong; what is allowed". Without a file nothing stands in front.
class ConfigError : public std::runtime_error {
  public:
    ConfigError(const std::string& file, const std::string& pointer, const std::string& what,
                const std::string& allowed)
        : std::runtime_error(place(file, pointer) + what + (allowed.empty() ? "" : "; " + allowed)),
          pointer_(pointer),
          what_(what),
          allowed_(allowed) {}

    const std::string& pointer() const { return pointer_; }
    const std::string& problem() const { return what_; }  // without its place and what is allowed
    // The same of the "device", "network" or "recipe" of a design, which was read from another file; the
    // design has `changed` these places elsewhere.
    ConfigError of_part(const std::string& part_file, const std::string& part, const std::string& design_file,
                        const std::vector<std::string>& changed) const {
        auto whose = "the " + part + " of " + design_file;
        for (const auto& pointer : changed) {
            whose += (&pointer == &changed.front() ? ", which sets " : ", ") + pointer;
        }
        return {part_file, pointer_.substr(part.size() + 1), what_ + " (" + whose + ")", allowed_};
    }

  private:
    static std::string place(const std::string& file, const std::string& pointer) {
        return file.empty() ? "" : file + "#" + pointer + ": ";
    }

    std::string pointer_;
    std::string what_;
    std::string allowed_;
};

// A right design that is larger than its device in a way that leaves nothing to count or to run.
class DesignDoesNotFit : public ConfigError {
  public:
    using ConfigError::ConfigError;
};

}  // namespace tilewright::accel
