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
        : std::runtime_error(file + "#" + pointer + ": " + what + (allowed.empty() ? "" : "; " + allowed)) {}
};

}  // namespace tilewright::accel
