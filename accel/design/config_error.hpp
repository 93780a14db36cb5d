// SPDX-License-Identifier: Apache-2.0
// The one kind of error that a user's input can cause.
#pragma once

#include <stdexcept>
#include <string>

namespace tilewright::accel {

// Reads "FILE#/json/pointer: what is wrong; what is allowed".
class ConfigError : public std::runtime_error {
  public:
    ConfigError(const std::string& file, const std::string& pointer, const std::string& what,
                const std::string& allowed)
        : std::runtime_error(file + "#" + pointer + ": " + what + (allowed.empty() ? "" : "; " + allowed)),
          pointer_(pointer),
          what_(what),
          allowed_(allowed) {}

    const std::string& pointer() const { return pointer_; }
    // The same of the "device", "network" or "recipe" of a design, which was read from another file.
    ConfigError of_part(const std::string& part_file, const std::string& part,
                        const std::string& design_file) const {
        const auto part_pointer = pointer_.substr(part.size() + 1);
        return {part_file, part_pointer, what_ + " (the " + part + " of " + design_file + ")", allowed_};
    }

  private:
    std::string pointer_;
    std::string what_;
    std::string allowed_;
};

}  // namespace tilewright::accel
