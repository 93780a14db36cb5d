// SPDX-License-Identifier: Apache-2.0
// A word of a document as the enumerator that it names; the schema has admitted the word.
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace tilewright::accel {

template <typename T>
T choice(const nlohmann::json& value, const std::map<std::string, T>& choices) {
    return choices.at(value.get<std::string>());
}

}  // namespace tilewright::accel
