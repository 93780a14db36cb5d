// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/text.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace tilewright::accel {

std::string fill(std::string_view text, const std::vector<std::pair<std::string_view, std::string>>& values) {
    std::string result;
    for (;;) {
        const auto open = text.find("@{");
        result += text.substr(0, open);
        if (open == std::string_view::npos) return result;
        const auto close = text.find('}', open);
        const auto key = text.substr(open + 2, close - open - 2);
        const auto found =
            std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == key; });
        if (found == values.end()) throw std::logic_error("no text for " + std::string(key));
        result += found->second;
        text.remove_prefix(close + 1);
    }
}

std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char letter) { return letter < ' ' || letter > '~'; }, ' ');
    return text;
}

std::string header_comment(const std::vector<std::string>& lines) {
    std::string result = "// SPDX-License-Identifier: Apache-2.0\n";
    for (const auto& given : lines) {
        auto line = one_line(given);
        // A comment that ends in a backslash would go on in the next line for some readers.
        while (!line.empty() && (line.back() == ' ' || line.back() == '\\')) line.pop_back();
        result += line.empty() ? "//\n" : "// " + line + "\n";
    }
    return result;
}

std::string bit_range(int bits) {
    return fmt::format("[{}:0]", bits - 1);
}

std::string sized(std::uint64_t value, int bits) {
    return fmt::format("{}'d{}", bits, value);
}

std::string zero_extended(const std::string& name, int from, int to) {
    return from == to ? name : fmt::format("{{{}'d0, {}}}", to - from, name);
}

std::string sign_extended(const std::string& name, int from, int to) {
    if (from == to) return name;
    const auto sign = fmt::format("{}[{}]", name, from - 1);
    if (to - from == 1) return fmt::format("{{{}, {}}}", sign, name);
    return fmt::format("{{{{{}{{{}}}}}, {}}}", to - from, sign, name);
}

std::string with_sign(const std::string& magnitude, int bits, const std::string& negative) {
    return fmt::format("({{1'b0, {}}} ^ {{{}{{{}}}}}) + {{{}'d0, {}}}", magnitude, bits + 1, negative, bits,
                       negative);
}

std::string hex_digits(models::Int128 value, int bits) {
    std::string result;
    for (int left = bits; left > 0; left -= 4) {
        const auto mask = left < 4 ? (1U << static_cast<unsigned>(left)) - 1 : 15U;
        result += "0123456789abcdef"[static_cast<unsigned>(value & 15) & mask];
        value >>= 4;  // keeps the sign
    }
    return {result.rbegin(), result.rend()};
}

std::string power_of_two(int exponent) {
    return exponent == 0 ? "1" : fmt::format("2^{}", exponent);
}

}  // namespace tilewright::accel
